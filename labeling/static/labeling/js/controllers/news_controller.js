// Guidelines that are new to somebody: announced until they say that they have read it, or submit with it in sight.
import { Controller } from "../../vendor/stimulus.js";
import { postFields } from "../lib/http.js";

// What was announced since the page was loaded. A next page that was fetched ahead still announces what is met by now.
const announced = new Map();

export default class extends Controller {
  static values = { number: Number, url: String };

  connect() {
    const key = `${this.urlValue} ${this.numberValue}`;
    if (announced.has(key) && announced.get(key) !== this.element) this.element.remove();
    else announced.set(key, this.element);
  }

  met() {
    postFields(this.urlValue, { number: this.numberValue }).catch(() => {}); // else the submit will say it
    this.element.remove();
  }
}
