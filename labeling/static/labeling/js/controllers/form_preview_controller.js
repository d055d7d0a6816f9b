// Shows the labelling page as the form makes it, a moment after the form changed. Each form goes into a frame of its
// own, which takes the place of the one before once it is drawn: nothing flickers, and the browser's way back stays free.
import { Controller } from "../../vendor/stimulus.js";

const PAUSE = 300; // ms without a change
const NAME = "form-preview";
const ABSENT = "The preview does not come: you may be logged out, or the network is away.";

export default class extends Controller {
  static targets = ["stage", "sample", "says"];
  static values = { url: String };

  connect() {
    this.post = document.createElement("form");
    Object.assign(this.post, { method: "post", hidden: true });
    document.body.append(this.post);
  }

  disconnect() {
    clearTimeout(this.timer);
    this.post.remove();
  }

  changed({ detail }) {
    this.form = detail;
    this.seen = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.show(), PAUSE);
  }

  // Another prompt was chosen, or the preview has just been opened.
  again({ type }) {
    if (type !== "toggle" || !this.seen) this.show();
  }

  alone() {
    this.send("_blank");
  }

  show() {
    clearTimeout(this.timer);
    if (!this.form || !this.stageTarget.checkVisibility()) return;
    this.seen = true;
    for (const late of this.stageTarget.querySelectorAll("[data-coming]")) late.remove();
    const frame = document.createElement("iframe");
    frame.className = "stage__frame";
    frame.title = "Preview of the labelling page";
    frame.name = `${NAME}-${Date.now()}`;
    frame.dataset.coming = "";
    frame.inert = true;
    this.stageTarget.append(frame);
    const form = this.form;
    frame.addEventListener("load", () => this.came(frame, form));
    this.send(frame.name);
  }

  send(target) {
    const fields = { csrfmiddlewaretoken: this.element.elements.csrfmiddlewaretoken.value, form: this.form.text };
    const inputs = Object.entries(fields).map(([name, value]) =>
      Object.assign(document.createElement("input"), { type: "hidden", name, value }),
    );
    this.post.replaceChildren(...inputs);
    this.post.action = `${this.urlValue}?prompt=${this.sampleTarget.value}`;
    this.post.target = target;
    this.post.submit();
  }

  came(frame, form) {
    const page = this.pageIn(frame);
    // A fresh frame loads its emptiness first.
    if (page?.URL === "about:blank" || !("coming" in frame.dataset)) return;
    const check = page?.getElementById("form-check");
    this.saysTarget.textContent = check ? "" : ABSENT;
    if (!check) return frame.remove();
    const before = this.stageTarget.querySelector("iframe:not([data-coming])");
    for (const link of page.querySelectorAll("a[href^=http]")) link.target = "_blank";
    delete frame.dataset.coming;
    frame.inert = false;
    frame.contentWindow.scrollTo(0, this.pageIn(before) ? before.contentWindow.scrollY : 0);
    before?.remove();
    const detail = { ...JSON.parse(check.textContent), names: form.names };
    if (form === this.form) this.dispatch("checked", { detail });
  }

  // The browser's own page of an error is not ours to look into.
  pageIn(frame) {
    try {
      return frame.contentDocument;
    } catch {
      return null;
    }
  }
}
