// How responses stand: beside each other or one below the other; and whether long ones are shown whole.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";

export default class extends Controller {
  static targets = ["choice", "expand"];

  connect() {
    this.unbind = bind(
      { keys: ["x"], label: "Show responses whole, or scroll within them", group: "Reading", run: () => this.expand() },
      { keys: ["l"], label: "Side by side, or one below the other", group: "Reading", run: () => this.flip() },
    );
    for (const button of this.expandTargets) button.hidden = false;
  }

  disconnect() {
    this.unbind();
  }

  choose({ detail: { name, value } }) {
    if (name === "layout") this.element.dataset.layout = value;
  }

  flip() {
    this.choiceTargets.find((button) => button.value !== this.element.dataset.layout)?.click();
  }

  expand() {
    const whole = this.element.toggleAttribute("data-whole");
    for (const button of this.expandTargets) button.setAttribute("aria-pressed", whole);
  }
}
