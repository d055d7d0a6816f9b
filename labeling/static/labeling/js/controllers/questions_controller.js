// The form as a whole: shows the questions that are asked, says which one the keys answer, and goes from one to the next.
//
// Everything on the page that belongs to a question carries data-question="<name>"; its panel also carries
// data-question-number and, where it hangs on an earlier answer, data-question-condition.
// Questions say "question:answer" {name, value, complete, outcomes} whenever their answer changes, and "question:done"
// {name} when keys have just completed it. They hear "question:activate" {name} when it is their turn and the focus is
// theirs, "question:resume" {name} when a page begins with them, and "question:turn" {name} whenever the keys have
// passed to one of them, by whatever way.
import { Controller } from "../../vendor/stimulus.js";
import * as form from "../lib/active.js";
import { bind } from "../lib/bindings.js";

export default class extends Controller {
  connect() {
    this.begin();
    document.addEventListener("focusin", this.focused);
    document.addEventListener("autosave:restore", this.restored);
    const several = () => form.asked().length > 1;
    this.unbind = bind(
      { keys: ["."], label: "Next question", group: "Questions", run: () => this.go(1), when: several },
      { keys: [","], label: "Question before", group: "Questions", run: () => this.go(-1), when: several },
    );
    this.show();
    this.restored();
  }

  disconnect() {
    this.unbind();
    this.resuming = null;
    document.removeEventListener("focusin", this.focused);
    document.removeEventListener("autosave:restore", this.restored);
    form.clear();
  }

  begin() {
    for (const { dataset } of document.querySelectorAll("[data-question-number]")) {
      const condition = dataset.questionCondition ? JSON.parse(dataset.questionCondition) : null;
      form.add({ name: dataset.question, number: Number(dataset.questionNumber), condition });
    }
  }

  // Once every question has told what it holds, and before any key: on a busy machine a timer comes after the first
  // keys, and would take the turn from the question that they answer.
  restored = () => {
    const mine = (this.resuming = {});
    queueMicrotask(() => {
      if (this.resuming !== mine) return;
      const name = form.resume();
      this.show();
      if (name) this.say("resume", name);
    });
  };

  answered({ detail }) {
    form.update(detail.name, detail);
    this.show();
  }

  done({ detail: { name } }) {
    const next = form.nextOpen(name);
    if (next) this.activate(next);
  }

  go(by) {
    const name = form.beside(by);
    if (name) this.activate(name);
  }

  activate(name) {
    form.activate(name);
    this.show();
    this.say("activate", name);
  }

  say(event, name) {
    document.dispatchEvent(new CustomEvent(`question:${event}`, { detail: { name } }));
  }

  focused = ({ target }) => {
    const name = target.closest?.("[data-question]")?.dataset.question;
    if (name && !form.isActive(name)) {
      form.activate(name);
      this.show();
    }
  };

  show() {
    const active = form.active();
    const several = form.asked().length > 1;
    for (const element of document.querySelectorAll("[data-question]")) {
      const { question } = element.dataset;
      element.toggleAttribute("data-not-asked", !form.isAsked(question));
      element.toggleAttribute("data-active", several && question === active);
      element.toggleAttribute("data-resting", several && question !== active);
    }
    if (active !== this.turn) this.say("turn", (this.turn = active));
  }
}
