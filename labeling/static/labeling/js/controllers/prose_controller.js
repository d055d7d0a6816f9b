// Finishes rendered text: draws its math, and lets the keyboard reach what scrolls sideways. Text that is put into the
// page later says so with an event "prose:draw".
import { Controller } from "../../vendor/stimulus.js";
import { drawMath } from "../lib/math.js";

export default class extends Controller {
  connect() {
    this.finish(this.element);
    window.addEventListener("resize", this.resized);
  }

  disconnect() {
    window.removeEventListener("resize", this.resized);
  }

  resized = () => this.reach(this.element);

  draw({ target }) {
    this.finish(target);
  }

  async finish(root) {
    this.reach(root);
    await drawMath(root);
    this.reach(root);
  }

  reach(root) {
    for (const element of root.querySelectorAll(".prose :is(pre, table, .math-block)")) {
      if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
      else element.removeAttribute("tabindex");
    }
  }
}
