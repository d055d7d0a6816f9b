// What the server takes at most; tests/labeling/test_limits.py holds these to its own numbers. More is not sent at all: a
// browser that is refused in the middle of megabytes cannot tell that from a network that is away.
export const LONGEST = 200_000; // code points of one text
export const LARGEST_DRAFT = 4_000_000; // bytes of answers that are kept half done
export const LARGEST_FORM = 10_485_760; // bytes of a form that is submitted

const HALF = /\p{Surrogate}/u;

export const bytes = (text) => new TextEncoder().encode(text).length;
export const number = (value) => value.toLocaleString("en");

// Why a text would be refused, or would not arrive as it was typed; null where it does. In a form a browser puts another
// character in the place of half of one, without a word.
export function misfit(text, codePoints) {
  if (codePoints > LONGEST) return `The text has ${number(codePoints)} characters; at most ${number(LONGEST)} fit here.`;
  if (HALF.test(text)) return "The text holds half of a character (a lone surrogate). Type that character again.";
  return null;
}
