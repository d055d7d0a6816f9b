// Offsets in a text, as the server counts them (code points) and as JavaScript does (UTF-16 units). They part at
// every character that needs two units: an emoji, a rare ideograph. Offsets beyond the text mean its nearest end, and
// one between the two units of a character means the start of that character.

const PAIR = /[\ud800-\udbff][\udc00-\udfff]/g;

const within = (offset, length) => Math.min(Math.max(offset, 0), length);

// How many of `length` things come first for which `before` holds; it holds for none after one for which it does not.
function countWhile(length, before) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

// A text with its characters of two units found once: each question after that takes some twenty steps, however long
// the text is. For a long text with many spans.
export class CodePoints {
  #pairs = []; // where they begin, in units

  constructor(text) {
    this.text = text;
    PAIR.lastIndex = 0;
    while (PAIR.test(text)) this.#pairs.push(PAIR.lastIndex - 2);
    this.length = text.length - this.#pairs.length;
  }

  toCodePoints(utf16Offset) {
    const offset = within(utf16Offset, this.text.length);
    return offset - countWhile(this.#pairs.length, (n) => this.#pairs[n] < offset);
  }

  toUtf16(codePointOffset) {
    const offset = within(codePointOffset, this.length);
    return offset + countWhile(this.#pairs.length, (n) => this.#pairs[n] - n < offset);
  }

  slice(start, end = this.length) {
    return this.text.slice(this.toUtf16(start), this.toUtf16(end));
  }
}

// The same for one question about a text.
export const toCodePoints = (text, utf16Offset) => new CodePoints(text).toCodePoints(utf16Offset);
export const toUtf16 = (text, codePointOffset) => new CodePoints(text).toUtf16(codePointOffset);
export const slice = (text, start, end) => new CodePoints(text).slice(start, end);
