// Ranks responses: the radio buttons on the cards are the truth, keys and dragging set them.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";
import { Board } from "../lib/board.js";
import * as ranking from "../lib/ranking.js";
import { readPlaces, showPlaces } from "../lib/radios.js";
import { rankingKeys } from "../lib/ranking_keys.js";

export default class extends Controller {
  static values = { name: String, ties: Boolean, required: Boolean };
  static targets = ["live"];

  connect() {
    this.form = this.element.closest("form");
    this.cards = [...this.form.querySelectorAll("[data-candidate]")];
    this.keys = this.cards.map((card) => card.dataset.candidate);
    this.letters = Object.fromEntries(this.cards.map((card) => [card.dataset.candidate, card.dataset.letter]));
    this.history = [];
    this.places = readPlaces(this.form, this.nameValue, this.keys);
    this.current = ranking.nextUnplaced(this.places, this.keys, null) ?? this.keys[0];
    const board = this.form.querySelector(`[data-rank-board="${this.nameValue}"]`);
    this.board = new Board(board, {
      letters: this.letters,
      drop: (key, number) => this.drop(key, number),
      pick: (key) => this.goTo(key),
    });
    this.form.addEventListener("change", this.chosen);
    this.form.addEventListener("focusin", this.focused);
    this.form.addEventListener("click", this.cleared);
    document.addEventListener("autosave:describe", this.describe);
    this.unbind = bind(...rankingKeys(this));
    this.show();
  }

  disconnect() {
    this.unbind();
    this.board.close();
    this.form.removeEventListener("change", this.chosen);
    this.form.removeEventListener("focusin", this.focused);
    this.form.removeEventListener("click", this.cleared);
    document.removeEventListener("autosave:describe", this.describe);
  }

  get rules() {
    return { ties: this.tiesValue, most: this.keys.length };
  }

  // Where the form asks how many places are good enough.
  get line() {
    return this.form.elements[`q.${this.nameValue}.acceptable`];
  }

  step(by) {
    const most = this.keys.length;
    this.goTo(this.keys[(this.keys.indexOf(this.current) + by + most) % most]);
  }

  put(digit) {
    this.set(ranking.place(this.places, this.current, Number(digit), this.rules));
    const next = ranking.nextUnplaced(this.places, this.keys, this.current);
    if (next) this.goTo(next);
  }

  drop(key, number) {
    const { places, rules } = this;
    this.set(number ? ranking.place(places, key, number, rules) : ranking.clear(places, key), key);
  }

  set(places, key = this.current) {
    this.history.push(this.places);
    this.places = places;
    this.current = key;
    this.show();
    this.say();
  }

  undo() {
    if (!this.history.length) return;
    this.places = this.history.pop();
    this.show();
    this.say();
  }

  // A radio button was chosen by mouse, touch or its own keys.
  chosen = ({ target }) => {
    if (target === this.line) this.tell();
    const key = this.keys.find((one) => target.name === `q.${this.nameValue}.${one}`);
    if (key) this.set(ranking.place(this.places, key, Number(target.value), this.rules), key);
  };

  cleared = ({ target }) => {
    const button = target.closest(`[data-rank-clear="${this.nameValue}"]`);
    if (button) this.set(ranking.clear(this.places, button.value), button.value);
  };

  focused = ({ target }) => {
    const key = target.closest("[data-candidate]")?.dataset.candidate;
    if (key && key !== this.current) {
      this.current = key;
      this.mark();
    }
  };

  goTo(key) {
    this.current = key;
    this.mark();
    const card = this.cards[this.keys.indexOf(key)];
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  }

  mark() {
    for (const card of this.cards) card.toggleAttribute("data-current", card.dataset.candidate === this.current);
  }

  show() {
    showPlaces(this.form, this.nameValue, this.keys, this.places);
    this.mark();
    this.board.show(this.places, this.keys);
    this.tell();
  }

  tell() {
    const groups = ranking.groups(this.places, this.keys);
    const complete = ranking.unplaced(this.places, this.keys).length === 0;
    const line = this.line ? { acceptable: Number(this.line.value) } : {};
    const value = groups.length ? { groups, places: this.places, ...line } : null;
    this.dispatch("answer", {
      prefix: "question",
      detail: { name: this.nameValue, value, complete: complete || (!this.requiredValue && !value) },
    });
  }

  say() {
    this.liveTarget.textContent = ranking.describe(this.places, this.keys, this.letters);
  }

  restore({ detail: { answers } }) {
    const answer = answers[this.nameValue];
    this.places = answer?.places ?? ranking.fromGroups(answer?.groups ?? []);
    this.current = ranking.nextUnplaced(this.places, this.keys, null) ?? this.current;
    if (this.line) this.line.value = answer?.acceptable ?? 0;
    this.show();
  }

  describe = ({ detail }) => {
    if (detail.name !== this.nameValue) return;
    const places = detail.value?.places ?? ranking.fromGroups(detail.value?.groups ?? []);
    detail.words = ranking.describe(places, this.keys, this.letters);
  };
}
