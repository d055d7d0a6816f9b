// Puts another page of this site in the place of this one without loading scripts and styles again.

const preparations = [];

// Something to be done with a page before it is shown: fetching the scripts that only it needs.
export const beforeShowing = (prepare) => preparations.push(prepare);

// The scripts that run here; a page of a newer version of the site names others.
const script = (page) => page.querySelector('script[src*="/js/label."]')?.getAttribute("src");

// `change(page)`: what is to be changed in it before it is shown. Throws where the page cannot be shown in this one, and
// has to be loaded as pages are: a script of it does not come, or it needs newer ones than run here.
export async function show(html, change = () => {}) {
  const page = new DOMParser().parseFromString(html, "text/html");
  if (script(page) && script(document) && script(page) !== script(document)) throw new Error("the site was changed");
  change(page);
  for (const prepare of preparations) await prepare(page);
  document.title = page.title;
  document.body.replaceWith(document.adoptNode(page.body));
  scrollTo(0, 0);
  document.getElementById("main")?.focus({ preventScroll: true });
}
