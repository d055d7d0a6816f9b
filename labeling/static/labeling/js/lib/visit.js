// Puts another page of this site in the place of this one without loading scripts and styles again.

const preparations = [];

// Something to be done with a page before it is shown: fetching the scripts that only it needs.
export const beforeShowing = (prepare) => preparations.push(prepare);

// `change(page)`: what is to be changed in it before it is shown.
export async function show(html, change = () => {}) {
  const page = new DOMParser().parseFromString(html, "text/html");
  change(page);
  for (const prepare of preparations) await prepare(page);
  document.title = page.title;
  document.body.replaceWith(document.adoptNode(page.body));
  scrollTo(0, 0);
  document.getElementById("main")?.focus({ preventScroll: true });
}
