// Selecting with mouse or finger, with a bar of labels beside what is selected.
import * as marks from "./marks.js";
import * as words from "./wordcursor.js";

const SETTLED = 150; // ms without a change before a selection is looked at

export class Selecting {
  // `mine()`: whether a selection is this question's; `keeps(element)`: whether it stays while this has the focus.
  constructor({ cursor, bar, marksOf, mine, keeps }) {
    this.timer = null;
    Object.assign(this, { cursor, bar, marksOf, mine, keeps });
    this.listening = new AbortController();
    const { signal } = this.listening;
    const listen = (target, name, run, options) => target.addEventListener(name, run, { signal, ...options });
    listen(document, "selectionchange", () => this.lookSoon());
    listen(document, "pointerdown", ({ target, pointerType }) => {
      cursor.pressing = pointerType === "mouse" && Boolean(target.closest("[data-raw]"));
    });
    listen(document, "pointerup", () => {
      if (cursor.pressing) this.lookSoon();
      cursor.pressing = false;
    });
    listen(window, "scroll", () => this.follow(), { capture: true, passive: true });
    listen(window, "resize", () => this.follow());
  }

  close() {
    clearTimeout(this.timer);
    this.listening.abort();
    this.bar.close();
  }

  lookSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), SETTLED);
  }

  // Whoever acts on the selection acts on that of now.
  settle() {
    if (this.timer) this.look();
  }

  look() {
    const { cursor } = this;
    if (cursor.pressing) return;
    clearTimeout(this.timer);
    this.timer = null;
    if (!this.mine()) return this.bar.hide();
    const found = Object.values(cursor.panes).map((pane) => ({ pane, range: pane.selection() })).find(({ range }) => range);
    if (found) return this.take(found.pane, found.range);
    this.bar.hide();
    if (!this.keeps(document.activeElement)) cursor.forget();
  }

  take(pane, range) {
    const { cursor } = this;
    const now = cursor.selection?.key === pane.key ? words.selected(cursor.selection) : null;
    if (now && now.start === range.start && now.end === range.end) return;
    if (!range.collapsed) {
      cursor.take(pane.key, range);
      return this.show();
    }
    // A click or a tap: on a mark, or only on a word.
    this.bar.hide();
    const place = { start: range.start, end: range.start + 1 };
    const mark = marks.under(this.marksOf(pane.key), place);
    const word = words.stopAt(pane.stops, range.start);
    if (mark) {
      cursor.take(pane.key, mark);
      this.show();
    } else if (word) {
      cursor.remember(pane.key, word);
    }
  }

  // Shows the bar beside what is selected.
  show() {
    const { part, panes } = this.cursor;
    if (!part) return this.bar.hide();
    const found = this.marksOf(part.key);
    this.bar.show(panes[part.key].rects(part), {
      given: marks.labelsOn(found, part),
      mark: marks.under(found, part) !== null,
    });
  }

  // The bar says what is true now, where it is shown.
  refresh() {
    if (this.bar.shown) this.show();
  }

  follow() {
    const { part, panes } = this.cursor;
    if (this.bar.shown && part) this.bar.place(panes[part.key].rects(part));
  }
}
