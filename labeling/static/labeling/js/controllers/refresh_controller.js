// Keeps a part of a page fresh while somebody looks at it: fetches the page again and swaps this element, by its id.
// What is no longer to be refreshed has come to its end, and the whole page is loaded once more.
import { Controller } from "../../vendor/stimulus.js";

export default class extends Controller {
  static values = { seconds: { type: Number, default: 5 } };

  connect() {
    this.timer = setInterval(() => this.refresh(), this.secondsValue * 1000);
  }

  disconnect() {
    clearInterval(this.timer);
  }

  async refresh() {
    if (document.hidden || this.busy || this.element.contains(document.activeElement)) return;
    this.busy = true;
    try {
      const response = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!response.ok || response.redirected) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById(this.element.id);
      if (!fresh) this.element.removeAttribute("data-controller");
      else if (!fresh.dataset.controller?.split(" ").includes("refresh")) location.reload();
      else if (fresh.innerHTML !== this.served) {
        this.served = fresh.innerHTML;
        this.element.replaceChildren(...document.adoptNode(fresh).childNodes);
      }
    } catch {
      // The network is away: the next round tries again.
    } finally {
      this.busy = false;
    }
  }
}
