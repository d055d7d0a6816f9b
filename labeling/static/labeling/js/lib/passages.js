// Passages that several texts share, word for word.

const SIZE = 2 ** 26; // more words than can be on a page
const SEVERAL = -1;

export const LEAST = 8; // words: a sentence, not a turn of phrase

// For each list of tokens {text, start, end, word}: the places [[start, end], …] of runs of at least `least` words that
// another list has too. Marks and white space between the words do not count; those after a run go with it.
export function passages(lists, least = LEAST) {
  const words = lists.map((tokens) => tokens.map((_, at) => at).filter((at) => tokens[at].word));
  let numbers = numbered(words.map((places, n) => places.map((at) => lists[n][at].text)));
  // Runs of two words get numbers, then runs of four of those, …: in the end equal numbers are equal runs.
  let length = 1;
  while (length < least) {
    const step = Math.min(length, least - length);
    const starts = (list) => list.slice(0, Math.max(0, list.length - step));
    numbers = numbered(numbers.map((list) => starts(list).map((one, at) => one * SIZE + list[at + step])));
    length += step;
  }
  const owners = new Map(); // whose a run is; SEVERAL when more than one text has it
  numbers.forEach((list, n) => {
    for (const one of list) owners.set(one, (owners.get(one) ?? n) === n ? n : SEVERAL);
  });
  return numbers.map((list, n) => {
    const starts = list.map((_, at) => at).filter((at) => owners.get(list[at]) === SEVERAL);
    return joined(starts, least).map(([first, last]) => stretch(lists[n], words[n][first], words[n][last]));
  });
}

// Equal numbers, counted from 0, for equal values of any of the lists.
function numbered(lists) {
  const known = new Map();
  const number = (value) => known.get(value) ?? known.set(value, known.size).get(value);
  return lists.map((list) => list.map(number));
}

// Runs that overlap or touch, as one: [first, last] word.
function joined(starts, length) {
  const found = [];
  for (const start of starts) {
    const last = found.at(-1);
    if (last && start <= last[1] + 1) last[1] = start + length - 1;
    else found.push([start, start + length - 1]);
  }
  return found;
}

// From the first word to the last, with the marks that follow it at once: a full stop, a bracket.
function stretch(tokens, first, last) {
  const goesOn = (token, end) => token && !token.word && token.start === end && /\S/.test(token.text);
  let at = last;
  while (goesOn(tokens[at + 1], tokens[at].end)) at += 1;
  return [tokens[first].start, tokens[at].end];
}
