"""``looping``: a response in which the model says the same thing again and again.

Two measures, each for what the other cannot see:

- How the text ends. A model that loops seldom leaves the loop, so its text ends with one piece, several times in a
  row. This is exact, and so it may look into code as well.
- How much of the prose is said for the third time and more: whole lines, and runs of eight words. Rae et al. 2021
  (Gopher, arXiv:2112.11446, table A1) drop web pages with over 30 % of duplicate lines, or with over 12 % of their
  characters in duplicate runs of eight words. Here it takes far more, and the second time does not count: a refrain, a
  list of like items and a question said again in the answer are good writing, and a page can be dropped more lightly
  than an answer to a question that somebody asked.

A ratio of compression, the other common measure, is not used: tables and code compress as well as loops do.
"""

import re
from collections import Counter
from collections.abc import Iterator

from workers.hygiene.base import Action, Response
from workers.hygiene.reading import asked, lines_outside_code, quoted, weight, wide

_TAIL = 12_000  # characters of the end that are looked at
_READ = 20_000  # characters of the text that are read for repeated prose
_PROBE = 24
_TRIES = 12

# (times, weight of one piece, weight of all): the longer a piece, the fewer times make a loop. Where it has no word of
# two letters it may be a grid, a drawing or a number.
_ENDLESS = ((12, 0, 60), (5, 0, 160), (4, 40, 0), (3, 90, 0))
_ENDLESS_SIGNS = 400
_SHARE_OF_LINES, _SHARE_OF_RUNS = 0.5, 0.65
_RUN, _WIDE_RUN = 8, 16  # words; signs of a script without spaces
_FEWEST_WORDS = 80

_MARKER = re.compile(r"^[ \t]*(?:\d{1,4}[.)]|[-*•+])[ \t]+", re.MULTILINE)
_WORDS = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|\w+")
_REAL_WORD = re.compile(r"[^\W\d_]{2}")
_CODE = re.compile(r"[{}\[\]<>=|\\_]")
_SIGN = re.compile(r"[^\w\s.,;:!?'\"“”‘’«»()…—–。、，！？：；「」*-]")
_REPEAT = re.compile(
    r"\brepeat|over and over|\b\d+ times\b|\bhundred times\b|wiederhol|\b\d+[ -]?mal\b|répét|répèt|\d+ fois|repit|repet"
    r"|\d+ ve[cz]es|ripet|herhaal|повтор|重复|重複|繰り返|반복",
    re.IGNORECASE,
)


class Looping:
    """The same words, lines or characters over and over."""

    name = "looping"
    title = "Looping"
    help = "The response repeats the same words or lines over and over."
    action: Action = "replace"

    def find(self, response: Response) -> str | None:
        """Says what is repeated, and how often or how much of the text it is."""
        found = _endless(response.text) or _repeated_lines(response.text) or _repeated_runs(response.text)
        return None if found and _REPEAT.search(asked(response)) else found


def _endless(text: str) -> str | None:
    """The piece that the text ends with several times in a row."""
    tail = " ".join(_MARKER.sub("", text[-_TAIL:]).split())
    for period, length in _periods(tail):
        piece = tail[-length:][:period]
        times = (length + 1) / period  # behind the last one there is no space
        if _is_loop(piece, times, len(tail)):
            return f"The response ends in a loop: {quoted(piece.strip())}, {int(times)} times in a row."
    return None


def _is_loop(piece: str, times: float, whole: int) -> bool:
    length = len(piece) * times
    if not _REAL_WORD.search(piece):
        return times >= 12 and length >= _ENDLESS_SIGNS and 2 * length > whole
    one = weight(piece)
    return any(times >= least and one >= heavy and one * times >= all_in_all for least, heavy, all_in_all in _ENDLESS)


def _periods(text: str) -> Iterator[tuple[int, int]]:
    """Pieces that a text ends with over and over, short ones first: the length of one, and that of all of them."""
    probe, end = text[-_PROBE:], len(text) - 1
    for _ in range(_TRIES):
        place = text.rfind(probe, 0, end)
        if place < 0 or not probe:
            return
        period = len(text) - len(probe) - place
        length = _reach(text, period)
        if length + 1 >= 3 * period:
            yield period, length
        # What begins within these repetitions is a multiple of them.
        end = len(text) - length + len(probe) - 1


def _reach(text: str, period: int) -> int:
    """How long the end of the text is in which every character is the same as the one a period before it."""
    low, high = period, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        start = len(text) - middle
        if text[start : len(text) - period] == text[start + period :]:
            low = middle
        else:
            high = middle - 1
    return low


def _prose_lines(text: str) -> list[str]:
    """Lines of prose without what marks them as items of a list."""
    lines = (_MARKER.sub("", line).strip() for line in lines_outside_code(text[:_READ]))
    return [line for line in lines if line and not _CODE.search(line) and len(_SIGN.findall(line)) <= len(line) / 20]


def _repeated_lines(text: str) -> str | None:
    """Lines that are there for the third time and more, where they are half of the prose."""
    lines = [line for line in _prose_lines(text) if weight(line) >= 16]
    if len(lines) < 6:
        return None
    times = Counter(lines)
    again = sum((number - 2) * len(line) for line, number in times.items() if number > 2)
    if again < _SHARE_OF_LINES * sum(map(len, lines)):
        return None
    line, number = times.most_common(1)[0]
    return f"The response repeats its lines: {quoted(line)} is there {number} times."


def _repeated_runs(text: str) -> str | None:
    """Runs of words that are there for the third time and more, where they are most of the prose."""
    lines = _prose_lines(text)
    whole = " ".join(lines)
    words = _WORDS.findall(whole.casefold())
    run = _WIDE_RUN if wide(whole) else _RUN
    # What is said for the third time has all its words elsewhere too, so that there are few different ones.
    if len(words) < _FEWEST_WORDS or len(set(words)) > (1 - _SHARE_OF_RUNS) * len(words):
        return None
    seen: Counter[tuple[str, ...]] = Counter()
    covered, until, example = 0, 0, 0
    for place, piece in enumerate(zip(*(words[start:] for start in range(run)), strict=False)):
        seen[piece] += 1
        if seen[piece] > 2:
            covered += place + run - max(until, place)
            until = place + run
            example = place
    if covered < _SHARE_OF_RUNS * len(words):
        return None
    said = (" " if run == _RUN else "").join(words[example : example + run])
    return (
        f"The response repeats itself: {100 * covered // len(words)} % of it was said before, such as {quoted(said)}."
    )
