// The marks on all responses of a task, with the steps back. Nothing here touches the page.
import * as marks from "./marks.js";

export class Markings {
  #marks;
  #history = [];
  #commenting = null;

  // `points`: a CodePoints of each response's text by its key. `stored`: the marks as the server has them.
  constructor({ labels, points, stored }) {
    Object.assign(this, { labels, points });
    this.load(stored);
  }

  load(stored) {
    const found = (key) => marks.fromStored(Object(stored)[key], this.points[key], this.labels);
    this.#marks = Object.fromEntries(Object.keys(this.points).map((key) => [key, found(key)]));
    this.#history = [];
    this.#commenting = null;
  }

  of = (key) => this.#marks[key];
  mark = (key, id) => marks.byId(this.#marks[key], id);

  #set(key, changed, remember = true) {
    if (remember) this.#history.push(this.#marks);
    this.#marks = { ...this.#marks, [key]: changed };
  }

  // Gives a part this label or, where it has it, takes it away. Says which: "added", "removed"; "full" for too many marks.
  toggle(key, part, label) {
    this.settle();
    const before = marks.find(this.of(key), { ...part, label });
    if (before) return this.remove(key, before.id), "removed";
    if (this.of(key).length >= marks.MOST) return "full";
    this.#set(key, marks.add(this.of(key), part, label, this.labels));
    return "added";
  }

  remove(key, id) {
    this.settle();
    this.#set(key, marks.remove(this.of(key), id));
  }

  // Whether it could be done: the same part may have the label already.
  relabel(key, id, label) {
    this.settle();
    const changed = marks.relabel(this.of(key), id, label, this.labels);
    if (changed) this.#set(key, changed);
    return changed !== null;
  }

  // Typing one comment is one step, however many letters it has.
  comment(key, id, text) {
    this.#set(key, marks.comment(this.of(key), id, text), this.#commenting !== id);
    this.#commenting = id;
  }

  // What is typed from now on is a step of its own.
  settle() {
    this.#commenting = null;
  }

  // Whether there was a step to take back.
  undo() {
    this.settle();
    const before = this.#history.pop();
    if (before) this.#marks = before;
    return Boolean(before);
  }

  // As the server has them; always every response.
  get stored() {
    return Object.fromEntries(Object.entries(this.#marks).map(([key, found]) => [key, marks.toStored(found, this.points[key])]));
  }

  get empty() {
    return Object.values(this.#marks).every((found) => found.length === 0);
  }

  // What the answer comes to, as the server says it: later questions may hang on it.
  get outcomes() {
    if (this.empty) return ["none"];
    return [...new Set(Object.values(this.#marks).flat().map(({ label }) => `label:${label}`))];
  }
}
