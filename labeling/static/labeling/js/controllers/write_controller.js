// A question for text: counts, and a preview by the server's own renderer.
import { Controller } from "../../vendor/stimulus.js";
import { isActive } from "../lib/active.js";
import { bind } from "../lib/bindings.js";
import { postFields } from "../lib/http.js";
import { LONGEST, number } from "../lib/limits.js";
import { quietly } from "../lib/quietly.js";
import { characters, codePoints, words } from "../lib/text.js";

const REMEMBERED = "annotate:preview";
const PAUSE = 300; // ms without typing before the preview follows

const many = (count, one, more) => `${number(count)} ${count === 1 ? one : more}`;

export default class extends Controller {
  static targets = ["text", "counts", "preview", "toggle"];
  static values = { name: String, preview: String, min: Number, max: Number, required: Boolean };

  connect() {
    document.addEventListener("autosave:describe", this.describe);
    if (this.hasToggleTarget) {
      this.toggleTarget.hidden = false;
      const fitting = matchMedia("(min-width: 64rem)").matches ? "open" : "closed";
      this.previewTarget.hidden = (quietly(() => localStorage.getItem(REMEMBERED)) ?? fitting) !== "open";
      this.toggleTarget.setAttribute("aria-pressed", this.previewing);
    }
    this.unbind = bind(...this.bindings());
    this.changed();
  }

  disconnect() {
    this.unbind();
    clearTimeout(this.timer);
    document.removeEventListener("autosave:describe", this.describe);
  }

  bindings() {
    const group = "Writing";
    const here = () => document.activeElement === this.textTarget;
    const mine = () => isActive(this.nameValue);
    const keys = [
      { keys: ["w"], group, label: "Go to the text", run: () => this.textTarget.focus(), when: mine },
      { keys: ["Escape"], group, label: "Leave the text", run: () => this.textTarget.blur(), typing: true, when: here },
    ];
    if (!this.hasToggleTarget) return keys;
    const toggle = () => this.toggle();
    return [...keys, { keys: ["Alt+p"], group, label: "Show or hide the preview", run: toggle, typing: true, when: mine }];
  }

  changed() {
    const text = this.textTarget.value;
    const length = codePoints(text);
    this.countsTarget.textContent = this.counts(text, length);
    this.dispatch("answer", { prefix: "question", detail: { name: this.nameValue, ...this.answer(text, length) } });
    clearTimeout(this.timer);
    if (this.previewing) this.timer = setTimeout(() => this.draw(), PAUSE);
  }

  // What a text of so many code points comes to.
  answer(text, length) {
    const fits = length >= this.minValue && length <= (this.maxValue || LONGEST);
    return {
      value: text === "" ? null : { text },
      complete: fits || (!this.requiredValue && length === 0),
      outcomes: length > 0 && fits ? ["answered"] : [],
    };
  }

  // It is this question's turn, after another one's.
  activated({ detail }) {
    if (detail.name === this.nameValue) this.textTarget.focus();
  }

  counts(text, length) {
    // To count words in megabytes takes seconds, at every key.
    if (length > LONGEST) return `${many(length, "character", "characters")} · at most ${number(this.maxValue || LONGEST)}`;
    const said = [many(words(text), "word", "words"), many(characters(text), "character", "characters")];
    if (this.minValue > 1 && length < this.minValue) said.push(`at least ${number(this.minValue)}`);
    if (this.maxValue) said.push(`at most ${number(this.maxValue)}`);
    return said.join(" · ");
  }

  get previewing() {
    return this.hasPreviewTarget && !this.previewTarget.hidden;
  }

  toggle() {
    this.previewTarget.hidden = !this.previewTarget.hidden;
    this.toggleTarget.setAttribute("aria-pressed", this.previewing);
    quietly(() => localStorage.setItem(REMEMBERED, this.previewing ? "open" : "closed"));
    if (this.previewing) this.draw();
  }

  async draw() {
    const text = this.textTarget.value;
    const place = this.previewTarget.querySelector(".prose");
    if (!text.trim()) return place.replaceChildren();
    if (codePoints(text) > LONGEST) return (place.textContent = "The text is too long to be shown.");
    try {
      const response = await postFields(this.previewValue, { text });
      if (!response.ok || text !== this.textTarget.value) return;
      // The server's renderer made this HTML safe, and the content policy stands behind it.
      place.innerHTML = await response.text();
      place.dispatchEvent(new CustomEvent("prose:draw", { bubbles: true }));
    } catch {
      // Offline: the preview stays as it was, the text is safe.
    }
  }

  restore({ detail: { answers } }) {
    const text = answers[this.nameValue]?.text ?? "";
    if (text !== this.textTarget.value) this.textTarget.value = text;
    this.changed();
  }

  describe = ({ detail }) => {
    if (detail.name === this.nameValue) detail.words = detail.value?.text ?? "";
  };
}
