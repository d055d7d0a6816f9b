"""What changed between two texts, word by word, as safe HTML."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

CONTEXT = 2  # unchanged lines shown around a change
# Comparing words costs their number squared at worst: beyond this a changed passage is shown as gone and come anew.
MOST_WORDS = 3000
# The same for lines, once what the texts begin and end with in common is set aside.
MOST_LINES = 2000

# (kind, from, to, from, to): which lines of the one text became which lines of the other.
_Step = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]


class _Compared(SequenceMatcher[str]):
    """Steps that are known already, to be grouped as those that were found."""

    def __init__(self, steps: list[_Step]) -> None:
        super().__init__()
        self._steps = steps

    def get_opcodes(self) -> list[_Step]:
        return self._steps


# Words, runs of white space, and every other character by itself: scripts without spaces are compared by character.
_WORDS = re.compile(r"[^\W\d_\u2e80-\u9fff\u3040-\u30ff\uac00-\ud7af\u0e00-\u0e7f]+|\d+|\s+|.", re.DOTALL)


# Everybody in a project is shown the same change of its guidelines, with every task until they have met it.
@functools.lru_cache(maxsize=64)
def diff_html(before: str, after: str) -> SafeString:
    """Two texts as one: `<del>` around what went, `<ins>` around what came, far unchanged lines left out."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    groups = _Compared(_lines(old, new)).get_grouped_opcodes(CONTEXT)
    parts = [
        format_html(
            '<div class="diff__part">{}</div>',
            format_html_join("", "{}", ((piece,) for piece in _pieces(group, old, new))),
        )
        for group in groups
    ]
    return mark_safe("".join(parts))  # noqa: S308 - put together from escaped pieces


def _lines(old: list[str], new: list[str]) -> list[_Step]:
    """What became of which lines, as SequenceMatcher says it, in a time that has an end."""
    least = min(len(old), len(new))
    start = next((n for n in range(least) if old[n] != new[n]), least)
    least -= start
    end = next((n for n in range(least) if old[-1 - n] != new[-1 - n]), least)
    here, there = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(here), len(there)) > MOST_LINES:
        middle: list[_Step] = [("replace", 0, len(here), 0, len(there))]
    else:
        # Lines that stand there often (blank ones) match by their neighbours: by themselves they match everywhere.
        middle = SequenceMatcher(None, here, there).get_opcodes()
    steps = [(kind, i1 + start, i2 + start, j1 + start, j2 + start) for kind, i1, i2, j1, j2 in middle]
    head: list[_Step] = [("equal", 0, start, 0, start)]
    tail: list[_Step] = [("equal", len(old) - end, len(old), len(new) - end, len(new))]
    return [step for step in (*head, *steps, *tail) if step[1] < step[2] or step[3] < step[4]]


def words_html(before: str, after: str) -> SafeString:
    """The same for two short texts, whole."""
    return mark_safe("".join(_words(before, after)))  # noqa: S308 - put together from escaped pieces


def _pieces(group: Sequence[tuple[str, int, int, int, int]], old: list[str], new: list[str]) -> Iterator[SafeString]:
    for kind, i1, i2, j1, j2 in group:
        if kind == "equal":
            yield escape("".join(old[i1:i2]))
        else:
            yield from _words("".join(old[i1:i2]), "".join(new[j1:j2]))


def _words(before: str, after: str) -> Iterator[SafeString]:
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if len(old) > MOST_WORDS or len(new) > MOST_WORDS:
        old, new = [before], [after]
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, came = "".join(old[i1:i2]), "".join(new[j1:j2])
        if kind == "equal":
            yield escape(gone)
            continue
        if gone:
            yield _marked("del", "removed", gone)
        if came:
            yield _marked("ins", "added", came)


def _marked(tag: str, word: str, text: str) -> SafeString:
    # Screen readers do not say ins and del by themselves.
    said = format_html('<span class="sr-only"> {}: </span>', word)
    end = mark_safe('<span class="sr-only">. </span>')
    return format_html("<{}>{}{}{}</{}>", mark_safe(tag), said, text, end, mark_safe(tag))  # noqa: S308 - our own names
