// Draws marks on texts by the CSS Custom Highlight API, which leaves the texts as they are. A label has a tint and a
// line under it, together unlike every other label's, so that marks can be told apart without colours and over each other.

const TINTS = 6;
const LINES = 5;
const MOST = TINTS * LINES; // then they repeat

const drawn = new Map(); // owner → [{range, style}]
const names = new Set();

// The style of the label that is the n-th of all labels on the page: {tint, line}, from 1.
export const styleOf = (n) => ({ tint: ((n % MOST) % TINTS) + 1, line: ((n % MOST) % LINES) + 1 });

export const supported = () => Boolean(globalThis.CSS?.highlights && globalThis.Highlight);

function put(name, ranges, priority) {
  const highlight = new Highlight();
  for (const range of ranges) highlight.add(range);
  highlight.priority = priority;
  CSS.highlights.set(name, highlight);
  names.add(name);
}

function redraw() {
  const found = new Map();
  for (const { range, style } of [...drawn.values()].flat()) {
    for (const name of [`mark-tint-${style.tint}`, `mark-line-${style.line}`]) {
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(range);
    }
  }
  for (const name of names) if (!found.has(name)) CSS.highlights.delete(name);
  names.clear();
  for (const [name, ranges] of found) put(name, ranges, name.startsWith("mark-line") ? 1 : 0);
}

// Draws all marks of one owner in the place of those it drew before: [{range, style}].
export function draw(owner, marks) {
  if (!supported()) return;
  if (marks.length) drawn.set(owner, marks);
  else drawn.delete(owner);
  redraw();
}

// The one mark that is meant now, or null.
export function point(range) {
  if (!supported()) return;
  if (!range) return void CSS.highlights.delete("mark-pointed");
  const highlight = new Highlight(range);
  highlight.priority = 2;
  CSS.highlights.set("mark-pointed", highlight);
}
