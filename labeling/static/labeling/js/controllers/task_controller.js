// One task: sends the form, shows what is wrong at its question, and puts the next task in the place of this one.
import { Controller } from "../../vendor/stimulus.js";
import { allComplete } from "../lib/active.js";
import { bind } from "../lib/bindings.js";
import * as ahead from "../lib/ahead.js";
import { postFields } from "../lib/http.js";
import { show } from "../lib/visit.js";

export default class extends Controller {
  static targets = ["form", "submit", "notice"];
  static values = { leaves: Boolean }; // after it another page comes, not the next task

  connect() {
    const submit = () => this.formTarget.requestSubmit(this.submitTarget);
    this.unbind = bind(
      { keys: ["Mod+Enter"], label: "Submit", group: "Task", run: submit, typing: true },
      {
        keys: ["Enter"],
        label: "Submit, when every question is answered",
        group: "Task",
        run: submit,
        when: allComplete,
      },
    );
  }

  disconnect() {
    this.unbind();
  }

  async send(event) {
    event.preventDefault();
    if (this.busy) return;
    this.dispatch("submitting"); // the clock writes its time, the autosaver waits
    this.work(true);
    try {
      const fields = new FormData(this.formTarget);
      fields.set("ahead", ahead.lease());
      const response = await postFields(this.formTarget.action, fields);
      await this.take(response);
    } catch {
      this.refuse("It could not be sent: the network or the server does not answer. Your answers are kept here.");
    } finally {
      this.work(false);
    }
  }

  async take(response) {
    if (response.ok && response.headers.get("Content-Type") === "application/json") {
      return this.goOn(await response.json());
    }
    if (this.leavesValue && response.ok && response.redirected && !response.url.includes("/login/")) {
      // Shown from what came: asking for it again would lose the words that it says once.
      const html = await response.text();
      this.dispatch("submitted");
      history.pushState(null, "", response.url);
      return show(html);
    }
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

  // The next task is here already: its numbers are of before, and so is what can be undone.
  async goOn({ next, counts }) {
    const html = ahead.take(next);
    this.dispatch("submitted");
    if (!html) return location.reload();
    const undo = document.getElementById("undo-of-this")?.content.cloneNode(true);
    const told = document.querySelector("[data-news-number-value]")?.dataset.newsNumberValue;
    await show(html, (page) => {
      for (const [name, number] of Object.entries(counts)) {
        for (const place of page.querySelectorAll(`[data-count="${name}"]`)) place.textContent = number;
      }
      page.querySelector("[data-undo-place]")?.replaceChildren(undo ?? "");
      page.querySelector(`[data-news-number-value="${told}"]`)?.remove();
    });
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
