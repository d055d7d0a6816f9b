// The order so far, at the foot of the page: a column for each place, a tray for what has none. Letters can be dragged.

let loading = null;

// Null where it does not come: then the buttons on the cards do it, and the next task asks for it again.
function sortable() {
  loading ??= import("../../vendor/sortable.js").then(
    () => globalThis.Sortable,
    () => (loading = null),
  );
  return loading;
}

export class Board {
  // drop(key, place): a letter was dragged there (0: to the tray). pick(key): it was pressed.
  constructor(element, { letters, drop, pick }) {
    Object.assign(this, { element, letters, drop, pick, lists: [], sortables: [] });
    if (!element) return;
    element.hidden = false;
    this.lists = [...element.querySelectorAll("[data-place]")];
    element.addEventListener("click", this.press);
    // Whoever works by keys alone needs nothing that drags.
    if (loading) this.makeDraggable();
    else document.addEventListener("pointerover", this.makeDraggable, { once: true });
  }

  makeDraggable = async () => {
    const Sortable = await sortable();
    if (!Sortable || this.closed) return;
    const options = { group: this.element.dataset.rankBoard, sort: false, animation: 120, onEnd: this.dragged };
    this.sortables = this.lists.map((list) => Sortable.create(list, options));
  };

  close() {
    this.closed = true;
    this.element?.removeEventListener("click", this.press);
    document.removeEventListener("pointerover", this.makeDraggable);
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
