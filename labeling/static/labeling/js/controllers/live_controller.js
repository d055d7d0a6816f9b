// Keeps a part of a page live while somebody looks at it: a small piece of HTML is fetched every few seconds. It says
// when it did, can be stopped, and takes nothing from under a hand: not while a button or a link in it has the focus or
// the pointer on it.
import { Controller } from "../../vendor/stimulus.js";
import { atTime } from "../lib/words.js";

export default class extends Controller {
  static targets = ["part", "said", "button"];
  static values = { url: String, seconds: { type: Number, default: 5 } };

  connect() {
    this.seen = () => document.hidden || this.refresh();
    document.addEventListener("visibilitychange", this.seen);
    this.go();
  }

  disconnect() {
    this.stop();
    document.removeEventListener("visibilitychange", this.seen);
  }

  go() {
    this.timer = setInterval(() => this.refresh(), this.secondsValue * 1000);
    this.say(`Refreshed every ${this.secondsValue} seconds.`);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
  }

  toggle() {
    const stops = this.timer !== null;
    this.buttonTarget.textContent = stops ? "Go on refreshing" : "Stop refreshing";
    if (stops) {
      this.stop();
      this.say(`Stopped ${atTime(Date.now())}.`);
    } else {
      this.go();
      this.refresh();
    }
  }

  async refresh() {
    if (this.timer === null || document.hidden || this.busy) return;
    if (this.isHeld) {
      this.say("Holding still, as you are about to press something.");
      return;
    }
    this.busy = true;
    try {
      const response = await fetch(this.urlValue, { headers: { Accept: "text/html" } });
      if (response.redirected || response.status === 401) this.say("You are logged out. Load the page again.");
      else if (!response.ok) this.say(`The server does not answer (${response.status}). Trying again.`);
      else this.show(await response.text());
    } catch {
      this.say("The network is away. Trying again.");
    } finally {
      this.busy = false;
    }
  }

  show(html) {
    if (this.timer === null || this.isHeld) return;
    const fresh = new DOMParser().parseFromString(html, "text/html").body;
    for (const one of this.partTarget.querySelectorAll("details[id][open]")) {
      fresh.querySelector(`#${CSS.escape(one.id)}`)?.setAttribute("open", "");
    }
    const had = this.partTarget.contains(document.activeElement) ? document.activeElement.id : "";
    this.partTarget.replaceChildren(...document.adoptNode(fresh).childNodes);
    if (had) document.getElementById(had)?.focus({ preventScroll: true });
    this.say(`Refreshed ${atTime(Date.now())}.`);
  }

  get isHeld() {
    return this.partTarget.querySelector(":is(a, button):is(:focus, :hover)") !== null;
  }

  say(words) {
    this.saidTarget.textContent = words;
  }
}
