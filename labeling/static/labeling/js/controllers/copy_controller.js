// Copies the text of its source. The button shows itself only where scripts run.
import { Controller } from "../../vendor/stimulus.js";

export default class extends Controller {
  static targets = ["source", "button"];

  buttonTargetConnected(button) {
    button.hidden = false;
  }

  async copy() {
    const source = this.sourceTarget;
    const text = source.value ?? source.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // The clipboard is closed on plain http: select the text, so that the keyboard can copy it.
      if (source.select) source.select();
      else getSelection().selectAllChildren(source);
      return this.say("Selected: press Ctrl+C");
    }
    this.say("Copied");
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
