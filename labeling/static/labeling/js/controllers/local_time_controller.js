// Shows a time in the reader's own zone: <time datetime="…" data-controller="local-time">.
import { Controller } from "../../vendor/stimulus.js";
import { ago } from "../lib/words.js";

const day = { day: "numeric", month: "short", year: "numeric" };
const time = { hour: "2-digit", minute: "2-digit" };
const forms = { date: day, time, datetime: { ...day, ...time } };

export default class extends Controller {
  static values = { style: { type: String, default: "datetime" } };

  connect() {
    const moment = new Date(this.element.dateTime);
    const whole = new Intl.DateTimeFormat(undefined, { ...day, ...time, timeZoneName: "short" }).format(moment);
    this.element.title = whole;
    if (this.styleValue === "ago") {
      const say = () => (this.element.textContent = ago(moment));
      say();
      this.timer = setInterval(say, 30000);
    } else {
      this.element.textContent = new Intl.DateTimeFormat(undefined, forms[this.styleValue]).format(moment);
    }
  }

  disconnect() {
    clearInterval(this.timer);
  }
}
