// The questions of the form on this page: which are asked, which one the keys answer now, what is still open.
//
// A question: {name, number, condition: {question, is: […]} or null, complete, outcomes: […], value}. The order is the
// form's.

const questions = new Map();
let current = null;

const inOrder = () => [...questions.values()].sort((one, other) => one.number - other.number);

export function add({ name, number, condition = null }) {
  questions.set(name, { name, number, condition, complete: false, outcomes: [], value: null, heard: false });
}

export function clear() {
  questions.clear();
  current = null;
}

// What a question's controller says of its answer: whether it is complete, what it comes to, and the answer itself.
export function update(name, { complete, outcomes = [], value = null }) {
  const question = questions.get(name);
  if (question) Object.assign(question, { complete, outcomes, value, heard: true });
}

// Whether a question is asked, given the answers before it. What hangs on a question that is not asked is not asked.
export function isAsked(name) {
  const question = questions.get(name);
  if (!question?.condition) return Boolean(question);
  const { question: earlier, is } = question.condition;
  return isAsked(earlier) && questions.get(earlier).outcomes.some((outcome) => is.includes(outcome));
}

export const asked = () => inOrder().filter(({ name }) => isAsked(name));

// The complete answers to the questions before this one, the nearest first.
export function answersBefore(name) {
  const found = asked();
  const at = found.findIndex((question) => question.name === name);
  return found.slice(0, Math.max(at, 0)).reverse().flatMap(({ complete, value }) => (complete && value !== null ? [value] : []));
}

// Whether the whole form can be submitted, as far as this page knows.
export const allComplete = () => asked().some(({ heard }) => heard) && asked().every(({ complete }) => complete);

// The question that single keys belong to.
export function active() {
  if (current && isAsked(current)) return current;
  return asked()[0]?.name ?? null;
}

export const isActive = (name) => active() === name;

export function activate(name) {
  if (isAsked(name)) current = name;
  return active();
}

// Where work goes on when the page opens: at the first question, or after a break at the first that is still open.
export function resume() {
  const begun = asked().some(({ value }) => value !== null);
  return activate((begun && nextOpen(null)) || active());
}

// The question `by` places further on, round the form.
export function beside(by) {
  const names = asked().map(({ name }) => name);
  if (!names.length) return null;
  return names[(names.indexOf(active()) + by + names.length) % names.length];
}

// The next question after this one that still needs an answer, or one before it; null when none does.
export function nextOpen(name) {
  const found = asked();
  const at = found.findIndex((question) => question.name === name);
  return [...found.slice(at + 1), ...found.slice(0, Math.max(at, 0))].find(({ complete }) => !complete)?.name ?? null;
}
