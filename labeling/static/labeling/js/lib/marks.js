// Marks on one response: {id, start, end, label, comment}. Places are UTF-16 units of its plain text, as the page counts;
// the server's are code points (toStored, fromStored). Every function gives a new list, in the order of the text.
// Nothing here touches the page.

export const MOST = 1000; // marks on one response, as the server allows

let last = 0;

const ordered = (marks, labels) =>
  [...marks].sort(
    (one, other) =>
      one.start - other.start || one.end - other.end || labels.indexOf(one.label) - labels.indexOf(other.label),
  );

const alike = (one, other) => one.start === other.start && one.end === other.end && one.label === other.label;

// What a draft or a field holds, which may be anything: what is no mark on this text is left out. `points`: a CodePoints.
export function fromStored(stored, points, labels) {
  const found = [];
  for (const one of Array.isArray(stored) ? stored : []) {
    const { start, end, label, comment } = Object(one);
    if (!Number.isInteger(start) || !Number.isInteger(end) || !labels.includes(label)) continue;
    if (start < 0 || end <= start || end > points.length || found.length === MOST) continue;
    const mark = { id: (last += 1), start: points.toUtf16(start), end: points.toUtf16(end), label, comment: "" };
    if (typeof comment === "string") mark.comment = comment;
    if (!found.some((other) => alike(mark, other))) found.push(mark);
  }
  return ordered(found, labels);
}

export function toStored(marks, points) {
  return marks.map(({ start, end, label, comment }) => {
    const stored = { start: points.toCodePoints(start), end: points.toCodePoints(end), label };
    return comment.trim() ? { ...stored, comment } : stored;
  });
}

export const find = (marks, wanted) => marks.find((mark) => alike(mark, wanted)) ?? null;
export const byId = (marks, id) => marks.find((mark) => mark.id === id) ?? null;

export function add(marks, { start, end }, label, labels) {
  return ordered([...marks, { id: (last += 1), start, end, label, comment: "" }], labels);
}

export const remove = (marks, id) => marks.filter((mark) => mark.id !== id);

export const comment = (marks, id, text) => marks.map((mark) => (mark.id === id ? { ...mark, comment: text } : mark));

// Another label for a mark; null where the same part has that label already.
export function relabel(marks, id, label, labels) {
  const changed = { ...byId(marks, id), label };
  if (marks.some((mark) => mark.id !== id && alike(mark, changed))) return null;
  return ordered([...remove(marks, id), changed], labels);
}

const touching = (marks, { start, end }) => marks.filter((mark) => mark.start < end && mark.end > start);

// The mark that is meant by a part of the text: the one on exactly this part, else the smallest one that touches it; of
// several alike the newest.
export function under(marks, part) {
  const size = (mark) => (mark.start === part.start && mark.end === part.end ? 0 : mark.end - mark.start);
  return touching(marks, part).sort((one, other) => size(one) - size(other) || other.id - one.id)[0] ?? null;
}

// The labels of the marks that touch a part, and of those on exactly this part.
export const labelsAt = (marks, part) => touching(marks, part).map(({ label }) => label);
export const labelsOn = (marks, { start, end }) =>
  marks.filter((mark) => mark.start === start && mark.end === end).map(({ label }) => label);

// A part of a text on one line, short enough to be read in a list.
export function clipped(text, most = 80) {
  const characters = [...(text.replace(/\s+/g, " ").trim() || "white space")];
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : characters.join("");
}

// "Minor “teh”, Major “never” (accuracy)"
export function describe(marks, text) {
  const words = ({ start, end, label, comment: said }) =>
    `${label} “${clipped(text.slice(start, end), 30)}”${said.trim() ? ` (${said.trim()})` : ""}`;
  return marks.map(words).join(", ") || "no marks";
}
