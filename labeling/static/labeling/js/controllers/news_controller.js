// Guidelines that are new to somebody: announced until they say that they have read it.
import { Controller } from "../../vendor/stimulus.js";
import { postFields } from "../lib/http.js";

export default class extends Controller {
  static values = { number: Number, url: String };

  met() {
    postFields(this.urlValue, { number: this.numberValue }).catch(() => {}); // else the submit will say it
    this.element.remove();
  }
}
