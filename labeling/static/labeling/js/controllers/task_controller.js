// One task: sends the form, shows what is wrong at its question, and puts the next task in the place of this one.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";
import { postFields } from "../lib/http.js";
import { show } from "../lib/visit.js";

export default class extends Controller {
  static targets = ["form", "submit", "notice"];

  connect() {
    this.complete = new Map();
    const submit = () => this.formTarget.requestSubmit(this.submitTarget);
    this.unbind = bind(
      { keys: ["Mod+Enter"], label: "Submit", group: "Task", run: submit, typing: true },
      {
        keys: ["Enter"],
        label: "Submit, when every question is answered",
        group: "Task",
        run: submit,
        when: () => this.complete.size > 0 && [...this.complete.values()].every(Boolean),
      },
    );
  }

  disconnect() {
    this.unbind();
  }

  answered({ detail: { name, complete } }) {
    this.complete.set(name, complete);
  }

  async send(event) {
    event.preventDefault();
    if (this.busy) return;
    this.dispatch("submitting"); // the clock writes its time, the autosaver waits
    this.work(true);
    try {
      const response = await postFields(this.formTarget.action, new FormData(this.formTarget));
      await this.take(response);
    } catch {
      this.refuse("It could not be sent: the network or the server does not answer. Your answers are kept here.");
    } finally {
      this.work(false);
    }
  }

  async take(response) {
    // The next task is at …/label/5/, below which the form is sent. Anywhere else is the login page.
    const out = response.redirected && !this.formTarget.action.startsWith(response.url);
    if (!out && (response.ok || response.status === 409)) {
      const html = await response.text();
      if (response.ok) this.dispatch("submitted");
      return show(html);
    }
    if (response.status === 422) return this.explain(await response.text());
    if (out || response.status === 401) {
      return this.refuse("You are logged out. Log in in another tab, then submit again: your answers are kept here.");
    }
    this.refuse(`It was not taken (error ${response.status}). Your answers are kept here; try again in a moment.`);
  }

  // The page with mistakes knows what is wrong; this one keeps cursor, history and scroll position.
  explain(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const places = [...this.formTarget.querySelectorAll("[data-question-error]")];
    for (const place of places) place.textContent = page.getElementById(place.id)?.textContent ?? "";
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
