// The controllers of question types. A page names the scripts of the types that its form asks (script[data-question-type]);
// each adds its controllers here, before or after the application is there.

const waiting = new Map();
const known = new Set();
let register = null;

export function addQuestionType(name, controller) {
  if (known.has(name)) return;
  known.add(name);
  if (register) register(name, controller);
  else waiting.set(name, controller);
}

// From now on, and for what was added before: `how(name, controller)`.
export function registerWith(how) {
  register = how;
  for (const [name, controller] of waiting) register(name, controller);
  waiting.clear();
}

// Loads the types of a page that is about to take the place of this one.
export const loadTypesOf = (page) =>
  Promise.all([...page.querySelectorAll("script[data-question-type]")].map((script) => import(script.src)));
