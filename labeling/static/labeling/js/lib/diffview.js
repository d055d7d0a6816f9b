// The parts of a comparison (worddiff.js) as elements: <ins> and <del>, which a screen reader hears as words.
import { words } from "./text.js";

function spoken(text) {
  const element = document.createElement("span");
  element.className = "sr-only";
  element.textContent = text;
  return element;
}

// A line end that came or went would be nothing to see.
const visible = (text) => text.replace(/\n/g, "↵\n");

function piece({ value, added, removed }) {
  if (!added && !removed) return value;
  const element = document.createElement(added ? "ins" : "del");
  element.append(spoken(added ? " added: " : " removed: "), visible(value), spoken(". "));
  return element;
}

export function showDiff(place, parts) {
  place.replaceChildren(...parts.map(piece));
}

const many = (number) => `${number.toLocaleString("en")} ${number === 1 ? "word" : "words"}`;

// How much it is, in words; empty for nothing.
export function changesInWords(parts) {
  if (!parts.some(({ added, removed }) => added || removed)) return "";
  const count = (kind) => parts.filter((part) => part[kind]).reduce((sum, { value }) => sum + words(value), 0);
  const [came, went] = [count("added"), count("removed")];
  if (!came && !went) return "only spaces or marks";
  return [came && `${many(came)} added`, went && `${many(went)} removed`].filter(Boolean).join(", ");
}
