// Answers to questions that are asked of each response: plain objects such as {a: 3, c: 5}, or {"": 3} about the whole.
// Keys of the keyboard for their scales and options. Nothing here touches the page.

export const missing = (answers, keys) => keys.filter((key) => !(key in answers));

// The next response without an answer after this one, round the end; null when all have theirs.
export function nextMissing(answers, keys, after) {
  const start = keys.indexOf(after) + 1;
  return [...keys.slice(start), ...keys.slice(0, start)].find((key) => !(key in answers)) ?? null;
}

// The same answers with this one changed; null takes it away.
export function changed(answers, key, value) {
  const { [key]: _, ...rest } = answers;
  return value === null ? rest : { ...rest, [key]: value };
}

// "A: 3 · B: no answer yet"
export function describe(answers, keys, letters, words) {
  return keys
    .map((key) => (key ? `${letters[key]}: ` : "") + (key in answers ? words(answers[key]) : "no answer yet"))
    .join(" · ");
}

// The digit keys for so many things in a row: the tenth is on 0, further ones have none.
export const digitAt = (place) => (place < 10 ? String((place + 1) % 10) : null);

export const shownDigits = (number) => (number < 10 ? `1 – ${number}` : "1 – 9, 0");

// {digit: number} for a scale. A digit means itself where the scale has only digits; else its place, lowest first.
// A scale of more than ten steps has none.
export function scaleDigits(low, high) {
  const numbers = Array.from({ length: high - low + 1 }, (_, at) => low + at);
  if (numbers.length > 10) return {};
  const themselves = low >= 0 && high <= 9;
  return Object.fromEntries(numbers.map((number, at) => [themselves ? String(number) : digitAt(at), number]));
}

// One step up or down the scale; from nothing to its middle.
export function stepped(value, by, low, high) {
  if (value === undefined) return Math.floor((low + high) / 2);
  return Math.min(high, Math.max(low, value + by));
}
