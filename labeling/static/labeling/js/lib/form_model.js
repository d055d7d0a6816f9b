// A form as the builder changes it: a list of questions as they stand in its JSON. What the builder does not know of a
// question it leaves as it is.

// What every question has, described as the settings of its type are.
export const COMMON = [
  { name: "title", kind: "text", title: "Question", help: "" },
  { name: "help", kind: "lines", title: "Help", help: "A sentence or two that stand below it." },
  { name: "name", kind: "text", title: "Name in the data", help: "Answers are stored under it: small letters, digits, _." },
  { name: "required", kind: "yes_no", title: "It must be answered", help: "", default: true },
];

const FIRST = ["name", "type", "title", "help", "required"];
const LAST = "show_if";
const LONGEST_NAME = 50;

// {questions} of a text, or {problem}: why it cannot be shown as blocks.
export function readForm(text) {
  if (!text.trim()) return { questions: [] };
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `This is not JSON: ${error.message.replace(/\.$/, "")}` };
  }
  const usable = Array.isArray(value) && value.every((one) => one && typeof one === "object" && !Array.isArray(one));
  return usable ? { questions: value } : { problem: "A form is a list of questions, each with a name and a type" };
}

const place = (key) => (key === LAST ? FIRST.length + 1 : FIRST.includes(key) ? FIRST.indexOf(key) : FIRST.length);

export function writeForm(questions) {
  const ordered = questions.map((question) =>
    Object.fromEntries(Object.entries(question).sort(([one], [other]) => place(one) - place(other))),
  );
  return JSON.stringify(ordered, null, 2);
}

// A name out of a title, that no other question has.
export function nameFor(title, taken, fallback) {
  const plain = (text) =>
    text
      .normalize("NFKD")
      .replace(/\p{M}/gu, "")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "_")
      .replace(/^[^a-z]+|_+$/g, "");
  const base = (plain(title) || plain(fallback) || "question").slice(0, LONGEST_NAME).replace(/_+$/, "");
  if (!taken.includes(base)) return base;
  let number = 2;
  const numbered = () => `${base.slice(0, LONGEST_NAME - 1 - `${number}`.length)}_${number}`;
  while (taken.includes(numbered())) number += 1;
  return numbered();
}

export const namesOf = (questions) => questions.map(({ name }) => name).filter((name) => typeof name === "string");

// What a question is called that says no title of its own.
export function titleOf(question, type) {
  if (question.title) return question.title;
  const said = type.settings.map(({ name, titles, default: usual }) => titles?.[question[name] ?? usual]);
  return said.find(Boolean) ?? type.title;
}

export const newQuestion = (type, questions) => ({ name: nameFor(type.name, namesOf(questions), ""), type: type.name });

export function copyOf(question, questions) {
  const title = question.title ?? "";
  return { ...structuredClone(question), name: nameFor(`${question.name ?? title}`, namesOf(questions), "question") };
}

// Conditions go with the question that they hang on, unless another one has the name too.
export function follow(questions, from, to) {
  if (namesOf(questions).includes(from)) return;
  for (const { show_if: condition } of questions) if (condition?.question === from) condition.question = to;
}

// What stands in the control of a setting.
export function shown(setting, value) {
  const said = value ?? setting.default;
  if (setting.kind === "yes_no") return Boolean(said);
  if (setting.kind === "texts") return Array.isArray(said) ? said.join("\n") : "";
  return said === null || said === undefined ? "" : String(said);
}

// What a control says; undefined: nothing, so that the setting is as it comes.
export function said(setting, content) {
  if (setting.kind === "yes_no") return content;
  if (setting.kind === "texts") {
    return content
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
  }
  if (content.trim() === "") return undefined;
  if (setting.kind === "number") return /^-?\d+$/.test(content.trim()) ? Number(content) : content;
  return setting.name === "name" ? content.trim() : content;
}

const PATH = /^form\[(\d+)\](?:\.(\w+))?(?:\[(\d+)\])?/;

// Mistakes by the place where they are shown: [{question, field, message}], question null for the form as a whole.
export function placed(errors) {
  return errors.map(({ path, message }) => {
    const found = PATH.exec(path);
    if (!found) return { question: null, field: "", message };
    const [, question, field = "", line] = found;
    return { question: Number(question), field, message: line ? `Line ${Number(line) + 1}: ${message}` : message };
  });
}

// What an answer to the question on which another one hangs can come to, those that were chosen and are gone included.
// known: [[value, words]]; nothing where the server has not said it yet, or the question has mistakes.
export function outcomesOf(condition, known) {
  const wanted = Array.isArray(condition.is) ? condition.is : [condition.is].filter(Boolean);
  const values = (known ?? []).map(([value]) => value);
  const gone = wanted
    .filter((one) => !values.includes(one))
    .map((one) => [one, known ? `${one} (not possible any more)` : one]);
  return [...(known ?? []), ...gone].map(([value, title]) => ({ value, title, wanted: wanted.includes(value) }));
}
