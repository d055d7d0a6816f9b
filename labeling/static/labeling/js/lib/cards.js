// The responses on the page, and which of them single keys are about: the one with data-current.

// Letters that mean something else on the page, and so do not lead to a response of that name.
export const TAKEN = "gjklmnoprstuvwxz";

const all = () => [...document.querySelectorAll("[data-candidate]")];
const card = (key) => all().find((one) => one.dataset.candidate === key);

export const keys = () => all().map(({ dataset }) => dataset.candidate);
export const letters = () => Object.fromEntries(all().map(({ dataset }) => [dataset.candidate, dataset.letter]));

export const current = () => (all().find((one) => "current" in one.dataset) ?? all()[0])?.dataset.candidate ?? null;

export function mark(key) {
  for (const one of all()) one.toggleAttribute("data-current", one.dataset.candidate === key);
  document.dispatchEvent(new CustomEvent("cards:marked", { detail: { key } }));
}

// Makes a response the current one, with the focus on it.
export function goTo(key) {
  const one = card(key);
  if (!one) return;
  mark(key);
  one.focus({ preventScroll: true });
  one.scrollIntoView({ block: "nearest" });
}

export function step(by) {
  const found = keys();
  if (found.length) goTo(found[(found.indexOf(current()) + by + found.length) % found.length]);
}
