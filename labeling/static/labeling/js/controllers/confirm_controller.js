// Asks before a form is sent: <form data-controller="confirm" data-confirm-message-value="Remove Ann?">.
import { Controller } from "../../vendor/stimulus.js";

export default class extends Controller {
  static values = { message: String };

  connect() {
    this.ask = (event) => {
      if (!window.confirm(this.messageValue)) event.preventDefault();
    };
    this.element.addEventListener("submit", this.ask);
  }

  disconnect() {
    this.element.removeEventListener("submit", this.ask);
  }
}
