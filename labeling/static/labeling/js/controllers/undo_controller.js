// Offers to take back the last submit, for as long as the server allows it.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";

export default class extends Controller {
  static targets = ["left", "button"];
  static values = { seconds: Number };

  connect() {
    this.end = performance.now() + this.secondsValue * 1000;
    const run = () => this.element.requestSubmit();
    this.unbind = bind({ keys: ["z"], label: "Take the last submit back", group: "Task", run });
    this.timer = setInterval(() => this.count(), 1000);
    this.count();
  }

  disconnect() {
    this.unbind();
    clearInterval(this.timer);
  }

  count() {
    const left = Math.ceil((this.end - performance.now()) / 1000);
    if (left <= 0) this.element.remove();
    else this.leftTarget.textContent = `${left} s`;
  }
}
