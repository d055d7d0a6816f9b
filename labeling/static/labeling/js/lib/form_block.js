// One question in the builder: its fields on the page, and the mistakes beside them. The question itself is an object
// of the form's JSON, which the block changes in place.
import { COMMON, outcomesOf, said, shown, titleOf } from "./form_model.js";

let numbers = 0;
const same = (element, sign) => element.dataset.sign === sign || !(element.dataset.sign = sign);

export class Block {
  // kit: {block, kinds: {kind: <template>}}. `own` says whether a person chose its name.
  constructor(kit, question, type, { open = false, own = true } = {}) {
    Object.assign(this, { question, type, own, number: (numbers += 1) });
    this.element = kit.block.content.firstElementChild.cloneNode(true);
    this.element.dataset.block = this.number;
    this.element.querySelector("details").open = open;
    this.fields = new Map();
    const place = this.part("fields");
    for (const setting of [...COMMON, ...type.settings]) place.append(this.field(kit, setting));
    const condition = this.element.querySelector('[data-field="show_if"]');
    this.select.setAttribute("aria-label", "Ask it");
    this.tie(condition.querySelector("[data-wrong]"), "show_if", [this.select]);
    this.tie(this.element.querySelector('[data-wrong=""]'), "", []);
  }

  part(name) {
    return this.element.querySelector(`[data-part="${name}"]`);
  }

  get select() {
    return this.part("question");
  }

  get title() {
    return titleOf(this.question, this.type);
  }

  field(kit, setting) {
    const field = kit.kinds[setting.kind].content.firstElementChild.cloneNode(true);
    const control = field.querySelector("[data-value]");
    const [label, help, wrong] = ["label", ".field__help", ".field__error"].map((part) => field.querySelector(part));
    const id = `question-${this.number}-${setting.name}`;
    field.dataset.field = setting.name;
    control.id = id;
    label.htmlFor = id;
    (label.querySelector("span") ?? label).textContent = setting.title;
    for (const { value, title } of setting.choices ?? []) control.append(new Option(title, value));
    help.id = `${id}-help`;
    help.textContent = setting.help;
    help.hidden = !setting.help;
    if (setting.kind === "number" && setting.default !== null) control.placeholder = setting.default;
    this.fields.set(setting.name, { setting, control });
    this.fill(setting.name);
    this.tie(wrong, setting.name, [control], setting.help ? [help.id] : []);
    return field;
  }

  // A place for mistakes, and the controls that it is about.
  tie(wrong, name, controls, others = []) {
    wrong.id = `question-${this.number}-${name || "all"}-wrong`;
    wrong.dataset.wrong = name;
    for (const control of controls) control.setAttribute("aria-describedby", [...others, wrong.id].join(" "));
  }

  fill(name) {
    const { setting, control } = this.fields.get(name);
    const value = shown(setting, this.question[name]);
    if (setting.kind === "yes_no") control.checked = value;
    else control.value = value;
  }

  // The name of the field that an event is about, for those that are settings.
  named(target) {
    const name = target.closest("[data-field]")?.dataset.field;
    return this.fields.get(name)?.control === target ? name : null;
  }

  // Takes over what stands in a field.
  take(name) {
    const { setting, control } = this.fields.get(name);
    // A number field keeps what is no number to itself: any other word makes the server say so.
    const content = setting.kind === "yes_no" ? control.checked : control.validity.badInput ? "?" : control.value;
    this.set(name, said(setting, content));
  }

  set(name, value) {
    if (value === undefined) delete this.question[name];
    else this.question[name] = value;
  }

  // From the select and the boxes of the condition.
  takeCondition() {
    const question = this.select.value;
    const kept = this.question.show_if?.question === question;
    const boxes = [...this.part("outcomes").querySelectorAll("input:checked")];
    this.set("show_if", question ? { question, is: kept ? boxes.map((box) => box.value) : [] } : undefined);
  }

  showHeading(place, of) {
    const { question, type } = this;
    const facts = [
      type.title === this.title ? "" : type.title,
      question.required === false ? "optional" : "",
      question.show_if ? "not always" : "",
    ];
    this.part("number").textContent = place + 1;
    this.part("title").textContent = this.title;
    this.fields.get("title").control.placeholder = titleOf({ ...question, title: "" }, type);
    this.part("facts").textContent = facts.filter(Boolean).join(", ");
    const acts = this.element.querySelector(".block__acts");
    acts.setAttribute("aria-label", `Question ${place + 1}: ${this.title}`);
    acts.querySelector('[data-act="up"]').setAttribute("aria-disabled", place === 0);
    acts.querySelector('[data-act="down"]').setAttribute("aria-disabled", place === of - 1);
  }

  // earlier: [{name, title, outcomes}] of the questions before this one; outcomes null where the server does not know.
  showCondition(earlier) {
    const condition = this.question.show_if;
    const after = earlier.map(({ name, title }, place) => [name, `after question ${place + 1}, “${title}”, if …`]);
    const options = [["", "always"], ...after];
    if (condition && !earlier.some(({ name }) => name === condition.question)) {
      options.push([condition.question, `after “${condition.question}”, which is not before it`]);
    }
    this.element.querySelector('[data-field="show_if"]').hidden = options.length === 1;
    if (!same(this.select, JSON.stringify(options))) {
      this.select.replaceChildren(...options.map(([value, title]) => new Option(title, value)));
    }
    this.select.value = condition?.question ?? "";
    this.showOutcomes(condition, earlier.find(({ name }) => name === condition?.question)?.outcomes);
  }

  showOutcomes(condition, known) {
    const place = this.part("outcomes");
    const outcomes = condition ? outcomesOf(condition, known) : [];
    place.hidden = outcomes.length === 0;
    if (!same(place, JSON.stringify(outcomes.map(({ value, title }) => [value, title])))) {
      place.replaceChildren(...outcomes.map((outcome) => this.box(outcome)));
    }
    for (const box of place.querySelectorAll("input")) {
      box.checked = outcomes.some(({ value, wanted }) => wanted && value === box.value);
    }
  }

  box({ value, title }) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    label.className = "check";
    Object.assign(box, { type: "checkbox", value });
    label.append(box, title);
    return label;
  }

  // wrong: [{field, message}]. What is about no field that is here stands above them all.
  showFaults(wrong) {
    const places = [...this.element.querySelectorAll("[data-wrong]")];
    const known = places.map(({ dataset }) => dataset.wrong);
    for (const place of places) {
      const field = place.dataset.wrong;
      const mine = wrong.filter((one) => one.field === field || (!field && !known.includes(one.field)));
      const unticked = field === "show_if" && this.question.show_if?.is?.length === 0;
      const words = mine.map(({ message }) => (unticked ? "Tick one answer at least." : message));
      place.textContent = words.join(" ");
      place.hidden = words.length === 0;
      const control = field === "show_if" ? this.select : this.fields.get(field)?.control;
      control?.setAttribute("aria-invalid", words.length > 0);
    }
    // What has just gone wrong is to be seen; who closes the block afterwards keeps it closed.
    if (wrong.length && !this.wrong) this.element.querySelector("details").open = true;
    this.wrong = wrong.length;
    const count = this.part("count");
    count.textContent = wrong.length ? (wrong.length === 1 ? "1 mistake" : `${wrong.length} mistakes`) : "";
    count.hidden = wrong.length === 0;
  }
}
