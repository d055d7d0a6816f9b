"""``truncated``: a response that was cut off before it was done."""

import re

from workers.hygiene.base import Action, Response
from workers.hygiene.reading import MOST, open_fence, quoted_end, weight, wide

_TAIL = 4000  # characters: enough for the last paragraph
# Words that end no sentence. None of them may end one in another of these languages either: no German "die" (English
# "and so they die"), no Portuguese "no", no Spanish "los" (German "was ist los").
_LEADS_ON = frozenset(
    word
    for row in (
        "the and but because although than whose your their every",
        "und oder weil dass einen einem zum zur beim",
        "et les dans avec cette aux que",
        "del el una para",
        "il della nella gli",
        "och eller att",
    )
    for word in row.split()
)
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]*_]{0,3}\s+(?=[\"“„«‘(*_]{0,2}[^\W\d_a-z])|[。！？।؟]")
_ENDED = re.compile(r"[.!?…。！？।؟:;：；\"'”’»」』)\]}>*_`~|]$")
_STRUCTURE = re.compile(r"\s*(?:[-*+•#>|]|\d{1,3}[.)]|[a-zA-Z][.)]\s)|.*[{};=|\\]|.*https?://")
_GREETING = re.compile(r"[^\W\d_][^.!?]{0,40}[,，]$")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# Below this a sentence without its full stop is as likely the writer's way as a cut.
_SENTENCES, _WORDS_LEFT = 3, 6


class Truncated:
    """Cut off at the token limit; or, where nobody knows how the model ended, broken off in code or in a sentence."""

    name = "truncated"
    title = "Truncated"
    help = "The response was cut off at the token limit, or breaks off in the middle of code or of a sentence."
    action: Action = "mark"

    def find(self, response: Response) -> str | None:
        """Believes the finish reason where there is one: a model that ended its turn was done."""
        text = response.text.rstrip()
        if not text or response.finish_reason == "stop":
            return None
        if response.finish_reason == "length":
            return f"The response was cut off at its token limit, after {quoted_end(text)}."
        if len(text) <= MOST and open_fence(text):
            return f"The response breaks off inside a block of code, after {quoted_end(text)}."
        if _in_mid_sentence(text):
            return f"The response breaks off in mid-sentence, after {quoted_end(text)}."
        return None


def _in_mid_sentence(text: str) -> bool:
    """Whether a text clearly goes on. That the full stop is missing is not enough: titles, poems, short answers."""
    tail = text[-_TAIL:]
    line = tail.rsplit("\n", 1)[-1]
    if _ends_open(line):
        return True
    if _STRUCTURE.match(line):
        return False
    if line.endswith((",", "，", "、")) and len(line.split()) > 4:
        return not _GREETING.match(line)
    return _sentence_left(tail, line)


def _ends_open(line: str) -> bool:
    """Whether the last word is one that leads on, in a line that is more than a label."""
    words = line.split()
    return len(words) > 4 and words[-1] in _LEADS_ON


def _sentence_left(tail: str, line: str) -> bool:
    """Whether a writer who ends sentences with a mark left the last one without."""
    if _ENDED.search(line) or not line[-1:].isalpha():
        return False
    if len(_SENTENCE_END.findall(tail)) < _SENTENCES:
        return False
    left = _SENTENCE_END.split(line)
    if "#" in left[-1] or "@" in left[-1]:  # a post ends with its tags
        return False
    if wide(line):
        return len(left) > 1 and weight(left[-1]) >= 12
    enough = _WORDS_LEFT if len(left) > 1 else 15
    return len(_WORD.findall(left[-1])) >= enough
