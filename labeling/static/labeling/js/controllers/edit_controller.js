// Improves a response: the field begins with its text, what was changed stands below, and nobody loses what was typed by
// starting from another response.
import * as form from "../lib/active.js";
import * as cards from "../lib/cards.js";
import { changesInWords, showDiff } from "../lib/diffview.js";
import { asTyped, bestOfAll, fromDraft, isTyped, startFrom } from "../lib/editing.js";
import { LONGEST } from "../lib/limits.js";
import { plainText } from "../lib/plaintext.js";
import { wordDiff } from "../lib/worddiff.js";
import WriteController from "./write_controller.js";

const PAUSE = 150; // ms without typing before the changes follow
const TIMEOUT = 100; // ms for comparing while somebody types; then whole sentences are compared

export default class extends WriteController {
  static targets = ["start", "hint", "notice", "diff", "changes"];
  static values = { kept: Object };

  connect() {
    this.letters = cards.letters();
    this.originals = Object.fromEntries(cards.keys().map((key) => [key, asTyped(plainText(key))]));
    this.kept = this.keptValue;
    this.element.closest("form").addEventListener("click", this.picked);
    super.connect();
    this.heard();
  }

  disconnect() {
    super.disconnect();
    clearTimeout(this.pause);
    this.element.closest("form")?.removeEventListener("click", this.picked);
  }

  bindings() {
    const group = "Editing";
    const digits = this.startTargets.map((_, at) => String(at + 1));
    const run = (_, name) => this.start(this.startTargets[Number(name.at(-1)) - 1].value, { typing: true });
    const starting = {
      keys: digits.map((digit) => `Alt+${digit}`),
      show: [`Alt ${digits.length > 1 ? `1 – ${digits.length}` : "1"}`],
      label: "Start from this response",
      typing: true,
      when: () => form.isActive(this.nameValue),
      run,
    };
    return [...super.bindings().map((binding) => ({ ...binding, group })), starting];
  }

  get candidate() {
    return this.startTargets.find((one) => one.checked)?.value ?? "";
  }

  get state() {
    return { candidate: this.candidate, text: this.textTarget.value, kept: this.kept };
  }

  set state({ candidate, text, kept }) {
    for (const one of this.startTargets) one.checked = one.value === candidate;
    if (text !== this.textTarget.value) this.textTarget.value = text;
    this.kept = kept;
    this.before = candidate;
    this.changed();
  }

  start(key, { typing = false } = {}) {
    form.activate(this.nameValue);
    this.state = startFrom({ ...this.state, candidate: this.before ?? this.candidate }, key, this.originals);
    if (!typing) return;
    this.textTarget.focus();
    this.textTarget.setSelectionRange(0, 0);
  }

  // A radio button was chosen by mouse, touch or its own keys: the form says the new one already.
  chosen({ target }) {
    this.start(target.value);
  }

  // "Edit this" on a card, or "Back to …" in the notice.
  picked = ({ target }) => {
    const button = target.closest(`[data-edit-start="${this.nameValue}"]`);
    if (!button) return;
    this.start(button.value, { typing: true });
    this.textTarget.scrollIntoView({ block: "nearest" });
  };

  // An answer before this one prefers a response: that is the one to edit, unless somebody chose or typed here.
  heard() {
    const best = bestOfAll(form.answersBefore(this.nameValue));
    if (!this.originals || best === this.best) return;
    this.best = best;
    if (best === null) return this.notify();
    const { state, followed } = this;
    this.followed = best;
    const untouched = !isTyped(state, this.originals) && ["", followed].includes(state.candidate);
    // Where an answer may be left out, nothing is answered before somebody begins.
    if (untouched && this.requiredValue) this.state = startFrom(state, best, this.originals);
    else this.notify();
  }

  answer(text, length) {
    const said = super.answer(text, length);
    const { candidate, kept } = this;
    const keeps = Object.keys(kept).length > 0;
    const begun = candidate !== "" && length > 0;
    return {
      value: candidate || text || keeps ? { candidate, text, ...(keeps ? { kept } : {}) } : null,
      // Not before something was changed, so that no key that goes on when all is answered passes this question over.
      complete: begun ? said.complete && text !== this.originals[candidate] : !this.requiredValue && length === 0,
      outcomes: candidate ? said.outcomes : [],
    };
  }

  changed() {
    this.before = this.candidate;
    super.changed();
    for (const button of this.element.closest("form").querySelectorAll(`[data-edit-start="${this.nameValue}"][aria-pressed]`)) {
      button.setAttribute("aria-pressed", button.value === this.candidate);
    }
    this.hintTarget.textContent = this.candidate ? "" : "Choose one, and its text stands in the field.";
    this.notify();
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.compare(), Math.max(PAUSE, 3 * (this.took ?? 0)));
  }

  async compare() {
    const { candidate, text } = this.state;
    const unsaid = !candidate ? "" : text.length > 2 * LONGEST ? "too long to be compared" : null;
    if (unsaid !== null) return this.diffTarget.replaceChildren(), (this.changesTarget.textContent = unsaid);
    try {
      const began = performance.now();
      const parts = await wordDiff(this.originals[candidate], text, { timeout: TIMEOUT });
      this.took = performance.now() - began; // where it takes long all the same, it comes less often
      if (candidate !== this.candidate || text !== this.textTarget.value) return;
      showDiff(this.diffTarget, parts);
      this.changesTarget.textContent = changesInWords(parts) || "none yet";
    } catch {
      // Offline before the comparison was ever loaded: the text is safe, and the next change asks again.
    }
  }

  // What was kept and how to get it back; and where an answer before this one prefers another response than the edited.
  notify() {
    const lines = Object.keys(this.kept).map((key) =>
      key
        ? this.line(`Your text from response ${this.letters[key]} is kept.`, key, `Go back to ${this.letters[key]}`)
        : this.line("What you typed before you chose a response is kept.", key, "Go back to it"),
    );
    const { best, candidate } = this;
    if (best && candidate && best !== candidate && !(best in this.kept)) {
      const [one, other] = [this.letters[best], this.letters[candidate]];
      lines.unshift(this.line(`You prefer response ${one}, and this is an edit of ${other}.`, best, `Start from ${one}`));
    }
    const words = lines.map((line) => line.textContent).join();
    if (words === this.said) return;
    this.said = words;
    this.noticeTarget.replaceChildren(...lines);
    this.noticeTarget.hidden = lines.length === 0;
  }

  line(words, key, action) {
    const line = document.createElement("p");
    const button = Object.assign(document.createElement("button"), { type: "button", value: key, textContent: action });
    button.className = "btn btn--small";
    button.dataset.editStart = this.nameValue;
    line.append(Object.assign(document.createElement("span"), { textContent: words }), button);
    return line;
  }

  activated({ detail }) {
    if (detail.name !== this.nameValue) return;
    if (this.candidate || !this.startTargets.length) this.textTarget.focus();
    else this.startTargets[0].focus();
  }

  restore({ detail: { answers } }) {
    this.state = fromDraft(answers[this.nameValue], cards.keys());
  }

  describe = ({ detail }) => {
    if (detail.name !== this.nameValue) return;
    const { candidate, text = "" } = Object(detail.value);
    detail.words = candidate ? `Response ${this.letters[candidate] ?? "?"}, edited:\n${text}` : text;
  };
}
