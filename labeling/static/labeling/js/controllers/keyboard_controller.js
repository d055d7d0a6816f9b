// Sends key presses to the page's bindings.
import { Controller } from "../../vendor/stimulus.js";
import { find } from "../lib/bindings.js";
import { names, typing } from "../lib/keys.js";

// Keys that mean something to what has the focus.
const OWN = {
  Enter: "a, button, summary, input, select",
  " ": "a, button, summary, input, select",
  ArrowLeft: 'input, select, .prose [tabindex="0"]', // what scrolls sideways
  ArrowRight: 'input, select, .prose [tabindex="0"]',
};
// Keys that may be held down. All others answer, submit or change something, once for each press.
const HELD = ["ArrowLeft", "ArrowRight", "j", "k"];

export default class extends Controller {
  static values = { single: { type: Boolean, default: true } };

  connect() {
    document.addEventListener("keydown", this.press);
  }

  disconnect() {
    document.removeEventListener("keydown", this.press);
  }

  press = (event) => {
    // While an input method composes a character, keys are its own.
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
    const focused = document.activeElement;
    const found = find(names(event, { typing: typing(focused) }));
    if (!found) return;
    const { binding, name } = found;
    const single = !/^(Mod|Alt)\+/.test(name) && name !== "Escape";
    if (typing(focused) && !binding.typing) return;
    if (single && (!this.singleValue || event.ctrlKey || event.metaKey || event.altKey)) return;
    if (single && OWN[name] && focused?.matches(OWN[name])) return;
    if (document.querySelector("dialog[open]") && !binding.dialogs) return;
    if (document.querySelector("details.menu[open]") && single) return;
    event.preventDefault();
    if (event.repeat && !HELD.includes(name)) return;
    binding.run(event, name);
  };
}
