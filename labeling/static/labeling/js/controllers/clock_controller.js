// Measures active time and keeps it in the form. A reload goes on where it was.
import { Controller } from "../../vendor/stimulus.js";
import { ActiveClock } from "../lib/clock.js";
import { quietly } from "../lib/quietly.js";

const SIGNS = ["pointermove", "pointerdown", "keydown", "wheel", "scroll", "touchmove"];

export default class extends Controller {
  static targets = ["field"];
  static values = { key: String };

  connect() {
    this.clock = new ActiveClock(Number(quietly(() => sessionStorage.getItem(this.key))) || 0);
    for (const name of SIGNS) document.addEventListener(name, this.sign, { passive: true, capture: true });
    document.addEventListener("visibilitychange", this.look);
    window.addEventListener("blur", this.pause);
    window.addEventListener("focus", this.look);
    window.addEventListener("pagehide", this.pause);
    this.timer = setInterval(() => this.write(), 5000);
    this.look();
  }

  disconnect() {
    for (const name of SIGNS) document.removeEventListener(name, this.sign, { capture: true });
    document.removeEventListener("visibilitychange", this.look);
    window.removeEventListener("blur", this.pause);
    window.removeEventListener("focus", this.look);
    window.removeEventListener("pagehide", this.pause);
    clearInterval(this.timer);
    quietly(() => sessionStorage.removeItem(this.key));
  }

  get key() {
    return `annotate:active:${this.keyValue}`;
  }

  sign = () => {
    if (!document.hidden) this.clock.sign(performance.now());
  };

  look = () => (document.hidden ? this.pause() : this.sign());

  pause = () => {
    this.clock.pause(performance.now());
    this.write();
  };

  write() {
    const milliseconds = this.clock.at(performance.now());
    this.fieldTarget.value = (milliseconds / 1000).toFixed(1);
    quietly(() => sessionStorage.setItem(this.key, milliseconds));
  }
}
