// A question that is answered for each response, or once for the task as a whole (the key ""). The buttons on the page
// hold the answers, keys set them. What rating and choosing have in common; each adds how it reads, sets and says one.
import { Controller } from "../../vendor/stimulus.js";
import { activate } from "../lib/active.js";
import { bind } from "../lib/bindings.js";
import * as cards from "../lib/cards.js";
import * as judging from "../lib/judging.js";

export default class extends Controller {
  static values = { name: String, title: String, per: String, required: Boolean };
  static targets = ["live"];

  connect() {
    this.form = this.element.closest("form");
    this.keys = this.perValue === "task" ? [""] : cards.keys();
    this.letters = cards.letters();
    this.form.addEventListener("change", this.changed);
    this.form.addEventListener("click", this.clicked);
    document.addEventListener("autosave:describe", this.describe);
    this.unbind = bind(...this.bindings());
    this.reread();
  }

  disconnect() {
    this.unbind();
    this.form.removeEventListener("change", this.changed);
    this.form.removeEventListener("click", this.clicked);
    document.removeEventListener("autosave:describe", this.describe);
  }

  get current() {
    return this.perValue === "task" ? "" : cards.current();
  }

  inputs(key) {
    const name = key ? `q.${this.nameValue}.${key}` : `q.${this.nameValue}`;
    return [...this.form.querySelectorAll(`input[name="${name}"]`)];
  }

  reread() {
    const found = this.keys.map((key) => [key, this.read(this.inputs(key))]);
    this.answers = Object.fromEntries(found.filter(([, value]) => value !== null));
    this.show();
  }

  set(key, value) {
    this.answers = judging.changed(this.answers, key, value);
    this.write(this.inputs(key), value);
    this.show();
    this.say(key);
  }

  // To the next response that has no answer; when all have theirs, this question is done.
  goOn() {
    const next = judging.nextMissing(this.answers, this.keys, this.current);
    if (next === null) this.dispatch("done", { prefix: "question", detail: { name: this.nameValue } });
    else cards.goTo(next);
  }

  changed = ({ target }) => {
    const key = this.keys.find((one) => this.inputs(one).includes(target));
    if (key === undefined) return;
    activate(this.nameValue); // where clicks do not move the focus
    this.reread();
    this.say(key);
  };

  clicked = ({ target }) => {
    const button = target.closest(`[data-answer-clear="${this.nameValue}"]`);
    if (button) this.set(button.value, null);
  };

  // It is this question's turn, after another one's.
  activated({ detail }) {
    if (detail.name !== this.nameValue) return;
    if (this.perValue !== "task") return cards.goTo(judging.nextMissing(this.answers, this.keys, null) ?? this.current);
    this.element.querySelector("fieldset").focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
  }

  // The page begins with this question.
  resumed({ detail }) {
    if (detail.name !== this.nameValue || this.perValue === "task") return;
    cards.mark(judging.nextMissing(this.answers, this.keys, null) ?? this.current);
  }

  show() {
    for (const button of this.form.querySelectorAll(`[data-answer-clear="${this.nameValue}"]`)) {
      button.hidden = !(button.value in this.answers);
    }
    this.tell();
  }

  tell() {
    const given = Object.keys(this.answers).length > 0;
    const complete = !this.requiredValue || judging.missing(this.answers, this.keys).length === 0;
    this.dispatch("answer", {
      prefix: "question",
      detail: {
        name: this.nameValue,
        value: given ? this.answers : null,
        complete,
        outcomes: given && complete ? this.outcomes() : [],
      },
    });
  }

  say(key) {
    const where = key ? `Response ${this.letters[key]}: ` : "";
    this.liveTarget.textContent = `${where}${key in this.answers ? this.words(this.answers[key]) : "no answer"}`;
  }

  restore({ detail: { answers } }) {
    for (const key of this.keys) this.write(this.inputs(key), answers[this.nameValue]?.[key] ?? null);
    this.reread();
  }

  describe = ({ detail }) => {
    if (detail.name !== this.nameValue) return;
    const said = judging.describe(Object(detail.value), this.keys, this.letters, (value) => this.words(value));
    detail.words = `${this.titleValue}\n${said}`;
  };
}
