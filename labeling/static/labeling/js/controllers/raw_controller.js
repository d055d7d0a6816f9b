// Shows texts exactly as they were written, or rendered. Each text is in the page both ways.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";
import { Saying } from "../lib/strip.js";

export default class extends Controller {
  static targets = ["rendered", "exact", "button"];

  connect() {
    this.raw = this.exactTargets.some((element) => !element.hidden);
    const label = "Raw text, exactly as it was written, or rendered";
    this.unbind = bind({ keys: ["r"], group: "Reading", label, run: () => this.toggle() });
    this.saying = new Saying();
    for (const button of this.buttonTargets) button.hidden = false;
    if (this.raw) this.tell();
  }

  disconnect() {
    this.unbind();
    this.saying.remove();
  }

  toggle() {
    this.raw = !this.raw;
    for (const element of this.renderedTargets) element.hidden = this.raw;
    for (const element of this.exactTargets) element.hidden = !this.raw;
    this.tell();
    this.dispatch("changed", { prefix: "reading" });
    this.dispatch("draw", { prefix: "prose" }); // what was hidden had no width
  }

  tell() {
    for (const button of this.buttonTargets) button.setAttribute("aria-pressed", this.raw);
    if (this.raw) this.saying.say("Raw text: exactly as it was written.");
    else this.saying.say("", { spoken: "Text is rendered." });
  }
}
