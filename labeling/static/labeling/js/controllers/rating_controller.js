// Rates responses, or the task as a whole, on a scale.
import { isActive } from "../lib/active.js";
import { scaleDigits, shownDigits, stepped } from "../lib/judging.js";
import JudgementController from "./judgement_controller.js";

export default class extends JudgementController {
  static values = { min: Number, max: Number };

  read(radios) {
    const chosen = radios.find((radio) => radio.checked);
    return chosen ? Number(chosen.value) : null;
  }

  write(radios, value) {
    for (const radio of radios) radio.checked = value !== null && radio.value === String(value);
  }

  // "4, Good"
  words(value) {
    const radio = this.inputs(this.keys[0]).find((one) => one.value === String(value));
    return [value, radio?.dataset.word].filter((word) => word !== undefined && word !== "").join(", ");
  }

  outcomes() {
    return ["answered", ...new Set(Object.values(this.answers).map(String))];
  }

  give(value) {
    this.set(this.current, value);
    this.goOn();
  }

  bindings() {
    const { minValue: low, maxValue: high } = this;
    const what = this.perValue === "task" ? "Give this rating" : "Rate the response, go to the next";
    const digits = scaleDigits(low, high);
    const keys = Object.keys(digits);
    const found = [];
    if (keys.length) {
      const themselves = keys.every((key) => digits[key] === Number(key));
      const shown = themselves ? `${low} – ${high}` : shownDigits(keys.length);
      const label = themselves ? what : `${what}: ${low} to ${high}, lowest first`;
      found.push({ keys, show: [shown], label, run: (_, key) => this.give(digits[key]) });
    }
    if (high - low === 1) {
      found.push({ keys: ["y", "+"], label: this.words(high), run: () => this.give(high) });
      found.push({ keys: ["-"], label: this.words(low), run: () => this.give(low) });
    } else {
      const step = (by) => this.set(this.current, stepped(this.answers[this.current], by, low, high));
      found.push({ keys: ["Alt+ArrowUp"], label: "One step higher", run: () => step(1) });
      found.push({ keys: ["Alt+ArrowDown"], label: "One step lower", run: () => step(-1) });
    }
    const clearing = "0" in digits ? ["Backspace"] : ["0", "Backspace"];
    found.push({ keys: clearing, label: "Take the rating away", run: () => this.set(this.current, null) });
    return found.map((binding) => ({ ...binding, group: "Rating", when: () => isActive(this.nameValue) }));
  }
}
