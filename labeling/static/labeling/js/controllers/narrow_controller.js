// Narrows a long list of names down to those with a text in them. What is ticked stays in sight.
import { Controller } from "../../vendor/stimulus.js";
import { fits } from "../lib/narrowing.js";

export default class extends Controller {
  static targets = ["one"];

  show({ target }) {
    for (const one of this.oneTargets) {
      const ticked = one.querySelector("input")?.checked ?? false;
      one.hidden = !ticked && !fits(one.textContent, target.value);
    }
  }

  // Enter would send the whole form.
  stay(event) {
    event.preventDefault();
  }
}
