// Shows only the part of a form that belongs to what is chosen. Without it all parts are there, each with its title.
import { Controller } from "../../vendor/stimulus.js";

export default class extends Controller {
  static targets = ["choice", "kind"];

  connect() {
    this.show();
  }

  show() {
    for (const kind of this.kindTargets) kind.hidden = kind.dataset.kind !== this.choiceTarget.value;
  }
}
