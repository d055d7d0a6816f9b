// Copies the text of its source. The button shows itself only where scripts run.
import { Controller } from "../../vendor/stimulus.js";
import { copy } from "../lib/clipboard.js";

export default class extends Controller {
  static targets = ["source", "button"];

  buttonTargetConnected(button) {
    button.hidden = false;
  }

  async copy() {
    const source = this.sourceTarget;
    this.say(await copy(source.value ?? source.textContent, () => source));
  }

  say(words) {
    this.buttonTarget.textContent = words;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.buttonTarget.textContent = "Copy"), 3000);
  }

  disconnect() {
    clearTimeout(this.timer);
  }
}
