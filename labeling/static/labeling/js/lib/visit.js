// Puts another page of this site in the place of this one without loading scripts and styles again.

const preparations = [];

// Something to be done with a page before it is shown: fetching the scripts that only it needs.
export const beforeShowing = (prepare) => preparations.push(prepare);

// The scripts that run here; a page of a newer version of the site names others.
const script = (page) => page.querySelector('script[src*="/js/label."]')?.getAttribute("src");

export const parse = (html) => new DOMParser().parseFromString(html, "text/html");

// `page`: a document that was parsed, which is used up by it. `change(page)`: what is to be changed in it before it is
// shown. Throws where the page cannot be shown in this one, and has to be loaded as pages are: a script of it does not
// come, or it needs newer ones than run here.
export async function show(page, change = () => {}) {
  if (script(page) && script(document) && script(page) !== script(document)) throw new Error("the site was changed");
  change(page);
  for (const prepare of preparations) await prepare(page);
  document.title = page.title;
  document.body.replaceWith(document.adoptNode(page.body));
  // Stimulus connects the controllers now, which change the page: to scroll or to focus before would lay it out twice.
  await null;
  scrollTo(0, 0);
  if (document.activeElement === document.body) document.getElementById("main")?.focus({ preventScroll: true });
}
