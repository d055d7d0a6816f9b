// One task: sends the form, shows what is wrong at its question, and puts the next task in the place of this one.
import { Controller } from "../../vendor/stimulus.js";
import { allComplete } from "../lib/active.js";
import * as ahead from "../lib/ahead.js";
import { announce } from "../lib/announce.js";
import { bind } from "../lib/bindings.js";
import { postFields } from "../lib/http.js";
import { LARGEST_FORM, misfit } from "../lib/limits.js";
import { codePoints } from "../lib/text.js";
import { parse, show } from "../lib/visit.js";

const GLANCE = 500; // ms after a task came in which Enter cannot be meant for it, unless something else was pressed
const PATIENCE = 30000; // ms for a submit
const HERE = "Your answers are still on this page."; // whether they are kept beyond it is said beside the clock

export default class extends Controller {
  static targets = ["form", "submit", "notice"];
  static values = { leaves: Boolean }; // after it another page comes, not the next task

  connect() {
    const submit = () => this.formTarget.requestSubmit(this.submitTarget);
    const came = performance.now();
    let touched = false;
    this.listening = new AbortController();
    for (const sign of ["keydown", "pointerdown"]) {
      const touch = ({ key }) => (touched ||= key !== "Enter");
      document.addEventListener(sign, touch, { signal: this.listening.signal, capture: true });
    }
    this.unbind = bind(
      { keys: ["Mod+Enter"], label: "Submit", group: "Task", run: submit, typing: true },
      {
        keys: ["Enter"],
        label: "Submit, when every question is answered",
        group: "Task",
        run: submit,
        when: () => allComplete() && (touched || performance.now() - came > GLANCE),
      },
    );
  }

  disconnect() {
    this.unbind();
    this.listening.abort();
  }

  async send(event) {
    event.preventDefault();
    if (this.busy) return;
    this.work(true);
    try {
      await this.post();
    } finally {
      this.work(false);
    }
  }

  async post({ again = false } = {}) {
    // The clock writes its time, the autosaver waits, and says so where there are two versions to choose from.
    const { defaultPrevented } = this.dispatch("submitting");
    if (defaultPrevented) return this.refuse("Not submitted: there are two versions of your answer. Choose one first.");
    const misfits = this.misfits();
    if (misfits.size) return this.point(({ id }) => misfits.get(id));
    const fields = new URLSearchParams(new FormData(this.formTarget));
    fields.set("ahead", ahead.lease());
    if (fields.toString().length > LARGEST_FORM) {
      return this.refuse("Not submitted: your answers together are too large to be sent. Make them shorter.");
    }
    let response;
    let text;
    try {
      response = await postFields(this.formTarget.action, fields, { patience: PATIENCE });
      text = await response.text();
    } catch {
      return this.refuse(`It could not be sent: the network or the server does not answer. ${HERE}`);
    }
    const { ok, status } = response;
    const isJson = response.headers.get("Content-Type") === "application/json";
    if (isJson && ok) return this.goOn(JSON.parse(text));
    if (isJson && status === 409) return this.contest(JSON.parse(text), again);
    return this.take(response, text);
  }

  async take(response, html) {
    if (this.leavesValue && response.ok && response.redirected && !response.url.includes("/login/")) {
      // Shown from what came: asking for it again would lose the words that it says once. In the place of this page, so
      // that the way back leads to the page before it.
      this.dispatch("submitted");
      history.replaceState(null, "", response.url);
      return this.turnTo(parse(html));
    }
    // The next task is at …/label/5/, below which the form is sent. Anywhere else is the login page.
    const out = response.redirected && !this.formTarget.action.startsWith(response.url);
    if (!out && (response.ok || response.status === 409)) {
      if (response.ok) this.dispatch("submitted");
      return this.turnTo(parse(html));
    }
    if (response.status === 422) return this.explain(html);
    if (out || response.status === 401) {
      return this.refuse(`You are logged out. Log in in another tab, then submit again. ${HERE}`);
    }
    this.refuse(`It was not taken (error ${response.status}). ${HERE} Try again in a moment.`);
  }

  // A newer draft is stored than the one that was submitted.
  contest({ draft }, again) {
    this.dispatch("refused");
    const { detail } = this.dispatch("stale", { detail: { draft } });
    if (detail.ours && !again) return this.post({ again: true });
    if (detail.ours) return this.refuse("It was not taken: another tab saves this task. Try again in a moment.");
    this.refuse("Not submitted: another tab or device has saved something else. Choose one of the two versions first.");
  }

  // The next task is here already: its numbers are of before, and so is what can be undone.
  async goOn({ next, counts }) {
    const page = ahead.take(next);
    this.dispatch("submitted");
    if (!page) return location.reload();
    const undo = document.getElementById("undo-of-this")?.content.cloneNode(true);
    await this.turnTo(page, () => {
      for (const [name, number] of Object.entries(counts)) {
        for (const place of page.querySelectorAll(`[data-count="${name}"]`)) place.textContent = number;
      }
      page.querySelector("[data-undo-place]")?.replaceChildren(undo ?? "");
    });
  }

  // What was submitted is taken: a page that cannot be shown in the place of this one is loaded as pages are.
  async turnTo(page, change) {
    try {
      await show(page, change);
    } catch {
      return location.reload();
    }
    const next = document.getElementById("undo-of-this") && "Submitted. The next task.";
    const ended = document.querySelector(".messages .message > div") ?? document.querySelector("body:not(:has(#task)) h1");
    announce(next ?? ended?.textContent.trim() ?? "");
  }

  // What would not arrive as it stands here, by the place that says so.
  misfits() {
    const fields = [...this.formTarget.querySelectorAll("[data-question]:not([data-not-asked]) textarea[name]")];
    const place = (field) => `error-${field.closest("[data-question]").dataset.question}`;
    const found = fields.map((field) => [place(field), misfit(field.value, codePoints(field.value))]);
    return new Map(found.filter(([, words]) => words));
  }

  // The page with mistakes knows what is wrong; this one keeps cursor, history and scroll position.
  explain(html) {
    const page = parse(html);
    this.point(({ id }) => page.getElementById(id)?.textContent);
  }

  // Says at each question what is wrong there. `words(place)`: what is to stand in it, if anything.
  point(words) {
    const places = [...this.formTarget.querySelectorAll("[data-question-error]")];
    for (const place of places) place.textContent = words(place) ?? "";
    const first = places.find((place) => place.textContent.trim());
    this.refuse(first ? "Not submitted: see the note at the question." : "Not submitted.");
    first?.scrollIntoView({ block: "center" });
    first?.focus({ preventScroll: true });
  }

  refuse(words) {
    this.noticeTarget.textContent = words;
    this.noticeTarget.hidden = false;
    this.dispatch("refused");
  }

  work(busy) {
    this.busy = busy;
    if (busy) this.noticeTarget.hidden = true;
    this.submitTarget.setAttribute("aria-disabled", busy);
  }
}
