// Keeps a choice about the screens without leaving the page: a form whose buttons are the choices.
import { Controller } from "../../vendor/stimulus.js";
import { postFields } from "../lib/http.js";

export default class extends Controller {
  connect() {
    this.element.addEventListener("submit", this.save);
  }

  disconnect() {
    this.element.removeEventListener("submit", this.save);
  }

  save = (event) => {
    const button = event.submitter;
    if (!button?.name) return;
    event.preventDefault();
    for (const other of this.element.elements) {
      if (other.name === button.name) other.setAttribute("aria-pressed", other === button);
    }
    if (button.name === "theme") document.documentElement.dataset.theme = button.value;
    this.dispatch("chosen", { detail: { name: button.name, value: button.value } });
    const fields = new FormData(this.element, button);
    postFields(this.element.action, fields, { redirect: "manual" }).catch(() => {
      // Not kept this time: the page looks as chosen until it is loaded again.
    });
  };
}
