// An edit of one of several responses: {candidate, text, kept}. `kept` holds the texts, by response, that were typed and
// then left for another response: whoever switches loses nothing. `originals`: each response's text as a field can hold
// it. Nothing here touches the page.

// A field for text knows one kind of line end only.
export const asTyped = (text) => text.replace(/\r\n?/g, "\n");

// What a draft holds, which may be anything.
export function fromDraft(draft, keys) {
  const { candidate, text, kept } = Object(draft);
  const texts = Object.entries(Object(kept)).filter(([key, typed]) => ["", ...keys].includes(key) && typeof typed === "string");
  return {
    candidate: keys.includes(candidate) ? candidate : "",
    text: typeof text === "string" ? text : "",
    kept: Object.fromEntries(texts),
  };
}

// Whether there is something to lose.
export const isTyped = ({ candidate, text }, originals) => text.trim() !== "" && text !== originals[candidate];

// The edit after a choice of the response that it starts from.
export function startFrom(state, key, originals) {
  const typed = isTyped(state, originals);
  if (key === state.candidate && typed) return state;
  const { [key]: before, ...kept } = state.kept;
  if (typed) kept[state.candidate] = state.text;
  return { candidate: key, text: before ?? originals[key] ?? "", kept };
}

// The response that an answer to a comparison or a ranking prefers to all others; null for any other answer.
export function bestOf(value) {
  if (typeof value?.preferred === "string") return value.preferred;
  const first = Array.isArray(value?.groups) ? value.groups[0] : null;
  return first?.length === 1 ? first[0] : null;
}

// The nearest of these answers that has such a response.
export const bestOfAll = (values) => values.map(bestOf).find((key) => key !== null) ?? null;
