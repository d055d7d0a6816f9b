// Draws math with KaTeX, which weighs as much as a page does: it is loaded only where there is some, and after the page
// has come with all that it needs; until then a formula stands as it was written. A formula that would be too much for a browser stays
// as it was written: elements many hundred deep inside each other bring the whole tab down.

const LONGEST = 5000; // characters of one formula
const LONGEST_WITH_MACROS = 400; // the same where it makes macros of its own, which can say a thing many times
const DEEPEST = 200; // elements inside each other
const ROOM = 100_000; // elements of all formulas that are drawn together
const MACROS = /\\(?:[gex]?def|let|futurelet|(?:re)?newcommand|providecommand)(?![a-z])/i;
const OPTIONS = { throwOnError: true, trust: false, strict: "ignore", maxSize: 20, maxExpand: 200 };

let loading = null;

const pageIsThere = () =>
  new Promise((there) => {
    if (document.readyState === "complete") there();
    else window.addEventListener("load", there, { once: true });
  });

async function load() {
  await pageIsThere();
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = document.querySelector("meta[name=math-styles]").content;
  document.head.append(link);
  return import("../../vendor/katex/katex.js").then(() => globalThis.katex);
}

// KaTeX writes some style attributes, which our content policy forbids; set as properties they are allowed. Returns how
// many elements there are.
function settle(node, depth = 0) {
  if (depth > DEEPEST) throw new RangeError("too deep");
  const css = node.attributes?.style;
  if (css) {
    delete node.attributes.style;
    const make = node.toNode.bind(node);
    node.toNode = () => {
      const element = make();
      element.style.cssText = css;
      return element;
    };
  }
  return (node.children ?? []).reduce((number, child) => number + settle(child, depth + 1), 1);
}

// Draws a formula if there is room for it; returns how much is left then.
function draw(katex, element, room) {
  const tex = element.textContent;
  let left = room;
  try {
    if (room <= 0 || tex.length > (MACROS.test(tex) ? LONGEST_WITH_MACROS : LONGEST)) throw new RangeError("too long");
    const tree = katex.__renderToDomTree(tex, { ...OPTIONS, displayMode: element.matches(".math-block") });
    left -= settle(tree);
    if (left < 0) throw new RangeError("too large");
    element.replaceChildren(tree.toNode());
    element.dataset.tex = tex;
  } catch {
    left -= tex.length;
    element.classList.add("math-wrong"); // too much, or not TeX that KaTeX knows: it stays as it was written
  }
  return left;
}

export async function drawMath(root) {
  const found = [...root.querySelectorAll(":is(.math-inline, .math-block):not([data-tex], .math-wrong)")];
  if (!found.length) return;
  loading ??= load().catch(() => (loading = null));
  const katex = await loading;
  if (!katex) return; // the network is away: formulas stay as they were written
  found.reduce((room, element) => draw(katex, element, room), ROOM);
}
