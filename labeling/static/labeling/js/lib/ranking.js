// Places of responses, 1 for the best: plain objects such as {a: 1, c: 2}. Nothing here touches the page.

const others = (places, key) => Object.entries(places).filter(([other]) => other !== key);

// Puts a response at a place. Where ties are not allowed, whoever stood there takes the place that became free.
export function place(places, key, number, { ties }) {
  const changed = { ...places, [key]: number };
  if (ties) return changed;
  for (const [other, taken] of others(places, key)) {
    if (taken !== number) continue;
    if (key in places) changed[other] = places[key];
    else delete changed[other];
  }
  return changed;
}

export function clear(places, key) {
  const changed = { ...places };
  delete changed[key];
  return changed;
}

// One place up (-1) or down (+1). A response without a place enters behind the last one.
export function move(places, key, step, { ties, most }) {
  const taken = Object.values(places);
  const target = key in places ? places[key] + step : Math.max(0, ...taken) + 1;
  return place(places, key, Math.min(Math.max(target, 1), most), { ties });
}

// The place of the group right above: the next better one, or the last for a response that has no place yet.
export function tieWithAbove(places, key) {
  const better = others(places, key)
    .map(([, taken]) => taken)
    .filter((taken) => !(key in places) || taken < places[key]);
  return better.length ? { ...places, [key]: Math.max(...better) } : places;
}

// Keys in groups, best first: the answer as it is submitted. Gaps between places mean nothing.
export function groups(places, keys) {
  const used = [...new Set(keys.filter((key) => key in places).map((key) => places[key]))].sort((a, b) => a - b);
  return used.map((number) => keys.filter((key) => places[key] === number));
}

export function fromGroups(found) {
  return Object.fromEntries(found.flatMap((group, at) => group.map((key) => [key, at + 1])));
}

export const unplaced = (places, keys) => keys.filter((key) => !(key in places));

// The next response without a place after this one, round the end; null when all have theirs.
export function nextUnplaced(places, keys, after) {
  const start = keys.indexOf(after) + 1;
  return [...keys.slice(start), ...keys.slice(0, start)].find((key) => !(key in places)) ?? null;
}

// "1: B · 2: A, D · no place yet: C"
export function describe(places, keys, letters) {
  const name = (key) => letters[key];
  const said = groups(places, keys).map((group, at) => `${at + 1}: ${group.map(name).join(", ")}`);
  const missing = unplaced(places, keys);
  if (missing.length) said.push(`no place yet: ${missing.map(name).join(", ")}`);
  return said.join(" · ");
}
