// One response at a time: the letters of all are tabs above it, which say what is still to be answered.
import { Controller } from "../../vendor/stimulus.js";
import { hasAnswer } from "../lib/answered.js";
import * as cards from "../lib/cards.js";

const SAID = { true: "answered", false: "not answered yet" };

export default class extends Controller {
  connect() {
    this.responses = document.querySelector(".candidates");
    if (!this.responses || cards.keys().length < 2) return;
    this.places = new Map(); // how far down each response was left
    this.shown = cards.current();
    this.tabs = this.build();
    this.responses.before(this.tabs);
    this.listening = new AbortController();
    const { signal } = this.listening;
    document.addEventListener("cards:marked", () => queueMicrotask(() => this.turned()), { signal });
    document.addEventListener("question:answer", () => this.show(), { signal });
    document.addEventListener("change", () => this.show(), { signal });
    document.addEventListener("reading:changed", this.changed, { signal });
    document.addEventListener("scroll", this.scrolled, { signal, passive: true, capture: true });
    this.show();
  }

  disconnect() {
    this.listening?.abort();
    this.tabs?.remove();
  }

  build() {
    const row = Object.assign(document.createElement("div"), { className: "response-tabs" });
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Responses");
    for (const [key, letter] of Object.entries(cards.letters())) {
      const tab = document.createElement("button");
      Object.assign(tab, { type: "button", className: "response-tab", value: key, textContent: letter });
      tab.addEventListener("click", () => cards.goTo(key));
      row.append(tab);
    }
    return row;
  }

  get inUse() {
    return this.tabs.checkVisibility();
  }

  changed = () => {
    this.places.clear(); // the same line stands elsewhere now
    if (this.inUse) this.responses.querySelector("[data-current]")?.scrollIntoView({ block: "nearest" });
  };

  // Each response is found again where it was left; one that is new begins at its beginning.
  turned() {
    const current = cards.current();
    if (current === this.shown) return;
    this.shown = current;
    this.show();
    if (!this.inUse) return;
    const card = this.responses.querySelector("[data-current]");
    card.dispatchEvent(new CustomEvent("prose:draw", { bubbles: true })); // it had no width before
    const place = this.places.get(current);
    if (place !== undefined) this.scroller(card).scrollTop = place;
    else if (card.getBoundingClientRect().top < this.tabs.getBoundingClientRect().bottom) card.scrollIntoView();
  }

  // A response scrolls within its frame, or the page with one that is shown whole.
  scroller(card) {
    return "whole" in this.element.dataset ? document.scrollingElement : card;
  }

  scrolled = ({ target }) => {
    const card = this.responses.querySelector("[data-current]");
    if (!this.inUse || !card) return;
    const scroller = this.scroller(card);
    if (target === card || target === document) this.places.set(this.shown, scroller.scrollTop);
  };

  show() {
    for (const tab of this.tabs.children) {
      const answered = hasAnswer(this.responses.querySelector(`[data-candidate="${tab.value}"]`));
      const name = `Response ${tab.textContent}`;
      tab.setAttribute("aria-label", answered === null ? name : `${name}, ${SAID[answered]}`);
      tab.title = answered === null ? name : SAID[answered];
      tab.toggleAttribute("data-answered", answered === true);
      tab.toggleAttribute("data-open", answered === false);
      tab.setAttribute("aria-current", tab.value === this.shown);
    }
  }
}
