// Marks parts of the responses with labels: fields that are hidden hold the marks as the server counts.
import { Controller } from "../../vendor/stimulus.js";
import * as form from "../lib/active.js";
import { bind } from "../lib/bindings.js";
import * as cards from "../lib/cards.js";
import { draw, point, styleOf } from "../lib/highlights.js";
import { names } from "../lib/keys.js";
import { MarkBar } from "../lib/markbar.js";
import { Markings } from "../lib/markings.js";
import { MarkList } from "../lib/marklist.js";
import { MOST, clipped, describe, fromStored, labelsAt, under } from "../lib/marks.js";
import { Selecting } from "../lib/selecting.js";
import { innerKeys, outerKeys } from "../lib/spans_keys.js";
import { TextCursor } from "../lib/textcursor.js";
import { TextPane } from "../lib/textpane.js";
import { at } from "../lib/wordcursor.js";

const eachOf = (keys, make) => Object.fromEntries(keys.map((key) => [key, make(key)]));

export default class extends Controller {
  static targets = ["label", "live", "note"];
  static values = { name: String, required: Boolean };

  connect() {
    this.keys = cards.keys();
    this.letters = cards.letters();
    this.labels = this.labelTargets.map((button) => button.value);
    this.panes = eachOf(this.keys, (key) => new TextPane(key));
    this.markings = new Markings({
      labels: this.labels,
      points: eachOf(this.keys, (key) => this.panes[key].points),
      stored: eachOf(this.keys, (key) => JSON.parse(this.field(key).value)),
    });
    this.dress();
    this.lists = eachOf(this.keys, (key) => this.list(key));
    this.cursor = new TextCursor({
      panes: this.panes,
      letters: this.letters,
      active: () => form.isActive(this.nameValue),
      told: (part) => this.told(part),
      refuse: (words) => this.refuse(words),
    });
    this.selecting = new Selecting({
      cursor: this.cursor,
      bar: this.bar(),
      marksOf: this.markings.of,
      mine: () => this.mine,
      keeps: (element) => Boolean(element?.closest(`[data-question="${this.nameValue}"]`)),
    });
    this.inner = innerKeys(this);
    this.unbind = bind(...this.inner, ...outerKeys(this));
    this.listen();
    this.show();
  }

  disconnect() {
    this.unbind();
    this.listening.abort();
    this.selecting.close();
    for (const list of Object.values(this.lists)) list.close();
    draw(this.nameValue, []);
    point(null);
  }

  listen() {
    this.listening = new AbortController();
    const { signal } = this.listening;
    document.addEventListener("autosave:describe", this.describe, { signal });
    for (const { element } of Object.values(this.panes)) {
      element.addEventListener("keydown", this.pressed, { signal });
      element.addEventListener("focusin", () => this.cursor.came(element), { signal });
      const went = ({ relatedTarget }) => this.cursor.went(element, !relatedTarget || this.selecting.keeps(relatedTarget));
      element.addEventListener("focusout", went, { signal });
    }
  }

  // Labels look like no other label on the page, also where it has two such questions.
  dress() {
    const all = [...document.querySelectorAll("[data-spans-target=label]")];
    const first = all.indexOf(this.labelTargets[0]);
    this.styleOf = (label) => styleOf(first + this.labels.indexOf(label));
    for (const button of this.labelTargets) {
      Object.assign(button.querySelector(".label-sample").dataset, this.styleOf(button.value));
    }
  }

  bar() {
    const does = { label: (label) => this.mark(label), comment: () => this.goToComment(), remove: () => this.removeHere() };
    return new MarkBar(this.element, { labels: this.labels, styleOf: this.styleOf, does });
  }

  list(key) {
    const place = document.querySelector(`[data-marks="${this.nameValue}"][data-key="${key}"] ol`);
    const does = {
      point: (id) => this.point(key, id),
      go: (id) => this.cursor.enter(key, at(this.markings.mark(key, id))),
      remove: (id) => this.remove(key, id),
      relabel: (id, label) => this.relabel(key, id, label),
      comment: (id, text) => this.comment(key, id, text),
    };
    return new MarkList(place, { labels: this.labels, styleOf: this.styleOf, does });
  }

  field(key) {
    return this.element.closest("form").elements[`q.${this.nameValue}.${key}`];
  }

  // ── Changing marks ──

  mark(label) {
    this.selecting.settle();
    const { part } = this.cursor;
    if (!part) return this.refuse("Select some words first, or press W to go into the text.");
    form.activate(this.nameValue);
    const what = this.markings.toggle(part.key, part, label);
    if (what === "full") return this.refuse(`A response can have ${MOST} marks.`);
    this.show(part.key);
    this.say(what === "added" ? `${this.quote(part)} marked ${label}.` : `${label} taken from ${this.quote(part)}.`);
  }

  // The mark that is meant by what is selected.
  get here() {
    const { part } = this.cursor;
    return part && under(this.markings.of(part.key), part);
  }

