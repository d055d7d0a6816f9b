// Chooses one or several options for each response, or for the task as a whole. Long lists are folded on the cards; the
// one of the current response is open while it is this question's turn.
import { allComplete, isActive } from "../lib/active.js";
import * as cards from "../lib/cards.js";
import { digitAt, shownDigits } from "../lib/judging.js";
import JudgementController from "./judgement_controller.js";

export default class extends JudgementController {
  static values = { multiple: Boolean };

  connect() {
    super.connect();
    document.addEventListener("mousedown", this.press, true);
    document.addEventListener("mouseup", this.release, true);
    document.addEventListener("question:turn", this.unfold);
    document.addEventListener("cards:marked", this.unfold);
  }

  disconnect() {
    super.disconnect();
    document.removeEventListener("mousedown", this.press, true);
    document.removeEventListener("mouseup", this.release, true);
    document.removeEventListener("question:turn", this.unfold);
    document.removeEventListener("cards:marked", this.unfold);
  }

  read(inputs) {
    const chosen = inputs.filter((input) => input.checked).map((input) => input.value);
    return chosen.length ? chosen : null;
  }

  write(inputs, value) {
    for (const input of inputs) input.checked = Array.isArray(value) && value.includes(input.value);
  }

  words(value) {
    return Array.isArray(value) ? value.join(", ") : "";
  }

  outcomes() {
    return [...new Set(Object.values(this.answers).flat())];
  }

  choose(place) {
    const key = this.current;
    const option = this.inputs(key)[place]?.value;
    const before = this.answers[key] ?? [];
    if (option === undefined) return;
    if (!this.multipleValue) {
      this.set(key, [option]);
      return this.goOn();
    }
    const wanted = before.includes(option) ? before.filter((one) => one !== option) : [...before, option];
    const inOrder = this.inputs(key).map(({ value }) => value).filter((value) => wanted.includes(value));
    this.set(key, inOrder.length ? inOrder : null);
  }

  // Several may be chosen, so that no choice says that it is the last: the response is left by a key of its own.
  leave() {
    const next = this.keys[this.keys.indexOf(this.current) + 1];
    if (next !== undefined) cards.goTo(next);
    else if (this.requiredValue) this.goOn();
    else this.dispatch("done", { prefix: "question", detail: { name: this.nameValue } });
  }

  bindings() {
    const number = this.inputs(this.keys[0]).length;
    const digits = Array.from({ length: Math.min(number, 10) }, (_, place) => digitAt(place));
    const label = this.multipleValue ? "Choose this option, or not" : "Choose this option, go to the next";
    const found = [
      { keys: digits, show: [shownDigits(number)], label, run: (_, key) => this.choose(digits.indexOf(key)) },
      { keys: ["Backspace"], label: "Choose nothing", run: () => this.set(this.current, null) },
    ].map((binding) => ({ ...binding, when: () => isActive(this.nameValue) }));
    if (this.multipleValue) {
      const when = () => isActive(this.nameValue) && !allComplete();
      found.push({ keys: ["Enter"], label: "Go on while something is open", run: () => this.leave(), when });
    }
    return found.map((binding) => ({ ...binding, group: "Choosing" }));
  }

  show() {
    super.show();
    for (const place of this.form.querySelectorAll(`[data-choose-chosen="${this.nameValue}"]`)) {
      place.textContent = this.words(this.answers[place.dataset.key]) || "none chosen";
    }
  }

  resumed(event) {
    super.resumed(event);
    this.unfold();
  }

  get folds() {
    return [...this.form.querySelectorAll(`[data-choose-fold="${this.nameValue}"]`)];
  }

  // A press gives the focus away before it is a click: nothing may move below it meanwhile.
  unfold = () => {
    this.waiting = this.pressing;
    if (this.waiting) return;
    const mine = isActive(this.nameValue);
    for (const fold of this.folds) fold.open = mine && fold.dataset.key === cards.current();
  };

  press = () => {
    this.pressing = true;
  };

  release = () => {
    this.pressing = false;
    if (this.waiting) setTimeout(this.unfold);
  };
}
