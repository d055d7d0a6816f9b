// Ties the autosaver to the page: questions tell their answers, the server and this browser keep them.
import { Controller } from "../../vendor/stimulus.js";
import { Autosaver } from "../lib/autosaver.js";
import { sendJson } from "../lib/http.js";
import { draftStore } from "../lib/store.js";
import { saying } from "../lib/words.js";

export default class extends Controller {
  static targets = ["state", "conflict", "mine", "theirs", "lost", "lostWords"];
  static values = { url: String, lease: String, revision: Number, savedAt: String, key: String, version: Number };

  connect() {
    this.saver = new Autosaver({
      send: ({ revision, answers, keepalive }) =>
        sendJson("PUT", this.urlValue, { ...this.whose, revision, answers }, { keepalive }),
      store: draftStore(this.keyValue),
      tell: (state, detail) => this.told(state, detail),
      after: (run, wait) => setTimeout(run, wait),
      cancel: (timer) => clearTimeout(timer),
    });
    this.answers = {};
    this.heard = false;
    document.addEventListener("visibilitychange", this.hide);
    window.addEventListener("pagehide", this.hide);
    window.addEventListener("online", this.wake);
    window.addEventListener("beforeunload", this.warn);
    // After every question has connected and told what it holds.
    this.beginning = setTimeout(() => this.begin());
  }

  disconnect() {
    clearTimeout(this.beginning);
    this.saver.stop();
    document.removeEventListener("visibilitychange", this.hide);
    window.removeEventListener("pagehide", this.hide);
    window.removeEventListener("online", this.wake);
    window.removeEventListener("beforeunload", this.warn);
  }

  // A correction says which version it corrects.
  get whose() {
    const lease = this.leaseValue;
    return this.hasVersionValue ? { lease, version: this.versionValue } : { lease };
  }

  begin() {
    const stored = JSON.parse(document.getElementById("stored-draft").textContent);
    const shown = this.answers;
    this.begun = true;
    const restored = this.saver.start({
      revision: this.revisionValue,
      answers: stored,
      savedAt: this.savedAtValue || null,
    });
    if (restored) this.restore(restored);
    // What the page shows may be newer than the draft: typed before the scripts came, or posted with a mistake in it.
    // Where no question has said anything, the page shows nothing yet: that is not an emptied draft.
    else if (this.heard && this.saver.state !== "conflict") this.saver.change(shown);
  }

  restore(answers) {
    this.answers = answers;
    this.dispatch("restore", { detail: { answers } });
  }

  // From a question: {name, value}; a value of null is no answer yet.
  answered({ detail: { name, value } }) {
    this.heard = true;
    const { [name]: _, ...rest } = this.answers;
    this.answers = value === null ? rest : { ...rest, [name]: value };
    if (this.begun) this.saver.change(this.answers);
  }

  renew() {
    this.saver.save({ renew: true });
  }

  submitting() {
    this.saver.stop();
  }

  submitted() {
    this.saver.stop({ done: true });
  }

  refused() {
    this.saver.resume();
  }

  chooseMine() {
    this.restore(this.saver.resolve("mine"));
    this.conflictTarget.hidden = true;
  }

  chooseTheirs() {
    this.restore(this.saver.resolve("theirs"));
    this.conflictTarget.hidden = true;
  }

  hide = ({ type }) => {
    if (type === "pagehide" || document.hidden) this.saver.save({ keepalive: true });
    else this.saver.wake();
  };

  wake = () => this.saver.wake();

  warn = (event) => {
    if (["offline", "out", "refused"].includes(this.saver.state) && this.saver.dirty) event.preventDefault();
  };

  told(state, detail) {
    for (const target of this.stateTargets) {
      target.textContent = saying(state, detail);
      target.dataset.state = state;
    }
    if (detail.expires) this.dispatch("renewed");
    if (state === "conflict") {
      this.mineTarget.textContent = this.describe(detail.mine);
      this.theirsTarget.textContent = this.describe(detail.theirs);
      this.conflictTarget.hidden = false;
    }
    if (state === "lost") {
      this.lostWordsTarget.textContent = detail.detail ?? "";
      this.lostTarget.hidden = false;
    }
  }

  // Answers in words, for choosing between two versions: each question is asked how it reads.
  describe(answers) {
    const lines = Object.entries(answers).map(([name, value]) => {
      const asking = new CustomEvent("autosave:describe", { detail: { name, value, words: "" } });
      document.dispatchEvent(asking);
      return asking.detail.words;
    });
    return lines.filter(Boolean).join("\n\n") || "(empty)";
  }

  async copyMine({ currentTarget }) {
    await navigator.clipboard?.writeText(this.describe(this.answers));
    currentTarget.textContent = "Copied";
  }
}
