// Ranks responses: the radio buttons on the cards are the truth, keys and dragging set them.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";
import { Board } from "../lib/board.js";
import * as cards from "../lib/cards.js";
import * as ranking from "../lib/ranking.js";
import { readPlaces, showPlaces } from "../lib/radios.js";
import { rankingKeys } from "../lib/ranking_keys.js";

export default class extends Controller {
  static values = { name: String, ties: Boolean, required: Boolean };
  static targets = ["live"];

  connect() {
    this.form = this.element.closest("form");
    this.keys = cards.keys();
    this.letters = cards.letters();
    this.history = [];
    this.places = readPlaces(this.form, this.nameValue, this.keys);
    cards.mark(ranking.nextUnplaced(this.places, this.keys, null) ?? this.keys[0]);
    const board = this.form.querySelector(`[data-rank-board="${this.nameValue}"]`);
    this.board = new Board(board, {
      letters: this.letters,
      drop: (key, number) => this.drop(key, number),
      pick: (key) => cards.goTo(key),
    });
    this.form.addEventListener("change", this.chosen);
    this.form.addEventListener("click", this.cleared);
    document.addEventListener("autosave:describe", this.describe);
    this.unbind = bind(...rankingKeys(this));
    this.show();
  }

  disconnect() {
    this.unbind();
    this.board.close();
    this.form.removeEventListener("change", this.chosen);
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

  put(digit) {
    const key = cards.current();
    this.set(ranking.place(this.places, key, Number(digit), this.rules));
    const next = ranking.nextUnplaced(this.places, this.keys, key);
    if (next) cards.goTo(next);
    else this.dispatch("done", { prefix: "question", detail: { name: this.nameValue } });
  }

  drop(key, number) {
    const { places, rules } = this;
    this.set(number ? ranking.place(places, key, number, rules) : ranking.clear(places, key), key);
  }

  set(places, key = cards.current()) {
    this.history.push(this.places);
    this.places = places;
    cards.mark(key);
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

  // It is this question's turn, after another one's.
  activated({ detail }) {
    if (detail.name === this.nameValue) cards.goTo(ranking.nextUnplaced(this.places, this.keys, null) ?? cards.current());
  }

  moveLine(key) {
    const places = ranking.groups(this.places, this.keys).length;
    this.line.value = Math.min(places, Math.max(0, Number(this.line.value) + (key === "+" ? 1 : -1)));
    this.tell();
    this.say();
  }

  show() {
    showPlaces(this.form, this.nameValue, this.keys, this.places);
    this.board.show(this.places, this.keys);
    this.tell();
  }

  tell() {
    const groups = ranking.groups(this.places, this.keys);
    const said = !this.line || this.line.value !== "";
    const complete = ranking.unplaced(this.places, this.keys).length === 0 && said;
    const line = this.line && said ? { acceptable: Number(this.line.value) } : {};
    const value = groups.length ? { groups, places: this.places, ...line } : null;
    this.dispatch("answer", {
      prefix: "question",
      detail: {
        name: this.nameValue,
        value,
        complete: complete || (!this.requiredValue && !value),
        outcomes: complete ? this.outcomes(groups) : [],
      },
    });
  }

  // What the answer comes to, as the server says it: later questions may hang on it.
  outcomes(groups) {
    const found = ["answered"];
    if (groups.some((group) => group.length > 1)) found.push("tie");
    if (this.line) found.push(Number(this.line.value) ? "some_acceptable" : "none_acceptable");
    return found;
  }

  say() {
    const line = this.line?.value ? ` ${this.line.selectedOptions[0].textContent} good enough.` : "";
    this.liveTarget.textContent = ranking.describe(this.places, this.keys, this.letters) + line;
  }

  restore({ detail: { answers } }) {
    const answer = answers[this.nameValue];
    this.places = answer?.places ?? ranking.fromGroups(answer?.groups ?? []);
    cards.mark(ranking.nextUnplaced(this.places, this.keys, null) ?? cards.current());
    if (this.line) this.line.value = answer?.acceptable ?? "";
    this.show();
  }

  describe = ({ detail }) => {
    if (detail.name !== this.nameValue) return;
    const places = detail.value?.places ?? ranking.fromGroups(detail.value?.groups ?? []);
    detail.words = ranking.describe(places, this.keys, this.letters);
  };
}
