// Ticks a whole page of rows at once, and says how many are ticked.
import { Controller } from "../../vendor/stimulus.js";

export default class extends Controller {
  static targets = ["all", "one", "number"];

  connect() {
    this.count();
  }

  all() {
    for (const one of this.oneTargets) one.checked = this.allTarget.checked;
    this.count();
  }

  count() {
    const ticked = this.oneTargets.filter((one) => one.checked).length;
    this.numberTarget.textContent = ` (${ticked})`;
    if (!this.hasAllTarget) return;
    this.allTarget.checked = ticked > 0 && ticked === this.oneTargets.length;
    this.allTarget.indeterminate = ticked > 0 && ticked < this.oneTargets.length;
  }
}
