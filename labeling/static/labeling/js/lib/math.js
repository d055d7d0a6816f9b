// Draws math with KaTeX, which is loaded only where there is some.

const LONGEST = 5000; // characters of one formula
const MOST = 1000; // formulas on one page
const OPTIONS = { throwOnError: true, trust: false, strict: "ignore", maxSize: 20, maxExpand: 200 };

let loading = null;

function load() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = document.querySelector("meta[name=math-styles]").content;
  document.head.append(link);
  return import("../../vendor/katex/katex.js").then(() => globalThis.katex);
}

// KaTeX writes some style attributes, which our content policy forbids; set as properties they are allowed.
function settle(node) {
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
  node.children?.forEach(settle);
}

function draw(katex, element) {
  const tex = element.textContent;
  try {
    const tree = katex.__renderToDomTree(tex, { ...OPTIONS, displayMode: element.matches(".math-block") });
    settle(tree);
    element.replaceChildren(tree.toNode());
    element.dataset.tex = tex;
  } catch {
    element.classList.add("math-wrong"); // not TeX that KaTeX knows: it stays as it was written
  }
}

export async function drawMath(root) {
  const found = [...root.querySelectorAll(".math-inline:not([data-tex]), .math-block:not([data-tex])")];
  if (!found.length) return;
  loading ??= load();
  const katex = await loading;
  for (const element of found.slice(0, MOST)) if (element.textContent.length <= LONGEST) draw(katex, element);
}
