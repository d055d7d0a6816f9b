// Keys of the page on which answers are reviewed. A rejection asks for its reason first.
import { Controller } from "../../vendor/stimulus.js";
import { bind } from "../lib/bindings.js";

export default class extends Controller {
  static targets = ["accept", "reject", "later", "reason"];

  connect() {
    if (!this.hasAcceptTarget) return; // one's own answers
    const group = "Review";
    this.unbind = bind(
      { keys: ["a"], group, label: "Accept", run: () => this.acceptTarget.click() },
      { keys: ["r"], group, label: "Reject", run: () => this.reject() },
      { keys: ["l"], group, label: "Later", run: () => this.laterTarget.click() },
      { keys: ["Mod+Enter"], group, label: "Reject for this reason, or accept", typing: true, run: () => this.send() },
    );
  }

  disconnect() {
    this.unbind?.();
  }

  send() {
    if (this.reasonTarget.value.trim()) this.rejectTarget.click();
    else this.acceptTarget.click();
  }

  reject() {
    if (this.reasonTarget.value.trim()) this.rejectTarget.click();
    else this.reasonTarget.focus();
  }
}
