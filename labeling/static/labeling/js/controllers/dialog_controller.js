// Opens a <dialog> from links to its id (which open it by :target where no scripts run), and binds a key to it.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";

export default class extends Controller {
  static values = { key: String, label: String, group: { type: String, default: "Page" } };

  connect() {
    this.element.addEventListener("click", this.outside);
    document.addEventListener("click", this.follow);
    if (this.keyValue) {
      const run = () => this.toggle();
      this.unbind = bind({ keys: [this.keyValue], label: this.labelValue, group: this.groupValue, run, dialogs: true });
    }
  }

  disconnect() {
    this.unbind?.();
    document.removeEventListener("click", this.follow);
  }

  follow = (event) => {
    const link = event.target.closest?.("a[href^='#']");
    if (link?.hash !== `#${this.element.id}` || !this.element.id) return;
    event.preventDefault();
    this.open();
  };

  // A click on the backdrop lands on the dialog itself.
  outside = (event) => {
    if (event.target === this.element) this.element.close();
  };

  toggle() {
    if (this.element.open) this.element.close();
    else this.open();
  }

  open() {
    if (this.element.open || document.querySelector("dialog[open]")) return;
    this.dispatch("opening");
    this.element.showModal();
  }

  close(event) {
    event?.preventDefault();
    this.element.close();
  }
}
