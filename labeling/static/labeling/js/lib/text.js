// Counting as people count: an emoji or an accented letter is one character, whatever it is made of.
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const PAIRS = /[\ud800-\udbff][\udc00-\udfff]/g;
const wordsOf = new Intl.Segmenter(undefined, { granularity: "word" });

export function characters(text) {
  let number = 0;
  for (const _ of graphemes.segment(text)) number += 1;
  return number;
}

export function words(text) {
  let number = 0;
  for (const part of wordsOf.segment(text)) if (part.isWordLike) number += 1;
  return number;
}

// As the server measures lengths: code points of the text without the white space around it.
export function codePoints(text) {
  const trimmed = text.trim();
  return trimmed.length - (trimmed.match(PAIRS)?.length ?? 0);
}
