// Two responses pinned side by side. While they are, only they are shown, and keys reach no response that is not.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";
import * as cards from "../lib/cards.js";
import { Saying, addToStrip } from "../lib/strip.js";

export default class extends Controller {
  static targets = ["button"];

  connect() {
    this.letters = cards.letters();
    this.keys = cards.keys();
    this.pinned = [];
    if (this.keys.length < 2) return;
    for (const button of this.buttonTargets) button.hidden = false;
    const group = "Reading";
    const free = Object.entries(this.letters).filter(([, letter]) => !cards.TAKEN.includes(letter.toLowerCase()));
    const byLetter = Object.fromEntries(free.map(([key, letter]) => [letter.toLowerCase(), key]));
    this.unbind = bind(
      { keys: ["p"], group, label: "Pin or unpin the response: two are shown side by side", run: () => this.turn() },
      {
        keys: Object.keys(byLetter),
        show: [free.map(([, letter]) => letter).join(" ")],
        group,
        label: "While two are pinned: go to one of them, or unpin them and go to another",
        when: () => this.comparing,
        run: (_, letter) => this.goTo(byLetter[letter]),
      },
    );
    this.saying = new Saying();
    this.release = Object.assign(document.createElement("button"), {
      type: "button",
      className: "btn btn--small strip__button",
      textContent: "Unpin both",
      hidden: true,
    });
    this.release.addEventListener("click", () => this.clear());
    addToStrip(this.release);
    this.listening = new AbortController();
    const { signal } = this.listening;
    document.addEventListener("cards:marked", () => queueMicrotask(() => this.keepInSight()), { signal });
    // A letter in the order so far leads to its response, also to one that is not shown.
    document.addEventListener("click", this.pressed, { signal, capture: true });
  }

  disconnect() {
    this.unbind?.();
    this.listening?.abort();
    this.saying?.remove();
    this.release?.remove();
    delete this.element.dataset.comparing;
  }

  get comparing() {
    return this.pinned.length === 2;
  }

  toggle({ currentTarget }) {
    this.turn(currentTarget.value);
  }

  turn(key = cards.current()) {
    const kept = this.pinned.filter((one) => one !== key);
    this.set(kept.length < this.pinned.length ? kept : [...kept.slice(-1), key]);
  }

  clear() {
    this.set([]);
    cards.goTo(cards.current());
  }

  goTo(key) {
    if (!this.pinned.includes(key)) this.set([]);
    cards.goTo(key);
  }

  pressed = ({ target }) => {
    const key = target.closest("[data-rank-board] [data-key]")?.dataset.key;
    if (key && this.comparing && !this.pinned.includes(key)) this.set([]);
  };

  // Steps and answers lead on to the next response of all: while two are compared, to the other one of them.
  keepInSight() {
    const current = cards.current();
    if (!this.comparing || this.pinned.includes(current)) {
      this.last = current;
      return;
    }
    const other = this.pinned.find((key) => key !== this.last);
    const focused = document.activeElement;
    if (!focused || focused === document.body || focused.closest("[data-candidate]")) cards.goTo(other);
    else cards.mark(other);
  }

  set(pinned) {
    this.pinned = this.keys.filter((key) => pinned.includes(key));
    for (const card of document.querySelectorAll("[data-candidate]")) {
      card.toggleAttribute("data-pinned", this.pinned.includes(card.dataset.candidate));
    }
    this.element.toggleAttribute("data-comparing", this.comparing);
    for (const button of this.buttonTargets) button.setAttribute("aria-pressed", this.pinned.includes(button.value));
    this.release.hidden = !this.comparing;
    this.saying.say(...this.words());
    this.dispatch("changed", { prefix: "reading" });
    this.dispatch("draw", { prefix: "prose" });
    if (this.comparing) {
      this.keepInSight();
      document.querySelector("[data-pinned]").scrollIntoView({ block: "nearest" });
    }
  }

  words() {
    const [one, other] = this.pinned.map((key) => this.letters[key]);
    if (!one) return ["", { spoken: "No response is pinned." }];
    if (!other) return [`${one} is pinned. To see two side by side, pin another one.`, { key: "P" }];
    return [`${one} and ${other} are pinned${this.keys.length > 2 ? ": only they are shown" : ""}.`];
  }
}
