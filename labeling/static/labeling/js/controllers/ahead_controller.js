// Fetches the next task while this one is being done, keeps its short lease alive while somebody works here, and gives it
// back when the page is left.
import { Controller } from "../../vendor/stimulus.js";
import * as ahead from "../lib/ahead.js";
import { postFields } from "../lib/http.js";
import { parse } from "../lib/visit.js";

const SOON = 400; // ms after the page came: first things first
const AGAIN = 45000; // ms between two looks; the lease lasts two minutes
const LATELY = 180000; // ms: who has not touched the page for so long lets others have it
const SIGNS = ["pointermove", "pointerdown", "keydown", "wheel", "touchmove"];

export default class extends Controller {
  static values = { url: String };

  connect() {
    this.touched();
    this.soon = setTimeout(() => this.look(), SOON);
    this.timer = setInterval(() => this.look(), AGAIN);
    for (const name of SIGNS) document.addEventListener(name, this.touched, { passive: true, capture: true });
    window.addEventListener("pagehide", this.leave);
    window.addEventListener("pageshow", this.back);
  }

  disconnect() {
    clearTimeout(this.soon);
    clearInterval(this.timer);
    for (const name of SIGNS) document.removeEventListener(name, this.touched, { capture: true });
    window.removeEventListener("pagehide", this.leave);
    window.removeEventListener("pageshow", this.back);
    this.over = true;
  }

  touched = () => {
    this.lastTouch = performance.now();
  };

  async look() {
    if (this.looking || document.hidden || performance.now() - this.lastTouch > LATELY) return;
    this.looking = true;
    try {
      const response = await postFields(this.urlValue, { have: ahead.lease() });
      if (!response.ok || response.redirected || this.over) return;
      const { lease, page } = await response.json();
      if (this.over) return;
      if (!lease) ahead.keep(null);
      else if (page) ahead.keep({ lease, page: parse(page) });
    } catch {
      // Offline: the next task comes when this one is submitted, as without this.
    } finally {
      this.looking = false;
    }
  }

  leave = () => {
    if (!ahead.lease()) return;
    postFields(`${this.urlValue}leave/`, { have: ahead.lease() }, { keepalive: true }).catch(() => {});
    ahead.keep(null);
  };

  // The browser kept the page itself while another one was shown.
  back = ({ persisted }) => {
    if (persisted) this.look();
  };
}
