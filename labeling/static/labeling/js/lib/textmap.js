// The text of rendered HTML as it is read, and the way back from places in it to the page. A formula is one word: its
// TeX, for what is drawn of it (a hidden copy for screen readers, glyphs in many layers) reads as nothing.
import { segments } from "./segments.js";

const TEXT = 3;
const ELEMENT = 1;
const BLOCKS = new Set("P DIV LI UL OL H1 H2 H3 H4 H5 H6 PRE BLOCKQUOTE TABLE THEAD TBODY TR TH TD HR BR".split(" "));
const NOTE = "prose__note"; // what the page says of a text, which is no part of it

// How many of a list come first for which this holds; it holds for none after one for which it does not.
function count(list, holds) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(list[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class TextMap {
  #pieces = []; // {start, end, node} of text nodes
  #formulas = []; // {start, end, node} of elements that are one word

  constructor(root) {
    this.text = "";
    this.#read(root);
  }

  #read(node) {
    if (node.nodeType === TEXT) return this.#add(this.#pieces, node, node.data);
    if (node.nodeType !== ELEMENT || node.classList.contains(NOTE)) return;
    if (node.dataset.tex !== undefined) return this.#add(this.#formulas, node, node.dataset.tex);
    const block = BLOCKS.has(node.tagName);
    if (block) this.text += "\n"; // two paragraphs are two words, though nothing stands between them
    for (const child of node.childNodes) this.#read(child);
    if (block) this.text += "\n";
  }

  #add(list, node, text) {
    const start = this.text.length;
    this.text += text;
    if (text) list.push({ start, end: this.text.length, node });
  }

  // Words and marks, without white space: {text, start, end, word}.
  tokens() {
    const found = [];
    let at = 0;
    const read = (end) => found.push(...segments(this.text.slice(at, end), at).filter(({ text }) => /\S/.test(text)));
    for (const { start, end } of this.#formulas) {
      read(start);
      found.push({ text: `$${this.text.slice(start, end)}$`, start, end, word: true });
      at = end;
    }
    read(this.text.length);
    return found;
  }

  // What of the page lies from one place in the text to another: {texts, formulas}, ranges of each.
  ranges(start, end) {
    const among = this.#formulas.slice(
      count(this.#formulas, (one) => one.end <= start),
      count(this.#formulas, (one) => one.start < end),
    );
    const starts = [start, ...among.map((one) => one.end)];
    const ends = [...among.map((one) => one.start), end];
    const formulas = among.map(({ node }) => {
      const range = document.createRange();
      range.selectNode(node);
      return range;
    });
    return { texts: starts.map((from, n) => this.#range(from, ends[n])).filter(Boolean), formulas };
  }

  // Null where there is no text between.
  #range(start, end) {
    const first = this.#pieces[count(this.#pieces, (piece) => piece.end <= start)];
    const last = this.#pieces[count(this.#pieces, (piece) => piece.start < end) - 1];
    if (!first || !last || first.start >= end || last.end <= start) return null;
    const range = document.createRange();
    range.setStart(first.node, Math.max(0, start - first.start));
    range.setEnd(last.node, Math.min(end, last.end) - last.start);
    return range;
  }
}
