// Compares two responses: the scale in the dock holds the answer, keys set it from left to right.
import { Controller } from "../../vendor/stimulus.js";
import { activate } from "../lib/active.js";
import { bind } from "../lib/bindings.js";
import { letters } from "../lib/cards.js";
import { comparingKeys } from "../lib/comparing_keys.js";
import { answerOf, outcomesOf, stepOf } from "../lib/comparison.js";

export default class extends Controller {
  static values = { name: String, title: String, ties: Boolean, required: Boolean };
  static targets = ["live"];

  connect() {
    this.form = this.element.closest("form");
    this.letters = letters();
    this.form.addEventListener("change", this.chosen);
    this.form.addEventListener("click", this.cleared);
    document.addEventListener("autosave:describe", this.describe);
    this.unbind = bind(...comparingKeys(this));
    this.show();
  }

  disconnect() {
    this.unbind();
    this.form.removeEventListener("change", this.chosen);
    this.form.removeEventListener("click", this.cleared);
    document.removeEventListener("autosave:describe", this.describe);
  }

  get steps() {
    return [...this.form.querySelectorAll(`input[name="q.${this.nameValue}"]`)];
  }

  // Where the form asks whether neither is good.
  get bothBad() {
    return this.form.elements[`q.${this.nameValue}.both_bad`];
  }

  get step() {
    return this.steps.find((one) => one.checked)?.value ?? null;
  }

  get answer() {
    return answerOf(this.step, this.bothBad?.checked ?? false);
  }

  set answer(answer) {
    for (const step of this.steps) step.checked = step.value === stepOf(answer);
    if (this.bothBad) this.bothBad.checked = Boolean(answer?.both_bad);
    this.show();
  }

  // From a key: this answers, and the next question has its turn.
  put(step) {
    this.implied = false;
    this.change(answerOf(step, this.bothBad?.checked ?? false));
    this.done();
  }

  // Said without a choice, it says that neither is better too, and takes that back with itself.
  callBothBad(bad) {
    const { step } = this;
    if (bad) this.implied = step === null;
    this.change(answerOf(!bad && this.implied ? null : step, bad));
  }

  toggleBothBad() {
    const bad = !this.bothBad.checked;
    this.callBothBad(bad);
    if (bad) this.done();
  }

  change(answer) {
    this.answer = answer;
    this.liveTarget.textContent = this.words(answer);
  }

  done() {
    this.dispatch("done", { prefix: "question", detail: { name: this.nameValue } });
  }

  chosen = ({ target }) => {
    if (target !== this.bothBad && !this.steps.includes(target)) return;
    activate(this.nameValue); // where clicks do not move the focus
    if (target === this.bothBad) return this.callBothBad(target.checked);
    this.implied = false;
    this.change(this.answer);
  };

  cleared = ({ target }) => {
    if (target.closest(`[data-answer-clear="${this.nameValue}"]`)) this.change(null);
  };

  activated({ detail }) {
    if (detail.name === this.nameValue) this.element.scrollIntoView({ block: "nearest" });
  }

  show() {
    const { answer } = this;
    for (const place of this.form.querySelectorAll(`[data-compare-verdict="${this.nameValue}"]`)) {
      place.textContent = this.verdict(answer, place.dataset.key);
    }
    for (const button of this.form.querySelectorAll(`[data-answer-clear="${this.nameValue}"]`)) {
      button.hidden = answer === null;
    }
    this.dispatch("answer", {
      prefix: "question",
      detail: {
        name: this.nameValue,
        value: answer,
        complete: answer !== null || !this.requiredValue,
        outcomes: outcomesOf(answer, { ties: this.tiesValue }),
      },
    });
  }

  // What an answer says of one response.
  verdict(answer, key) {
    if (!answer) return "";
    const step = this.steps.find((one) => one.value === stepOf(answer));
    const said = step && (answer.preferred === null || answer.preferred === key) ? [step.dataset.word] : [];
    if (answer.both_bad && this.bothBad) said.push(this.bothBad.dataset.word);
    return said.join(" · ");
  }

  words(answer) {
    if (!answer) return "no choice";
    const which = answer.preferred ? `${this.letters[answer.preferred]}: ` : "";
    return which + this.verdict(answer, answer.preferred);
  }

  restore({ detail: { answers } }) {
    this.answer = answers[this.nameValue] ?? null;
  }

  describe = ({ detail }) => {
    if (detail.name === this.nameValue) detail.words = `${this.titleValue}\n${this.words(detail.value)}`;
  };
}
