// Marks on text that is shown: painted by the browser over ranges (CSS.highlights), nothing is put into the text.
import { TextMap } from "./textmap.js";

export const canPaint = () => Boolean(globalThis.CSS?.highlights);

function set(name, ranges, priority) {
  CSS.highlights.delete(name);
  if (!ranges.length) return;
  const marks = new Highlight();
  for (const range of ranges) marks.add(range);
  marks.priority = priority;
  CSS.highlights.set(name, marks);
}

// Paints what was found as ::highlight(name) says, and formulas as ::highlight(name-formula) does; nothing found takes
// the marks away. Where two kinds meet, the higher `priority` is seen.
export function paint(name, found, priority = 0) {
  set(name, found.flatMap(({ texts }) => texts), priority);
  set(`${name}-formula`, found.flatMap(({ formulas }) => formulas), priority);
}

// The text of a response as it is shown now: as it was written, or rendered.
export function shownText(card) {
  return new TextMap(card.querySelector(".candidate__raw:not([hidden])") ?? card.querySelector(".candidate__text"));
}

// The ranges of places [[start, end], …] in texts, a list of places for each.
export const rangesOf = (maps, places) => maps.flatMap((map, n) => places[n].map((place) => map.ranges(...place)));

const many = (number) => `${number.toLocaleString("en")} ${number === 1 ? "word" : "words"}`;

// What a comparison came to, in words. `written`: the two texts as they were written.
export function comparisonWords(letters, written, { sides, cutOff }) {
  const [one, other] = letters;
  if (written[0] === written[1]) return `${one} and ${other} are the same text.`;
  if (!sides.some(({ runs }) => runs.length)) {
    return `${one} and ${other} read the same; only how they are written differs (R).`;
  }
  const [mine, theirs] = sides.map(({ words }) => many(words));
  const rough = " They are long and differ much: where one word does, its whole sentence is marked.";
  return `Marked: what differs, ${mine} in ${one} and ${theirs} in ${other}.${cutOff ? rough : ""}`;
}
