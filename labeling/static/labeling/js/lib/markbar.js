// A small bar beside what was selected with mouse or finger: the labels, and what can be done with a mark there.

const GAP = 8; // px
const FINGER = 28; // px: below the handles of a selection by touch

export class MarkBar {
  // `does`: label(label), comment(), remove().
  constructor(parent, { labels, styleOf, does }) {
    this.element = document.createElement("div");
    this.element.className = "markbar";
    this.element.hidden = true;
    this.element.setAttribute("role", "toolbar");
    this.element.setAttribute("aria-label", "What is selected");
    this.labels = labels.map((label) => {
      const button = this.#button(label, () => does.label(label));
      button.firstChild.className = "label-sample";
      Object.assign(button.firstChild.dataset, styleOf(label));
      return { label, button };
    });
    this.more = [this.#button("Comment", does.comment), this.#button("Remove", does.remove)];
    this.element.append(...this.labels.map(({ button }) => button), ...this.more);
    this.element.addEventListener("mousedown", (event) => event.preventDefault()); // the selection stays
    parent.append(this.element);
  }

  close() {
    this.element.remove();
  }

  #button(text, run) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn--quiet btn--small" });
    button.append(Object.assign(document.createElement("span"), { textContent: text }));
    button.addEventListener("click", run);
    return button;
  }

  // Beside `rects`, those of the selection. `given`: the labels that exactly this part has; `mark`: there is a mark.
  show(rects, { given, mark }) {
    for (const { label, button } of this.labels) button.setAttribute("aria-pressed", given.includes(label));
    for (const button of this.more) button.hidden = !mark;
    this.element.hidden = false;
    this.place(rects);
  }

  place(rects) {
    this.element.style.left = "0px"; // or it would be measured with the room that is left where it stood last
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const [first, last] = [rects[0], rects.at(-1)];
    const gap = matchMedia("(pointer: coarse)").matches ? FINGER : GAP;
    const floor = (document.querySelector(".dock")?.getBoundingClientRect().top ?? innerHeight) - GAP;
    const below = last.bottom + gap;
    const top = below + height > floor ? Math.max(GAP, first.top - gap - height) : below;
    const left = Math.min(Math.max(GAP, last.left), Math.max(GAP, document.documentElement.clientWidth - width - GAP));
    Object.assign(this.element.style, { top: `${top}px`, left: `${left}px` });
  }

  hide() {
    this.element.hidden = true;
  }

  get shown() {
    return !this.element.hidden;
  }
}
