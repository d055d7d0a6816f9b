// How responses stand: beside each other, one below the other, one at a time; whether long ones are shown whole; and
// whether the prompt makes room for them.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";
import { remember, remembered } from "../lib/remember.js";
import { Saying } from "../lib/strip.js";

const WORDS = { grid: "Side by side.", stack: "One below the other.", focus: "One at a time." };
const WHOLE = "whole";

export default class extends Controller {
  static targets = ["choice", "expand", "fold", "foldable", "foldWords"];

  connect() {
    const group = "Reading";
    const bindings = [
      { keys: ["x"], group, label: "Show responses whole, or scroll within them", run: () => this.expand() },
      { keys: ["l"], group, label: "Side by side, one below the other, one at a time", run: () => this.turn() },
    ];
    const fold = { keys: ["o"], group, label: "Fold the prompt away, or back", run: () => this.fold() };
    this.unbind = bind(...(document.querySelector("[data-candidate]") ? bindings : []), fold);
    this.saying = new Saying();
    for (const button of [...this.expandTargets, ...this.foldTargets]) button.hidden = false;
    if (remembered(WHOLE)) this.showWhole(true);
  }

  disconnect() {
    this.unbind();
    this.saying.remove();
  }

  choose({ detail: { name, value } }) {
    if (name !== "layout") return;
    this.element.dataset.layout = value;
    this.saying.say("", { spoken: WORDS[value] });
    this.changed();
  }

  turn() {
    const values = this.choiceTargets.map((button) => button.value);
    const next = values[(values.indexOf(this.element.dataset.layout) + 1) % values.length];
    this.choiceTargets.find((button) => button.value === next)?.click();
  }

  expand() {
    this.showWhole(!("whole" in this.element.dataset));
  }

  showWhole(whole) {
    this.element.toggleAttribute("data-whole", whole);
    for (const button of this.expandTargets) button.setAttribute("aria-pressed", whole);
    remember(WHOLE, whole);
    this.changed();
  }

  // Not remembered: the next task must not begin without its prompt.
  fold() {
    const folded = this.element.toggleAttribute("data-folded");
    for (const content of this.foldableTargets) content.hidden = folded;
    for (const button of this.foldTargets) button.setAttribute("aria-expanded", !folded);
    for (const words of this.foldWordsTargets) words.textContent = folded ? "Show the prompt" : "Fold away";
    this.saying.say("", { spoken: folded ? "The prompt is folded away." : "The prompt is back." });
    this.changed();
  }

  // Text has another width now.
  changed() {
    this.dispatch("changed", { prefix: "reading" });
    this.dispatch("draw", { prefix: "prose" });
  }
}
