// The order so far, at the foot of the page: a column for each place, a tray for what has none. Letters can be dragged.

let loading = null;
const sortable = () => (loading ??= import("../../vendor/sortable.js").then(() => globalThis.Sortable));

export class Board {
  // drop(key, place): a letter was dragged there (0: to the tray). pick(key): it was pressed.
  constructor(element, { letters, drop, pick }) {
    Object.assign(this, { element, letters, drop, pick, lists: [], sortables: [] });
    if (!element) return;
    element.hidden = false;
    this.lists = [...element.querySelectorAll("[data-place]")];
    element.addEventListener("click", this.press);
    sortable().then((Sortable) => {
      if (this.closed) return;
      this.sortables = this.lists.map((list) =>
        Sortable.create(list, { group: element.dataset.rankBoard, sort: false, animation: 120, onEnd: this.dragged }),
      );
    });
  }

  close() {
    this.closed = true;
    this.element?.removeEventListener("click", this.press);
    for (const one of this.sortables) one.destroy();
  }

  press = ({ target }) => {
    const chip = target.closest("[data-key]");
    if (chip) this.pick(chip.dataset.key);
  };

  dragged = ({ item, to }) => this.drop(item.dataset.key, Number(to.dataset.place));

  show(places, keys) {
    const focused = this.element?.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    for (const list of this.lists) {
      const here = keys.filter((key) => (places[key] ?? 0) === Number(list.dataset.place));
      list.replaceChildren(...here.map((key) => this.chip(key)));
      list.parentElement.toggleAttribute("data-empty", here.length === 0);
    }
    if (focused) this.element.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  chip(key) {
    const chip = document.createElement("button");
    Object.assign(chip, { type: "button", className: "chip", textContent: this.letters[key] });
    chip.dataset.key = key;
    return chip;
  }
}
