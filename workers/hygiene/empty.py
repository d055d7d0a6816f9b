"""``empty``: a response without anything to read."""

import re
import unicodedata

from workers.hygiene.base import Action, Response
from workers.hygiene.reading import MOST, last_message, quoted

# Letters and signs by Unicode's count, and yet nothing to see: fillers of Hangul, a blank of Braille, what stands for
# bytes that were no text. Then those that draw lines in Markdown.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\ufffd\ufffc" + "`|~")
# Punctuation that answers a question about code or arithmetic.
_ANSWERS = frozenset("%&@/\\")
_EMPTY_VALUE = re.compile(r"\[\s*\]|\{\s*\}|\(\s*\)")
_ABOUT_MARKS = re.compile(
    r"punctuat|symbol|operator|\bmarks?\b|\bsigns?\b|character|bracket|quote|delimiter|separator|comma\b"
    r"|zeichen|ponctuat|caractère|signe|signo|símbolo|carácter|sinal|caractere|segno|simbolo|符号|标点|標點|記号|부호|знак",
    re.IGNORECASE,
)


class Empty:
    """Nothing but white space, invisible characters and punctuation."""

    name = "empty"
    title = "Empty"
    help = "The response holds nothing but white space or punctuation."
    action: Action = "replace"

    def find(self, response: Response) -> str | None:
        """Stops at the first character that can be read."""
        text = response.text
        if any(_readable(letter) for letter in text[:MOST]) or text[MOST:].strip():
            return None
        marks = text[:MOST].strip()
        if not marks:
            return "The response holds nothing but white space." if text else "The response has no text at all."
        if _EMPTY_VALUE.search(marks) or (len(marks) <= 5 and _ABOUT_MARKS.search(last_message(response)[:MOST])):
            return None
        return f"The response holds nothing but marks: {quoted(marks)}."


def _readable(letter: str) -> bool:
    if letter in _BLANK:
        return False
    # Letters, numbers and signs (an emoji is an answer), and code points that this Python does not know yet.
    return letter in _ANSWERS or unicodedata.category(letter)[0] in "LNS" or unicodedata.category(letter) == "Cn"
