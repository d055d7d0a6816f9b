// The strip right above the responses, where the tools for reading say what they show. Only scripts make it.

const make = (name, fields) => Object.assign(document.createElement(name), fields);

function strip() {
  const found = document.querySelector("[data-strip]");
  if (found) return found;
  const responses = document.querySelector(".candidates");
  const made = make("div", { className: responses ? "strip" : "sr-only" });
  made.dataset.strip = "";
  if (responses) responses.before(made);
  else document.getElementById("main").append(made);
  return made;
}

export const addToStrip = (element) => strip().append(element);

// One line of the strip, which screen readers say when it changes.
export class Saying {
  #line = make("p", { className: "strip__line" });

  constructor() {
    this.#line.setAttribute("role", "status");
    addToStrip(this.#line);
  }

  // `key` names the key to press, where there are keys. `spoken` is for screen readers alone: that something ended,
  // which everybody else sees.
  say(words, { key = "", spoken = "" } = {}) {
    const seen = make("span", { className: "strip__words", textContent: words });
    if (key) seen.append(" ", make("kbd", { className: "keyhint", textContent: key }));
    const heard = make("span", { className: "sr-only", textContent: spoken });
    this.#line.replaceChildren(...(words ? [seen] : []), ...(spoken ? [heard] : []));
  }

  remove() {
    this.#line.remove();
  }
}
