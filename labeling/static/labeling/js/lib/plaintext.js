// The plain text of a response, as the server has it: in the page, shown or not.
const element = (key) => [...document.querySelectorAll("[data-raw]")].find((one) => one.dataset.raw === key) ?? null;

export function plainElement(key) {
  const found = element(key);
  found?.normalize(); // parsers cut long texts into several nodes; places in the text are counted in one
  return found;
}

export const plainText = (key) => element(key)?.textContent ?? "";
