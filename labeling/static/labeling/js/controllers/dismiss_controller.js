// Takes a message away.
import { Controller } from "../../vendor/stimulus.js";

export default class extends Controller {
  static targets = ["button"];

  buttonTargetConnected(button) {
    button.hidden = false;
  }

  close() {
    this.element.remove();
  }
}
