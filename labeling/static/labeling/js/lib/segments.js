// A text in words, white space and marks, in every script: Chinese, Japanese and Thai write no spaces between words.

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });
const PIECE = 1000; // characters
const UNSURE = 8; // segments before a cut that might go on, or fall otherwise, if the text went on

const splitsPair = (text, at) => /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(at - 1, at + 1));

// [{text, start, end, word}], which together are the whole text; `word`: a word or a number. Cut piece by piece,
// because some engines look through the whole string once for every segment of it.
export function segments(text, offset = 0) {
  const found = [];
  let start = 0;
  let length = PIECE;
  while (start < text.length) {
    const cut = start + length + (splitsPair(text, start + length) ? 1 : 0);
    const parts = [...segmenter.segment(text.slice(start, cut))];
    if (cut < text.length) {
      if (parts.length <= 2 * UNSURE) {
        length *= 2;
        continue;
      }
      parts.length -= UNSURE;
    }
    for (const { segment, isWordLike } of parts) {
      const end = start + segment.length;
      found.push({ text: segment, start: offset + start, end: offset + end, word: Boolean(isWordLike) });
      start = end;
    }
    length = PIECE;
  }
  return found;
}
