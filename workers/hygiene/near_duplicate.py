"""``near_duplicate``: a response that is nearly the same as another candidate of its prompt.

As the search for near duplicates among prompts does, texts are compared by the pieces they share (Broder 1997, "On the
resemblance and containment of documents"): runs of three words, or of five characters where a text is short or written
without spaces. Here only few texts meet, so all pieces are compared.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from workers.hygiene.base import Action, Response
from workers.hygiene.reading import folded, quoted, weight, wide

# So much of what both have must be in both. One word changed in sixty leaves 0.9.
LIKENESS = 0.9
# Shorter ones are left alone: to a question with one right answer, several models may give it.
LEAST = 30
_BY_WORDS = 50  # words
_WORDS, _CHARACTERS = 3, 5
# What turns a text into another one though hardly anything changed: numbers, operators, and words that deny.
_TELLING = re.compile(
    r"\d+(?:[.,]\d+)*"
    r"|!?[-+*/%<>=&|^~]+"
    r"|\b(?:no|not|never|none|cannot|false|true|yes|nicht|kein\w{0,2}|nie|nein|ja|falsch|pas|jamais|non|oui|faux|vrai"
    r"|nunca|sí|não|sim|mai|niet|geen|nee|nie|inte|ikke|нет|не|да|никогда)\b"
    r"|n['’]t\b|[不没沒未无無否非是]|ない|ません|않|못|아니"
)


class NearDuplicate:
    """The same as a sibling, or so near that people would compare a text with itself."""

    name = "near_duplicate"
    title = "Near duplicate"
    help = "The response is nearly the same as another candidate of its prompt."
    action: Action = "replace"

    def find(self, response: Response) -> str | None:
        """Names the likeness, not the sibling: annotators see candidates in an order of their own."""
        if not response.siblings:
            return None
        text = folded(response.text)
        if weight(text) < LEAST:
            return None
        likeness = max(_likenesses(text, response.siblings))
        if likeness < LIKENESS:
            return None
        how = "the same as" if likeness == 1 else f"{int(100 * likeness)} % the same as"
        return f"The response is {how} another candidate of this prompt: {quoted(response.text.strip())}."


def _likenesses(one: str, siblings: Iterable[str]) -> Iterator[float]:
    """The part of its pieces that a folded text has in common with each other, from 0 to 1.

    0 where the little that differs is telling.
    """
    by_words = len(one.split()) >= _BY_WORDS and not wide(one)
    mine: set[str] = set()
    for sibling in siblings:
        other = folded(sibling)
        if one == other:
            yield 1.0
        # Texts that share so much are about as long. This spares most pairs the work.
        elif min(len(one), len(other)) < LIKENESS**2 * max(len(one), len(other)):
            yield 0.0
        else:
            mine = mine or _pieces(one, by_words)
            theirs = _pieces(other, by_words)
            both = len(mine & theirs)
            likeness = both / (len(mine) + len(theirs) - both)
            # Not the same text, so not all of it is the same.
            yield min(likeness, 0.99) if likeness < LIKENESS or _telling(one) == _telling(other) else 0.0


def _pieces(text: str, by_words: bool) -> set[str]:
    if not by_words:
        return {text[place : place + _CHARACTERS] for place in range(max(1, len(text) - _CHARACTERS + 1))}
    words = text.split()
    return {" ".join(words[place : place + _WORDS]) for place in range(len(words) - _WORDS + 1)}


def _telling(text: str) -> Counter[str]:
    return Counter(_TELLING.findall(text))
