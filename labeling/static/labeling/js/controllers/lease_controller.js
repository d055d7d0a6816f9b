// Says how long the task is still ours, and has the lease renewed while somebody works without typing.
import { Controller } from "../../vendor/stimulus.js";
import { leaseWords } from "../lib/words.js";

const ROUND = 10000; // ms
const LATELY = 60000; // ms: who touched the page within them is working

export default class extends Controller {
  static targets = ["words"];
  static values = { left: Number, length: Number }; // ms, as the server knew them: clocks may differ

  connect() {
    this.end = performance.now() + this.leftValue;
    this.timer = setInterval(() => this.round(), ROUND);
    this.say();
  }

  disconnect() {
    clearInterval(this.timer);
  }

  get left() {
    return this.end - performance.now();
  }

  renewed() {
    this.end = performance.now() + this.lengthValue;
    this.say();
  }

  touched() {
    this.lastTouch = performance.now();
  }

  round() {
    if (this.left < this.lengthValue / 2 && performance.now() - (this.lastTouch ?? -Infinity) < LATELY) {
      this.dispatch("renew");
    }
    this.say();
  }

  say() {
    const words = leaseWords(this.left, this.lengthValue);
    for (const target of this.wordsTargets) {
      if (target.textContent !== words) target.textContent = words;
      target.toggleAttribute("data-soon", this.left < this.lengthValue / 3);
    }
  }
}
