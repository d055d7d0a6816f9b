// The plain text of one response on the page: from places in it (UTF-16 units) to the page and back.
import { CodePoints } from "./codepoints.js";
import { plainElement } from "./plaintext.js";
import { stopsOf } from "./wordcursor.js";

const MARGIN = 12; // px kept free around what is shown

export class TextPane {
  #stops = null;
  #measure = document.createRange();

  constructor(key) {
    this.key = key;
    this.element = plainElement(key);
    this.text = this.element.textContent;
    this.points = new CodePoints(this.text);
    this.card = this.element.closest("[data-candidate]");
  }

  get node() {
    return this.element.firstChild;
  }

  // What a cursor stops at; found when it is first asked for.
  get stops() {
    return (this.#stops ??= stopsOf(this.text));
  }

  staticRange({ start, end }) {
    return new StaticRange({ startContainer: this.node, startOffset: start, endContainer: this.node, endOffset: end });
  }

  // Where a part stands on the screen, line by line.
  rects({ start, end }) {
    this.#measure.setStart(this.node, start);
    this.#measure.setEnd(this.node, end);
    const rects = [...this.#measure.getClientRects()];
    return rects.length ? rects : [this.#measure.getBoundingClientRect()];
  }

  rectOf = (part) => this.rects(part)[0];

  // Selects from one place to the other, in the page.
  select(from, to) {
    document.getSelection().setBaseAndExtent(this.node, from, this.node, to);
  }

  // What is selected of this text in the page: {start, end, collapsed}; null where the selection begins elsewhere.
  selection() {
    const selection = document.getSelection();
    if (!this.node || !selection.rangeCount || !this.element.contains(selection.anchorNode)) return null;
    const range = selection.getRangeAt(0);
    const start = this.#place(range.startContainer, range.startOffset);
    const end = this.#place(range.endContainer, range.endOffset);
    return { start, end, collapsed: start === end };
  }

  // A place in the page as a place in the text: one outside it means its start or its end.
  #place(node, offset) {
    if (node === this.node) return offset;
    const whole = document.createRange();
    whole.selectNode(this.node);
    return whole.comparePoint(node, offset) <= 0 ? 0 : this.text.length;
  }

  // Scrolls the card, and then the page, so that this part is in sight; its beginning where it is long.
  reveal(part) {
    const height = (name) => this.card.querySelector(name)?.offsetHeight ?? 0;
    const box = this.card.getBoundingClientRect();
    const rect = this.rectOf(part);
    const over = rect.top - box.top - height(".candidate__head") - MARGIN;
    const under = rect.bottom - box.bottom + height(".candidate__foot") + MARGIN;
    if (over < 0) this.card.scrollTop += over;
    else if (under > 0) this.card.scrollTop += under;
    const now = this.rectOf(part);
    const top = (document.querySelector(".topbar")?.getBoundingClientRect().bottom ?? 0) + MARGIN;
    const bottom = (document.querySelector(".dock")?.getBoundingClientRect().top ?? innerHeight) - MARGIN;
    if (now.top < top) scrollBy(0, now.top - top);
    else if (now.bottom > bottom) scrollBy(0, now.bottom - bottom);
  }
}
