"""An order in which rows of one prompt are no neighbours, made while rows stream by.

KTO compares each prompt with the response of the row before it, in batches cut from the file as it is. That response
must be one to another prompt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labeling.exports.records import Row

# How many prompts wait with their rows at a time; fewer where these hold more than so many characters of text.
WINDOW = 100
TEXT_AT_ONCE = 2_000_000


@dataclass(eq=False)
class _Waiting:
    """A prompt's rows that are still to come."""

    rows: deque[Row]
    text: int
    begun: bool = False


@dataclass
class _Window:
    """The prompts that wait, whose turn it is first. `most` is the most rows that any prompt had."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    last: _Waiting | None = None
    rows: int = 0
    text: int = 0
    most: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.waiting) >= WINDOW or (len(self.waiting) > 1 and self.text > TEXT_AT_ONCE)

    def add(self, rows: Sequence[Row]) -> None:
        self.waiting.append(_Waiting(deque(rows), _characters(rows)))
        self.rows += len(rows)
        self.text += self.waiting[-1].text
        self.most = max(self.most, len(rows))

    def take(self) -> tuple[bool, Row]:
        """The next row, and whether it is its prompt's first. The prompt goes to the end, or leaves with its last."""
        chosen = self._next()
        self.waiting.remove(chosen)
        first, chosen.begun = not chosen.begun, True
        row = chosen.rows.popleft()
        self.rows -= 1
        if chosen.rows:
            self.waiting.append(chosen)
        else:
            self.text -= chosen.text
        self.last = chosen
        return first, row

    def _next(self) -> _Waiting:
        # Each of the others has a row at least, so with few rows a prompt nobody can have more than half of them all.
        if self.most >= len(self.waiting):
            longest = max(self.waiting, key=lambda waiting: len(waiting.rows))
            if 2 * len(longest.rows) > self.rows and longest is not self.last:
                return longest
        # The last one stands first only where everyone else is new: they came after it.
        turn = int(self.waiting[0] is self.last and len(self.waiting) > 1)
        return self.waiting[turn]


class Spread:
    """The rows of prompts that are brought one after the other; those of one as far apart as the window allows.

    The prompts of the window take turns, one row each. One whose rows are more than half of what is left there takes
    every second turn: two of its rows are neighbours only where nothing is left to stand between them. Rows come with
    whether they are their prompt's first.
    """

    def __init__(self) -> None:
        self._window = _Window()

    def add(self, rows: Sequence[Row]) -> Iterator[tuple[bool, Row]]:
        """Takes in the rows of a prompt. Gives those whose turn has come."""
        if rows:
            self._window.add(rows)
        while self._window.is_full:
            yield self._window.take()

    def rest(self) -> Iterator[tuple[bool, Row]]:
        """All that still waits."""
        while self._window.waiting:
            yield self._window.take()


def apart(prompts: Iterable[Sequence[Row]]) -> Generator[tuple[bool, Row], None, None]:
    """All rows, each with whether it is its prompt's first, spread as `Spread` does."""
    spread = Spread()
    for rows in prompts:
        yield from spread.add(rows)
    yield from spread.rest()


def _characters(rows: Sequence[Row]) -> int:
    """How much text some rows hold. A text that several of them share, such as their prompt's, is there once."""
    return sum({id(text): len(text) for text in _texts(rows)}.values())


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)
