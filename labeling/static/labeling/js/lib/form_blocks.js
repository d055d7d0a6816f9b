// The questions of a form in their order, each with its block on the page.
import { Block } from "./form_block.js";
import { copyOf, follow, nameFor, namesOf, newQuestion, placed } from "./form_model.js";

export class Blocks {
  // list: the <ol>; kit: the templates of a block; types: what there is to ask.
  constructor(list, kit, types) {
    Object.assign(this, { list, kit, types, all: [], outcomes: new Map() });
  }

  get questions() {
    return this.all.map(({ question }) => question);
  }

  get names() {
    return this.questions.map(({ name }) => name);
  }

  get length() {
    return this.all.length;
  }

  make(question, options) {
    const known = this.types.find(({ name }) => name === question.type);
    const strange = { name: "", title: `${question.type ?? "?"}`, settings: [] };
    return new Block(this.kit, question, known ?? strange, options);
  }

  // Shows a whole form; a short one with all its fields.
  show(questions) {
    const open = questions.length < 3;
    this.all = questions.map((question) => this.make(question, { open }));
    this.list.replaceChildren(...this.all.map(({ element }) => element));
    this.refresh();
  }

  refresh() {
    this.all.forEach((block, place) => {
      const earlier = this.all.slice(0, place).map(({ question: { name }, title }) => {
        return { name, title, outcomes: this.outcomes.get(name) };
      });
      block.showHeading(place, this.length);
      block.showCondition(earlier);
    });
  }

  // What the server says of the form with these names: [[value, words]] of each question, and what is wrong.
  // Returns what is wrong with the form as a whole.
  check({ names, outcomes, errors }) {
    names.forEach((name, place) => this.outcomes.set(name, outcomes[place]));
    const wrong = placed(errors);
    this.all.forEach((block, place) => block.showFaults(wrong.filter(({ question }) => question === place)));
    this.refresh();
    return wrong.filter(({ question }) => question === null).map(({ message }) => message);
  }

  // The block that an element is in.
  of(element) {
    const number = element.closest("[data-block]")?.dataset.block;
    return this.all.find((block) => `${block.number}` === number);
  }

  at(block) {
    return this.all.indexOf(block);
  }

  put(block, place) {
    this.list.insertBefore(block.element, this.all[place]?.element ?? null);
    this.all.splice(place, 0, block);
  }

  takeAway(block) {
    this.all.splice(this.at(block), 1);
    block.element.remove();
  }

  move(block, to) {
    this.all.splice(this.at(block), 1);
    this.put(block, to);
  }

  add(type) {
    const known = this.types.find(({ name }) => name === type);
    const block = this.make(newQuestion(known, this.questions), { open: true, own: false });
    this.put(block, this.length);
    return block;
  }

  copy(block) {
    const copy = this.make(copyOf(block.question, this.questions), { open: true });
    this.put(copy, this.at(block) + 1);
    return copy;
  }

  // What hangs on a question goes with its name.
  rename(block, name) {
    const before = block.question.name;
    if (name === before) return;
    block.set("name", name);
    block.fill("name");
    if (before && name) follow(this.questions, before, name);
    this.outcomes.set(name, this.outcomes.get(before));
  }

  // A question whose name nobody chose is called as its title says.
  nameByTitle(block) {
    const others = this.questions.filter((question) => question !== block.question);
    this.rename(block, nameFor(block.title, namesOf(others), block.type.name));
  }
}
