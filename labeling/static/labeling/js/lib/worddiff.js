// What differs between two texts, word by word: by jsdiff, which is loaded when it is first asked for.
import { segments } from "./segments.js";

const TIMEOUT = 1000; // ms; then longer stretches are compared, which is quick
const CHANCE = 2; // so few words that stand alone between long changes agree by chance …
const LONG = 4; // … where a change on either side has so many times as many words

let loading = null;

function load() {
  loading ??= import("../../vendor/diff/array.js").catch((error) => {
    loading = null; // the network may be back when it is asked for again
    throw error;
  });
  return loading;
}

// Numbers for texts: equal ones for equal texts.
function numbering() {
  const known = new Map();
  return (text) => known.get(text) ?? known.set(text, known.size + 1).get(text);
}

// Pairs of places of items that two lists of numbers share, in order; null when it takes too long.
function shared(diffArrays, one, other, limits) {
  // What stands in one list alone has no partner, so the search need not see it: unlike texts cost little.
  const common = (list, here) => list.map((_, at) => at).filter((at) => here.has(list[at]));
  const places = [common(one, new Set(other)), common(other, new Set(one))];
  const parts = diffArrays(...[one, other].map((list, n) => places[n].map((at) => list[at])), limits);
  if (!parts) return null;
  const pairs = [];
  const next = [0, 0];
  for (const { count, added, removed } of parts) {
    const [at, to] = next;
    for (let n = 0; n < count && !added && !removed; n += 1) pairs.push([places[0][at + n], places[1][to + n]]);
    if (!added) next[0] += count;
    if (!removed) next[1] += count;
  }
  return pairs;
}

// Tokens in sentences and lines: [first, last + 1] of each.
function sentences(tokens) {
  const found = [];
  let start = 0;
  tokens.forEach(({ text }, at) => {
    if (!/^[.!?。！？]+$|\n/.test(text) && at + 1 < tokens.length) return;
    found.push([start, at + 1]);
    start = at + 1;
  });
  return found;
}

function sharedSentences(diffArrays, before, after, numbers, limits) {
  const cut = [sentences(before), sentences(after)];
  const number = numbering();
  const lists = cut.map((found, n) => found.map(([start, end]) => number(numbers[n].slice(start, end).join())));
  const pairs = shared(diffArrays, ...lists, limits) ?? [];
  return pairs.flatMap(([one, other]) => {
    const [start, end] = cut[0][one];
    return Array.from({ length: end - start }, (_, n) => [start + n, cut[1][other][0] + n]);
  });
}

// Runs of tokens that agree and that do not, in turn: {same, before: [first, last + 1], after: […]}.
function runs(pairs, ends) {
  const found = [];
  let [at, to] = [0, 0];
  const add = (same, before, after) => {
    if (before > at || after > to) found.push({ same, before: [at, before], after: [to, after] });
    [at, to] = [before, after];
  };
  for (let start = 0; start < pairs.length; ) {
    const [one, other] = pairs[start];
    let length = 1;
    while (pairs[start + length]?.[0] === one + length && pairs[start + length][1] === other + length) length += 1;
    add(false, one, other);
    add(true, one + length, other + length);
    start += length;
  }
  add(false, ...ends);
  return found;
}

// How many words stand before each token, and behind the last one.
function countWords(tokens) {
  const found = [0];
  for (const { word } of tokens) found.push(found.at(-1) + (word ? 1 : 0));
  return found;
}

// Puts agreement by chance (a comma, a "the" amid much that differs) to the changes around it: less confetti.
function tidy(found, before, after) {
  const counts = { before: countWords(before), after: countWords(after) };
  const words = (run, side) => counts[side][run[side][1]] - counts[side][run[side][0]];
  const size = (run) => Math.max(words(run, "before"), words(run, "after"));
  const joined = (one, other, side) => [one[side][0], other[side][1]];
  const kept = [];
  for (const run of found) {
    const [last, island] = kept.slice(-2);
    if (!run.same && island?.same && last && !/\n/.test(text(before, island.before))) {
      const few = size(island);
      if (few === 0 || (few <= CHANCE && Math.min(size(last), size(run)) >= LONG * few)) {
        const before = joined(last, run, "before");
        kept.splice(-2, 2, { same: false, before, after: joined(last, run, "after") });
        continue;
      }
    }
    kept.push(run);
  }
  return kept;
}

const text = (tokens, [start, end]) => tokens.slice(start, end).map((token) => token.text).join("");

// Compares two lists of tokens {text, word}: {runs, cutOff}. `cutOff`: it would have taken longer than `timeout` (ms)
// or more than so many `edits`, so whole sentences count as different where one word of them is.
async function compare(before, after, { timeout = TIMEOUT, edits = Infinity } = {}) {
  const { diffArrays } = await load();
  const number = numbering();
  const numbers = [before, after].map((tokens) => tokens.map((token) => number(token.text)));
  const ends = [before.length, after.length];
  let [from, until] = [0, 0];
  const same = (at, to) => numbers[0].at(at) === numbers[1].at(to);
  while (from < Math.min(...ends) && same(from, from)) from += 1;
  while (until < Math.min(...ends) - from && same(-1 - until, -1 - until)) until += 1;
  const middle = (list) => list.slice(from, list.length - until);
  const exact = shared(diffArrays, ...numbers.map(middle), { timeout, maxEditLength: edits });
  const pairs = exact ?? sharedSentences(diffArrays, middle(before), middle(after), numbers.map(middle), { timeout });
  const pair = (length, at, to) => Array.from({ length }, (_, n) => [at + n, to + n]);
  const all = [
    ...pair(from, 0, 0),
    ...pairs.map(([at, to]) => [at + from, to + from]),
    ...pair(until, ends[0] - until, ends[1] - until),
  ];
  return { runs: tidy(runs(all, ends), before, after), cutOff: exact === null };
}

// What makes `after` of `before`: [{value, added?, removed?}], to be shown while somebody edits. Without those that are
// added it is `before`, without those that are removed `after`, to the character. Parts that were compared only
// roughly, because all else would have taken too long, also say `rough`.
export async function wordDiff(before, after, options) {
  const [one, other] = [segments(before), segments(after)];
  const { runs: found, cutOff } = await compare(one, other, options);
  const rough = cutOff ? { rough: true } : {};
  return found
    .flatMap((run) => {
      if (run.same) return [{ value: text(one, run.before) }];
      const [removed, added] = [text(one, run.before), text(other, run.after)];
      return [{ value: removed, removed: true, ...rough }, { value: added, added: true, ...rough }];
    })
    .filter(({ value }) => value);
}

// What only one of two texts has, given as tokens {text, start, end, word} of each, white space left out:
// {sides: [{runs: [[start, end], …], words}, {…}], cutOff}, with places in the texts.
export async function differences(before, after, options) {
  const { runs: found, cutOff } = await compare(before, after, options);
  const differing = found.filter(({ same }) => !same);
  const side = (tokens, which) => {
    const places = differing.map((run) => run[which]).filter(([start, end]) => end > start);
    return {
      runs: places.map(([start, end]) => [tokens[start].start, tokens[end - 1].end]),
      words: places.reduce((sum, place) => sum + tokens.slice(...place).filter(({ word }) => word).length, 0),
    };
  };
  return { sides: [side(before, "before"), side(after, "after")], cutOff };
}
