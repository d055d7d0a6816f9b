// What is selected in the texts of the responses: by keys, which go through a text word by word, or by mouse and finger.
import { find } from "./bindings.js";
import * as cards from "./cards.js";
import * as words from "./wordcursor.js";

export class TextCursor {
  #places = {}; // where it was in each text

  // `panes`: a TextPane by key. `active()`: whether keys are this question's. `told(part)`: keys selected a part.
  constructor({ panes, letters, active, told, refuse }) {
    Object.assign(this, { panes, active, told, refuse });
    this.selection = null; // {key, anchor, head}
    this.pressing = false; // a mouse button, on a text
    for (const { key, element } of Object.values(panes)) {
      element.tabIndex = 0;
      element.setAttribute("role", "group");
      element.setAttribute("aria-label", `Text of response ${letters[key]}`);
    }
  }

  // The selected part, fit to be marked: {key, start, end}; null for none.
  get part() {
    if (!this.selection) return null;
    const { key } = this.selection;
    const { start, end } = words.selected(this.selection);
    const part = words.fitted(this.panes[key].text, start, end);
    return part && { key, ...part };
  }

  // Whether the focus is in a text: its key, or null.
  get inside() {
    return document.activeElement?.dataset.raw ?? null;
  }

  get rightToLeft() {
    const { selection } = this;
    return selection !== null && words.isRightToLeft(this.panes[selection.key].text, selection.head.start);
  }

  // Goes into a text: to this selection, else to where it was.
  enter(key = cards.current(), place = null) {
    const pane = this.panes[key];
    if (!pane?.stops.length) return this.refuse("There are no words in this response.");
    if (pane.element.hidden) find(["r"])?.binding.run(); // what shows plain text, whoever brings it
    const wanted = place ?? (this.selection?.key === key ? this.selection : this.#places[key]) ?? words.at(pane.stops[0]);
    this.#places[key] = wanted;
    pane.element.focus({ preventScroll: true });
    this.#select(key, wanted);
  }

  leave() {
    const key = this.inside;
    this.forget();
    if (key !== null) cards.goTo(key);
  }

  forget() {
    this.selection = null;
    if (Object.values(this.panes).some((pane) => pane.selection())) document.getSelection().removeAllRanges();
  }

  // {start, end} is meant, without keys.
  take(key, { start, end }) {
    this.selection = this.#places[key] = { key, ...words.at({ start, end }) };
  }

  // Where keys begin, should they be used; nothing is selected yet.
  remember(key, { start, end }) {
    this.selection = null;
    this.#places[key] = words.at({ start, end });
  }

  move(how) {
    const key = this.inside;
    const now = this.selection?.key === key ? this.selection : this.#places[key];
    if (now) this.#select(key, words.moved(this.panes[key], now, how));
    else this.enter(key);
  }

  #select(key, { anchor, head }) {
    const pane = this.panes[key];
    this.selection = this.#places[key] = { key, anchor, head };
    const { start, end } = words.selected(this.selection);
    if (head.start < anchor.start) pane.select(end, start);
    else pane.select(start, end);
    pane.reveal(head);
    this.told({ key, start, end });
  }

  // The focus came into a text; by keys, it selects a word.
  came(element) {
    // So that screen readers leave the arrows to it; without the focus it is text like any other.
    element.setAttribute("role", "application");
    const byKeys = element.matches(":focus-visible") && !this.panes[element.dataset.raw].selection();
    if (byKeys && this.active()) this.enter(element.dataset.raw);
  }

  // `keep`: it went to something that is about the selection.
  went(element, keep) {
    element.setAttribute("role", "group");
    if (!keep) this.forget();
  }
}
