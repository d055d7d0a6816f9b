// A cursor that goes through a text by words, lines, sentences or characters, without a mouse. Places are UTF-16 units;
// a grapheme (an emoji, a letter with its accents, CR LF) is never split. Nothing here touches the page: where words
// stand on the screen is asked of `rectOf(stop)`.
//
// A selection: {anchor, head}, each {start, end}. What is selected reaches from the first to the last of both.
import { segments } from "./segments.js";

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const sentences = new Intl.Segmenter(undefined, { granularity: "sentence" });
const AROUND = 256; // units looked at around a place: far more than any character has

export const selected = ({ anchor, head }) => ({
  start: Math.min(anchor.start, head.start),
  end: Math.max(anchor.end, head.end),
});

export const at = (stop) => ({ anchor: stop, head: stop });

// What the cursor stops at: words, and other characters that stand together (a bracket with its quotation mark, an emoji).
export function stopsOf(text) {
  const stops = [];
  let open = null;
  for (const { text: part, start, end, word } of segments(text)) {
    if (!/\S/.test(part)) open = null;
    else if (!word && open?.end === start) open.end = end;
    else {
      const stop = { start, end };
      stops.push(stop);
      open = word ? null : stop;
    }
  }
  return stops;
}

const cut = (text, from, to) => {
  const low = Math.max(0, from);
  const start = low && /[\udc00-\udfff]/.test(text[low]) ? low - 1 : low;
  return { start, part: text.slice(start, Math.max(start, to)) };
};

function graphemeAround(text, place) {
  const { start, part } = cut(text, place - AROUND, place + AROUND);
  const found = graphemes.segment(part).containing(place - start);
  return found && { start: start + found.index, end: start + found.index + found.segment.length };
}

const graphemeAfter = (text, place) => (place < text.length ? graphemeAround(text, place) : null);
const graphemeBefore = (text, place) => (place > 0 ? graphemeAround(text, place - 1) : null);

// A part of a text that begins and ends between graphemes, without the white space around it; null for an empty one.
export function fitted(text, start, end) {
  const part = text.slice(start, end);
  if (!part) return null;
  const trimmed = part.trim();
  const from = trimmed ? start + part.indexOf(trimmed) : start;
  const to = trimmed ? from + trimmed.length : end;
  return { start: graphemeAround(text, from).start, end: graphemeAround(text, to - 1).end };
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

// Whether the line of a place runs from right to left: its first letter says so, as on the page.
export function isRightToLeft(text, place) {
  const start = text.lastIndexOf("\n", place - 1) + 1;
  const end = text.indexOf("\n", start);
  const letter = /\p{L}/u.exec(text.slice(start, end < 0 ? text.length : end));
  return Boolean(letter && RIGHT_TO_LEFT.test(letter[0]));
}

// How many stops come first for which this holds.
function count(stops, holds) {
  let [low, high] = [0, stops.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(stops[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The stop that covers a place, or the next one; the last one at the end. Null in a text of white space.
export const stopAt = (stops, place) => stops[Math.min(count(stops, (stop) => stop.end <= place), stops.length - 1)] ?? null;

const indexAt = (stops, place) => Math.min(count(stops, (stop) => stop.end <= place), stops.length - 1);

const after = (stops, { end }) => stops[count(stops, (stop) => stop.start < end)] ?? stops.at(-1);
const before = (stops, { start }) => stops[count(stops, (stop) => stop.end <= start) - 1] ?? stops[0];

function character(text, head, by) {
  const wider = graphemeAround(text, head.start);
  const inside = wider && wider.end < head.end;
  // From a word into it; from a character to the one beside it.
  if (inside) return by > 0 ? wider : graphemeBefore(text, head.end);
  return (by > 0 ? graphemeAfter(text, head.end) : graphemeBefore(text, head.start)) ?? head;
}

function characterOut(text, head, by) {
  return (by > 0 ? graphemeAfter(text, head.end) : graphemeBefore(text, head.start)) ?? head;
}

const sameLine = (one, other) => Math.abs(one.top - other.top) < Math.min(one.height, other.height) / 2;

// The last stop on the line of this one, in a direction.
function lineEdge(stops, head, by, rectOf) {
  let place = indexAt(stops, head.start);
  const line = rectOf(stops[place]);
  while (stops[place + by] && sameLine(line, rectOf(stops[place + by]))) place += by;
  return stops[place];
}

// The stop nearest to this one on the next line, in a direction.
function lineBeside(stops, head, by, rectOf) {
  const from = indexAt(stops, head.start);
  const here = rectOf(stops[from]);
  const centre = here.left + here.width / 2;
  let place = from;
  while (stops[place] && sameLine(here, rectOf(stops[place]))) place += by;
  if (!stops[place]) return by > 0 ? stops.at(-1) : stops[0];
  const line = rectOf(stops[place]);
  let best = null;
  for (; stops[place]; place += by) {
    const rect = rectOf(stops[place]);
    if (!sameLine(line, rect)) break;
    const away = Math.max(rect.left - centre, centre - rect.left - rect.width, 0);
    if (!best || away < best.away) best = { away, stop: stops[place] };
  }
  return best.stop;
}

// The stop at the end (or start) of the sentence that the selection reaches into, or of the one beside it.
function sentenceEdge(text, stops, head, by) {
  const edge = by > 0 ? head.end : head.start - 1;
  let from = text.lastIndexOf("\n", by > 0 ? edge - 1 : edge) + 1;
  let to = text.indexOf("\n", Math.max(edge, from));
  if (to < 0) to = text.length;
  const bounds = [...sentences.segment(text.slice(from, to))].flatMap(({ segment, index }) => {
    const trimmed = segment.trim();
    const start = from + index + segment.indexOf(trimmed);
    return trimmed ? [{ start, end: start + trimmed.length }] : [];
  });
  if (by > 0) {
    const found = bounds.find(({ end }) => end > head.end);
    if (found) return stops[count(stops, (stop) => stop.end <= found.end) - 1] ?? head;
    return to < text.length ? sentenceEdge(text, stops, { start: to + 1, end: to + 1 }, by) : stops.at(-1);
  }
  const found = bounds.findLast(({ start }) => start < head.start);
  if (found) return stops[count(stops, (stop) => stop.end <= found.start)] ?? head;
  return from > 0 ? sentenceEdge(text, stops, { start: from - 1, end: from - 1 }, by) : stops[0];
}

// Where a selection goes. `unit`: word, character, line (up and down), edge (of the line), sentence, text; `by`: 1 or -1;
// `extend`: the anchor stays.
export function moved({ text, stops, rectOf }, selection, { unit, by, extend = false }) {
  if (!stops.length) return selection;
  const { head } = selection;
  const go = {
    word: () => (by > 0 ? after(stops, head) : before(stops, head)),
    character: () => (extend ? characterOut : character)(text, head, by),
    line: () => lineBeside(stops, head, by, rectOf),
    edge: () => lineEdge(stops, head, by, rectOf),
    sentence: () => sentenceEdge(text, stops, head, by),
    text: () => (by > 0 ? stops.at(-1) : stops[0]),
  };
  const found = go[unit]() ?? head;
  return extend ? { anchor: selection.anchor, head: found } : at(found);
}