  removeHere() {
    const { here } = this;
    if (here) this.remove(this.cursor.part.key, here.id);
    else this.refuse("There is no mark here.");
  }

  goToComment() {
    const { here } = this;
    if (!here) return this.refuse("There is no mark here. A digit marks what is selected.");
    this.selecting.bar.hide();
    this.lists[this.cursor.part.key].focus(here.id, "comment");
  }

  remove(key, id) {
    const mark = this.markings.mark(key, id);
    this.markings.remove(key, id);
    this.show(key);
    this.say(`${mark.label} taken from ${this.quote({ key, ...mark })}.`);
  }

  relabel(key, id, label) {
    const done = this.markings.relabel(key, id, label);
    if (done) this.show(key);
    else this.refuse(`This part is marked ${label} already.`);
    return done;
  }

  comment(key, id, text) {
    this.markings.comment(key, id, text);
    this.tell();
  }

  undo() {
    if (!this.markings.undo()) return this.refuse("There is nothing to undo.");
    this.show();
    this.say("Undone.");
  }

  // ── Showing them ──

  show(only = null) {
    for (const key of only ? [only] : this.keys) this.lists[key].show(this.markings.of(key), this.panes[key].text);
    this.draw();
    this.selecting.refresh();
    this.tell();
  }

  draw() {
    this.drawn = form.isAsked(this.nameValue);
    const drawn = (key) => ({ label, ...part }) => ({ range: this.panes[key].staticRange(part), style: this.styleOf(label) });
    draw(this.nameValue, this.drawn ? this.keys.flatMap((key) => this.markings.of(key).map(drawn(key))) : []);
  }

  // Another answer may have put this question on the page, or taken it away.
  heard() {
    if (this.markings && form.isAsked(this.nameValue) !== this.drawn) this.draw();
  }

  // A mark in the list has the focus, or none.
  point(key, id) {
    const mark = this.markings.mark(key, id);
    if (!mark) {
      this.markings.settle();
      return point(null);
    }
    this.cursor.take(key, mark);
    point(this.panes[key].staticRange(mark));
    if (!this.panes[key].element.hidden) this.panes[key].reveal(mark);
  }

  tell() {
    const { stored, empty, outcomes } = this.markings;
    for (const key of this.keys) this.field(key).value = JSON.stringify(stored[key]);
    this.dispatch("answer", {
      prefix: "question",
      detail: { name: this.nameValue, value: empty ? null : stored, complete: !empty || !this.requiredValue, outcomes },
    });
  }

  quote({ key, start, end }) {
    return `“${clipped(this.panes[key].text.slice(start, end), 60)}”`;
  }

  // Keys selected a part.
  told(part) {
    this.selecting.bar.hide();
    const given = labelsAt(this.markings.of(part.key), part);
    this.say(this.quote(part) + (given.length ? `, marked ${given.join(" and ")}` : ""));
  }

  say(words) {
    this.noteTarget.textContent = "";
    this.liveTarget.textContent = words;
  }

  // What could not be done is said to everybody.
  refuse(words) {
    this.liveTarget.textContent = "";
    this.noteTarget.textContent = words;
  }

  // ── With the page ──

  // Of several such questions, a selection by mouse belongs to the one whose turn it is, else to the first.
  get mine() {
    const panels = [...document.querySelectorAll("[data-spans-name-value]:not([data-not-asked])")];
    const found = panels.map((panel) => panel.dataset.spansNameValue);
    return (found.find(form.isActive) ?? found[0]) === this.nameValue;
  }

  // Keys in a text go before those of the page.
  pressed = (event) => {
    if (event.defaultPrevented || event.isComposing || !form.isActive(this.nameValue)) return;
    for (const name of names(event)) {
      const binding = this.inner.find(({ keys }) => keys.includes(name));
      if (!binding) continue;
      event.preventDefault();
      // Held down, keys move; they change nothing twice.
      if (event.repeat && !/(?:Arrow[A-Z][a-z]+|Home|End)$/.test(name)) return undefined;
      return binding.run(event, name);
    }
  };

  // A label above the responses was pressed.
  label({ currentTarget }) {
    this.mark(currentTarget.value);
  }

  // Pressing it leaves the selection as it is.
  hold(event) {
    event.preventDefault();
  }

  activated({ detail }) {
    if (detail.name === this.nameValue) cards.goTo(cards.current());
    else this.cursor.selection = null; // what is selected from now on is another question's
  }

  restore({ detail: { answers } }) {
    this.markings.load(answers[this.nameValue]);
    this.show();
  }

  describe = ({ detail }) => {
    if (detail.name !== this.nameValue) return;
    const found = (key) => fromStored(Object(detail.value)[key], this.panes[key].points, this.labels);
    detail.words = this.keys.map((key) => `${this.letters[key]}: ${describe(found(key), this.panes[key].text)}`).join("\n");
  };
}
