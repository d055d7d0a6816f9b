// Builds a form out of questions: blocks to be changed, moved, copied and removed. Whatever is done is written into the
// field with the form's JSON, which is what is sent; what is typed there by hand is shown as blocks again.
import { Controller } from "../../vendor/stimulus.js";
import { Blocks } from "../lib/form_blocks.js";
import { readForm, writeForm } from "../lib/form_model.js";

const OWN = "own";

export default class extends Controller {
  static targets = ["list", "block", "kind", "empty", "problem", "wrong", "said", "undo", "json", "menu", "open"];

  connect() {
    const { types, presets } = JSON.parse(document.getElementById("form-catalog").textContent);
    const kinds = Object.fromEntries(this.kindTargets.map((template) => [template.dataset.kind, template]));
    this.presets = presets;
    this.blocks = new Blocks(this.listTarget, { block: this.blockTarget, kinds }, types);
    this.text = this.element.elements.form;
    this.dirty = this.element.querySelector("[data-refused]") !== null; // what was sent is saved nowhere
    this.element.noValidate = true; // the server says what is wrong, at the field it is in
    this.text.addEventListener("input", this.retyped);
    window.addEventListener("beforeunload", this.warn);
    this.jsonTarget.open = false;
    const chosen = this.element.elements.preset?.value;
    if (!this.text.value.trim() && chosen && chosen !== OWN) this.load(this.preset(chosen).form);
    else this.read();
  }

  disconnect() {
    this.text.removeEventListener("input", this.retyped);
    window.removeEventListener("beforeunload", this.warn);
  }

  // --- Between the JSON and the blocks ---

  read() {
    const { questions, problem } = readForm(this.text.value);
    this.problemTarget.textContent = problem ? `${problem}. Mend the JSON below; the questions stand here then.` : "";
    this.problemTarget.hidden = !problem;
    if (problem) this.jsonTarget.open = true;
    this.blocks.show(questions ?? []);
    this.tell();
  }

  load(questions) {
    this.problemTarget.hidden = true;
    this.blocks.show(structuredClone(questions));
    this.write();
  }

  write() {
    this.text.value = writeForm(this.blocks.questions);
    this.tell();
  }

  tell() {
    this.emptyTarget.hidden = this.blocks.length > 0;
    this.dispatch("changed", { detail: { text: this.text.value, names: this.blocks.names } });
  }

  changed() {
    this.own();
    this.blocks.refresh();
    this.write();
  }

  retyped = () => {
    this.own();
    this.read();
  };

  // A person changed something: it is a form of their own now.
  own() {
    this.dirty = true;
    if (this.element.elements.preset) this.element.elements.preset.value = OWN;
  }

  // --- What is done to a block ---

  typed({ target }) {
    const block = this.blocks.of(target);
    const name = block?.named(target);
    if (!name || name === "name") return; // a name is taken when it is whole: conditions go with it
    block.take(name);
    if (name === "title" && !block.own) this.blocks.nameByTitle(block);
    this.changed();
  }

  chosen({ target }) {
    const block = this.blocks.of(target);
    if (block?.named(target) === "name") {
      block.own = true;
      this.blocks.rename(block, target.value.trim());
      this.changed();
    } else if (target.closest('[data-field="show_if"]')) {
      block.takeCondition();
      this.changed();
    }
  }

  // Enter in a line of text would send the whole page.
  key(event) {
    if (event.key !== "Enter" || !event.target.matches("input")) return;
    event.preventDefault();
    if (event.target.type !== "checkbox") event.target.dispatchEvent(new Event("change", { bubbles: true }));
  }

  pressed({ target }) {
    const button = target.closest("[data-act]");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    const block = this.blocks.of(button);
    if (button.dataset.act === "copy") this.copy(block);
    else if (button.dataset.act === "remove") this.remove(block);
    else this.move(block, this.blocks.at(block) + (button.dataset.act === "up" ? -1 : 1), button);
  }

  move(block, to, button) {
    this.blocks.move(block, to);
    this.changed();
    button.focus();
    this.say(`“${block.title}” is question ${to + 1} of ${this.blocks.length} now.`);
  }

  copy(block) {
    const copy = this.blocks.copy(block);
    this.changed();
    copy.fields.get("title").control.focus();
    this.say(`“${block.title}” is there twice now.`);
  }

  remove(block) {
    const place = this.blocks.at(block);
    this.blocks.takeAway(block);
    this.changed();
    this.say(`“${block.title}” is removed.`, () => {
      this.blocks.put(block, Math.min(place, this.blocks.length));
      this.changed();
      block.element.querySelector("summary").focus();
    });
    this.undoTarget.focus();
  }

  add({ params: { type } }) {
    this.closeMenus();
    const block = this.blocks.add(type);
    this.changed();
    block.fields.get("title").control.focus();
    this.say("");
  }

  // --- Presets ---

  preset(slug) {
    return this.presets.find((preset) => preset.slug === slug);
  }

  start({ params: { preset: slug } }) {
    this.closeMenus();
    const [before, preset] = [this.text.value, this.preset(slug)];
    this.load(preset.form);
    this.dirty = true;
    this.say(`These are the questions of “${preset.title}”: ${preset.source}`, () => {
      this.text.value = before;
      this.read();
    });
    this.listTarget.querySelector("summary")?.focus();
  }

  choose({ target }) {
    if (target.value === OWN) this.openTarget.open = true;
    else this.load(this.preset(target.value).form);
    this.say("");
  }

  // A menu at the foot of the window would open below it.
  unfolded({ target }) {
    if (target.open) target.querySelector(".menu__panel").scrollIntoView({ block: "nearest" });
  }

  closeMenus() {
    for (const menu of this.menuTargets) menu.open = false;
  }

  // --- What is said ---

  say(words, undo = null) {
    this.saidTarget.textContent = words;
    this.back = undo;
    this.undoTarget.hidden = !undo;
  }

  undo() {
    const back = this.back;
    this.say("");
    back?.();
  }

  // From the preview: what is wrong with the form that it was given, and what its answers can come to.
  checked({ detail }) {
    const whole = this.blocks.check(detail);
    this.wrongTarget.textContent = whole.join(" ");
    this.wrongTarget.hidden = whole.length === 0 || this.blocks.length === 0;
  }

  sent() {
    this.dirty = false;
  }

  warn = (event) => {
    if (this.dirty) event.preventDefault();
  };
}
