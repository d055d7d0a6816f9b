// Ties the autosaver to the page: questions tell their answers, the server and this browser keep them.
import { Controller } from "../../vendor/stimulus.js";
import { announce } from "../lib/announce.js";
import { Autosaver } from "../lib/autosaver.js";
import { copy } from "../lib/clipboard.js";
import { sendJson } from "../lib/http.js";
import { LARGEST_DRAFT, bytes } from "../lib/limits.js";
import { draftStore } from "../lib/store.js";
import { saying } from "../lib/words.js";

const SENDABLE = 60000; // bytes of answers that a browser still sends for a page that is gone: 64 KiB, all told
const TOO_LARGE = { status: 413, body: { detail: `at most ${LARGEST_DRAFT / 1e6} MB can be kept` } };
const BARE = ["offline", "out", "refused", "conflict"]; // where an answer without a copy stands on this page alone
const TOLD = ["offline", "out", "refused"]; // what a screen reader is told; the others have an alert

export default class extends Controller {
  static targets = ["state", "conflict", "mine", "theirs", "lost", "lostWhere", "lostWords", "bare", "revision"];
  static values = { url: String, lease: String, revision: Number, savedAt: String, key: String, version: Number };

  connect() {
    this.saver = new Autosaver({
      send: (draft) => this.send(draft),
      store: draftStore(this.keyValue),
      lease: this.leaseValue,
      tell: (state, detail) => this.told(state, detail),
      after: (run, wait) => setTimeout(run, wait),
      cancel: (timer) => clearTimeout(timer),
    });
    this.said = {};
    document.addEventListener("visibilitychange", this.look);
    window.addEventListener("pagehide", this.hide);
    window.addEventListener("pageshow", this.back);
    window.addEventListener("online", this.wake);
    window.addEventListener("beforeunload", this.warn);
    // After every question has connected and told what it holds, and before any key: what is restored must not take the
    // place of what somebody has just answered.
    this.here = true;
    queueMicrotask(() => this.here && this.begin());
  }

  disconnect() {
    this.here = false;
    this.saver.stop();
    document.removeEventListener("visibilitychange", this.look);
    window.removeEventListener("pagehide", this.hide);
    window.removeEventListener("pageshow", this.back);
    window.removeEventListener("online", this.wake);
    window.removeEventListener("beforeunload", this.warn);
  }

  send(draft) {
    const size = bytes(JSON.stringify(draft.answers));
    if (size > LARGEST_DRAFT) return TOO_LARGE;
    return sendJson("PUT", this.urlValue, { ...this.whose, ...draft }, { keepalive: size < SENDABLE });
  }

  // A correction says which version it corrects.
  get whose() {
    const lease = this.leaseValue;
    return this.hasVersionValue ? { lease, version: this.versionValue } : { lease };
  }

  begin() {
    const stored = JSON.parse(document.getElementById("stored-draft").textContent);
    this.answers = stored;
    this.begun = true;
    const restored = this.saver.start({
      revision: this.revisionValue,
      answers: stored,
      savedAt: this.savedAtValue || null,
    });
    if (restored) this.restore(restored);
    // What the page shows may be newer than the draft: typed before the scripts came, or posted with a mistake in it.
    // A question that has said nothing (its script did not come) shows nothing yet: that is not an emptied answer.
    else if (this.saver.state !== "conflict") {
      for (const [name, value] of Object.entries(this.said)) this.put(name, value);
      this.saver.change(this.answers);
    }
  }

  restore(answers) {
    this.answers = answers;
    this.dispatch("restore", { detail: { answers } });
  }

  // From a question: {name, value}; a value of null is no answer yet.
  answered({ detail: { name, value } }) {
    this.said[name] = value;
    if (!this.begun) return;
    this.put(name, value);
    this.saver.change(this.answers);
  }

  put(name, value) {
    const { [name]: _, ...rest } = this.answers;
    this.answers = value === null ? rest : { ...rest, [name]: value };
  }

  renew() {
    this.saver.save({ renew: true });
  }

  // What is submitted says which draft it builds on. Of two versions, none is submitted before somebody chose.
  submitting(event) {
    if (this.saver.state === "conflict") {
      event.preventDefault();
      return this.conflictTarget.scrollIntoView({ block: "nearest" });
    }
    this.saver.stop();
    if (this.hasRevisionTarget) this.revisionTarget.value = this.saver.revision;
  }

  // A submit was refused for a newer draft. `detail.ours`: it was one of this page, so that the submit can be sent again.
  stale({ detail }) {
    detail.ours = this.saver.contest(detail.draft);
    if (!detail.ours) this.conflictTarget.scrollIntoView({ block: "nearest" });
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

  // "Leave" gives the lease back, after which nothing is taken any more: first the last words.
  async leave(event) {
    const form = event.target;
    if (!this.saver.dirty && !this.saver.flying) return;
    event.preventDefault();
    if (this.leaving) return;
    this.leaving = true;
    await this.saver.flush();
    this.leaving = false;
    form.submit();
  }

  hide = () => this.saver.save();

  // Somebody came back: the task may be another's by now, a newer draft may be there, and a clock that stood still while
  // the device slept says nothing of the lease.
  come() {
    if (this.hasVersionValue) this.wake(); // a correction has no lease to be renewed
    else this.renew();
  }

  back = ({ persisted }) => {
    if (persisted) this.come();
  };

  look = () => (document.hidden ? this.hide() : this.come());

  wake = () => this.saver.wake();

  warn = (event) => {
    const { saver } = this;
    const here = saver.dirty && this.answers !== this.copied;
    if (here && (saver.endangered || !outlives(this.answers))) event.preventDefault();
  };

  told(state, detail) {
    const { kept } = this.saver;
    const words = saying(state, { ...detail, kept });
    const troubled = TOLD.includes(this.state);
    if (state !== this.state && (TOLD.includes(state) || (troubled && state === "saved"))) announce(words);
    if (state !== "saving" && state !== "unsaved") this.state = state;
    for (const target of this.stateTargets) {
      target.textContent = words;
      target.dataset.state = state;
    }
    if (detail.expires) this.dispatch("renewed");
    if (state !== "saving" && state !== "unsaved") this.bareTarget.hidden = kept || !BARE.includes(state);
    if (state === "conflict") {
      this.mineTarget.textContent = this.describe(detail.mine);
      this.theirsTarget.textContent = this.describe(detail.theirs);
      this.conflictTarget.hidden = false;
    }
    if (state === "lost") {
      if (!kept) this.lostWhereTarget.textContent = "What you type is kept nowhere but on this page.";
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
    const words = this.describe(this.answers);
    const { answers } = this;
    const said = await copy(words, () => {
      const text = currentTarget.closest(".notice").querySelector(".notice__text");
      text.textContent = words;
      text.hidden = false;
      return text;
    });
    currentTarget.textContent = said;
    if (said === "Copied") this.copied = answers;
  }
}

const outlives = (answers) => bytes(JSON.stringify(answers)) < SENDABLE;
