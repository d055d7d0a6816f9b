// Goes from response to response. The current one is what single keys of questions are about.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";
import * as cards from "../lib/cards.js";

export default class extends Controller {
  connect() {
    const letters = Object.entries(cards.letters()).map(([key, letter]) => [letter.toLowerCase(), key]);
    const free = letters.filter(([letter]) => !cards.TAKEN.includes(letter));
    const byLetter = Object.fromEntries(free);
    const group = "Responses";
    this.unbind = bind(
      { keys: ["ArrowRight", "j"], group, label: "Next response", run: () => cards.step(1) },
      { keys: ["ArrowLeft", "k"], group, label: "Response before", run: () => cards.step(-1) },
      {
        keys: Object.keys(byLetter),
        show: [free.map(([letter]) => letter.toUpperCase()).join(" ")],
        group,
        label: "Go to this response",
        run: (_, letter) => cards.goTo(byLetter[letter]),
      },
    );
    cards.mark(cards.current());
  }

  disconnect() {
    this.unbind();
  }

  focused({ target }) {
    const key = target.closest("[data-candidate]")?.dataset.candidate;
    if (key && key !== cards.current()) cards.mark(key);
  }
}
