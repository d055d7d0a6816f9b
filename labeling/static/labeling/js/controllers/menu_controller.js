// A menu that is a <details>: closes on Escape and when the focus or the pointer goes elsewhere.
import { Controller } from "../../vendor/stimulus.js";

export default class extends Controller {
  connect() {
    this.outside = ({ target }) => {
      if (!this.element.contains(target)) this.element.open = false;
    };
    this.escape = (event) => {
      if (event.key !== "Escape" || !this.element.open) return;
      this.element.open = false;
      this.element.querySelector("summary").focus();
    };
    document.addEventListener("pointerdown", this.outside);
    document.addEventListener("focusin", this.outside);
    this.element.addEventListener("keydown", this.escape);
  }

  disconnect() {
    document.removeEventListener("pointerdown", this.outside);
    document.removeEventListener("focusin", this.outside);
    this.element.removeEventListener("keydown", this.escape);
  }
}
