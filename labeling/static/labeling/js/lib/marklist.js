// The marks on one response as a list at the foot of its card: label, quotation, comment, and a button that removes it.
import { byId, clipped } from "./marks.js";

const MOST_IN_COMMENT = 5000; // characters, as the server allows

function make(name, className, properties = {}, attributes = {}) {
  const element = Object.assign(document.createElement(name), { className, ...properties });
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

export class MarkList {
  #items = new Map(); // id → {item, quote, label, comment, remove}
  #marks = [];

  // `does`: point(id or null), go(id), remove(id), relabel(id, label), comment(id, text).
  constructor(element, { labels, styleOf, does }) {
    Object.assign(this, { labels, styleOf, does });
    this.list = element;
    this.listening = new AbortController();
    const listen = (name, run) => element.addEventListener(name, run, { signal: this.listening.signal });
    listen("click", (event) => this.#clicked(event));
    listen("input", ({ target }) => target.matches("textarea") && does.comment(this.#idOf(target), target.value));
    listen("change", ({ target }) => target.matches("select") && this.#relabel(target));
    listen("focusin", ({ target }) => does.point(this.#idOf(target)));
    listen("focusout", () => does.point(null));
    listen("keydown", (event) => this.#pressed(event));
  }

  close() {
    this.listening.abort();
  }

  #idOf = (element) => Number(element.closest("[data-mark]")?.dataset.mark);

  show(marks, text) {
    this.#marks = marks;
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    for (const [id, { item }] of this.#items) {
      if (byId(marks, id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    marks.forEach((mark, place) => {
      const { item } = this.#update(mark, text);
      if (this.list.children[place] !== item) this.list.insertBefore(item, this.list.children[place] ?? null);
    });
    this.list.hidden = marks.length === 0;
    if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  #update(mark, text) {
    const found = this.#items.get(mark.id) ?? this.#make(mark, text);
    if (found.label.value !== mark.label || !found.item.dataset.tint) {
      found.label.value = mark.label;
      const { tint, line } = this.styleOf(mark.label);
      Object.assign(found.item.dataset, { tint, line });
    }
    if (found.comment.value !== mark.comment) found.comment.value = mark.comment;
    return found;
  }

  #make(mark, text) {
    const words = clipped(text.slice(mark.start, mark.end));
    const item = make("li", "mark");
    item.dataset.mark = mark.id;
    const label = make("select", "mark__label", {}, { "aria-label": `Label of “${words}”` });
    label.append(...this.labels.map((one) => make("option", "", { value: one, textContent: one })));
    const quote = make("button", "mark__quote", { type: "button", dir: "auto" });
    quote.append(
      make("span", "sr-only", { textContent: "Go to " }),
      make("span", "mark__words", { textContent: words }),
    );
    const comment = make(
      "textarea",
      "mark__comment",
      { rows: 1, maxLength: MOST_IN_COMMENT, dir: "auto", placeholder: "Comment" },
      { "aria-label": `Comment on “${words}”` },
    );
    const remove = make("button", "mark__remove", { type: "button" }, { "aria-label": `Remove the mark on “${words}”` });
    remove.append(make("span", "", { textContent: "×" }, { "aria-hidden": "true" }));
    item.append(label, quote, comment, remove);
    const found = { item, label, quote, comment, remove };
    this.#items.set(mark.id, found);
    return found;
  }

  // Puts the focus on a part of a mark: quote, comment, label or remove.
  focus(id, part = "quote") {
    this.#items.get(id)?.[part].focus();
  }

  #clicked({ target }) {
    const id = this.#idOf(target);
    if (target.closest(".mark__quote")) this.does.go(id);
    if (target.closest(".mark__remove")) this.#remove(id, "remove");
  }

  // The focus goes to the mark that takes the place of the removed one.
  #remove(id, part) {
    const place = this.#marks.findIndex((mark) => mark.id === id);
    const next = this.#marks[place + 1] ?? this.#marks[place - 1];
    this.does.remove(id);
    if (next) this.focus(next.id, part);
  }

  #relabel(select) {
    const id = this.#idOf(select);
    if (!this.does.relabel(id, select.value)) select.value = byId(this.#marks, id).label;
  }

  #pressed(event) {
    const { target, key } = event;
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const id = this.#idOf(target);
    const done = target.matches("textarea") && ((key === "Enter" && !event.shiftKey) || key === "Escape");
    const onQuote = target.matches(".mark__quote");
    const step = onQuote && { ArrowDown: 1, ArrowUp: -1 }[key];
    if (done) this.does.go(id);
    else if (onQuote && (key === "Backspace" || key === "Delete")) this.#remove(id, "quote");
    else if (step) this.focus(this.#marks[this.#marks.findIndex((mark) => mark.id === id) + step]?.id);
    else return;
    event.preventDefault();
  }
}
