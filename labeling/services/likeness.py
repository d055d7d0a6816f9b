"""Which of many texts are nearly the same: MinHash signatures, bands of them, and the exact likeness of what meets.

Two texts are alike as far as they share pieces: runs of three words, or of five characters where they are short or
written without spaces. A signature holds minima over the pieces; texts that are alike have many of them in common, so
they meet in one of its bands. Those that meet are compared piece by piece: nothing is called alike that is not.

In memory are some 50 bytes a text; the bands lie in files. Only a search loads this, and NumPy with it.
"""

from __future__ import annotations

import tempfile
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

# By percent of likeness: how many bands, of how many minima each. Two texts just so alike meet 99 times of 100.
BANDS = {90: (13, 9), 80: (20, 6), 70: (25, 5)}
MAX_PIECES = 8192  # of a text, those with the smallest numbers: of a very long one a fair sample
_WORDS, _CHARACTERS = 3, 5
# Texts of so many words and more are taken by words; of fewer than the second number by characters.
_BY_WORDS, _BY_CHARACTERS = 50, 70
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.array([True])
_AT_ONCE = 16_384  # pieces
_COMPARED = 1000  # pairs
# Texts that meet in a band are compared with the first there and with so many before them, not each with each.
_NEIGHBOURS = 4
_MISSES_KEPT = 5_000_000


@dataclass(frozen=True, slots=True)
class Text:
    """A text under its number. Only texts of the same `setting` are alike."""

    id: int
    text: str
    setting: int = 0


def pieces(text: str) -> dict[str, Numbers]:
    """The pieces of a text as sorted numbers, by characters or by words; by both where it is of middling length."""
    words = text.split()
    found = {}
    if len(words) < _BY_CHARACTERS:
        letters = np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.uint64)
        found["characters"] = _runs(letters, _CHARACTERS)
    if len(words) >= _BY_WORDS:
        found["words"] = _runs(np.array([zlib.crc32(word.encode()) for word in words], dtype=np.uint64), _WORDS)
    return found


def _runs(items: Numbers, length: int) -> Numbers:
    """A number for each run of so many items, one for all where there are fewer."""
    if len(items) < length:
        items = np.pad(items, (0, length - len(items)))
    number = len(items) - length + 1
    hashed = np.full(number, length, dtype=np.uint64)
    for place in range(length):
        hashed = (hashed ^ items[place : place + number]) * _STEP
        hashed ^= hashed >> np.uint64(29)
    hashed.sort()
    once: Numbers = hashed[np.concatenate([_FIRST, hashed[1:] != hashed[:-1]])]
    return once[:MAX_PIECES]


def likeness(one: Mapping[str, Numbers], other: Mapping[str, Numbers]) -> float:
    """How alike two texts are by their pieces: the part that both have of all that they have, from 0 to 1."""
    return max((_shared(one[kind], other[kind]) for kind in one.keys() & other.keys()), default=0.0)


def _shared(one: Numbers, other: Numbers) -> float:
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both)


def alike(
    texts: Iterable[Text],
    least: int,
    *,
    fetch: Callable[[Sequence[int]], Mapping[int, str]],
    told: Callable[[int], None] = lambda looked_at: None,
) -> Iterator[tuple[list[int], int]]:
    """Groups of texts that are alike by `least` percent: their numbers, and the least likeness found between two.

    A group may hold two that are less alike, where a third is between them. `texts` come in the order of their
    numbers; `fetch` gives those of some numbers once more. `told` hears now and then how many were looked at.
    """
    number, height = BANDS[least]
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(number)]
        index = _Index(files, height)
        for text in texts:
            index.add(text)
            if len(index.ids) % 1000 == 0:
                told(len(index.ids))
        groups = _Groups(*index.finish(), least, fetch)
        for file in files:
            for _ in groups.look(file):
                told(len(index.ids))
        yield from groups.found()


class _Index:
    """The bands of signatures, a file for each, as they are made."""

    def __init__(self, files: Sequence[IO[bytes]], height: int) -> None:
        self.ids = array("q")
        self._files = files
        self._height = height
        self._factors = np.random.default_rng(len(files)).integers(
            0, 2**63, size=len(files) * height, dtype=np.uint64
        ) * np.uint64(2) + np.uint64(1)
        self._owners: list[Places] = []
        self._waiting: list[tuple[int, int, Numbers]] = []
        self._weight = 0

    def add(self, text: Text) -> None:
        """Puts a text in."""
        place = len(self.ids)
        self.ids.append(text.id)
        for kind, found in pieces(text.text).items():
            self._waiting.append((place, hash((text.setting, len(kind))) % 2**64, found))
            self._weight += len(found)
        if self._weight >= _AT_ONCE:
            self._write()

    def finish(self) -> tuple[Places, Places]:
        """The numbers of the texts, and for each entry of the files which text it is of."""
        self._write()
        return np.array(self.ids, dtype=np.int64), np.concatenate([*self._owners, np.empty(0, dtype=np.int64)])

    def _write(self) -> None:
        if not self._waiting:
            return
        places, settings, found = zip(*self._waiting, strict=True)
        starts = np.cumsum([0, *(len(one) for one in found[:-1])])
        # The upper half of a product with an odd number: as good as a random order of all pieces.
        drawn = (np.concatenate(found)[:, None] * self._factors[None, :]) >> np.uint64(32)
        minima = np.minimum.reduceat(drawn, starts, axis=0)
        for number, file in enumerate(self._files):
            band = np.array(settings, dtype=np.uint64)
            for row in range(self._height):
                band = (band ^ minima[:, number * self._height + row]) * _STEP
                band ^= band >> np.uint64(31)
            file.write(band.tobytes())
        self._owners.append(np.array(places, dtype=np.int64))
        self._waiting, self._weight = [], 0


class _Groups:
    """Who belongs together, band by band."""

    def __init__(
        self, ids: Places, owners: Places, least: int, fetch: Callable[[Sequence[int]], Mapping[int, str]]
    ) -> None:
        self._ids, self._owners, self._least, self._fetch = ids, owners, least, fetch
        self._parents = np.arange(len(ids), dtype=np.int64)
        self._alike = np.full(len(ids), 100, dtype=np.uint8)
        self._misses: Places = np.empty(0, dtype=np.int64)

    def look(self, file: IO[bytes]) -> Iterator[None]:
        """Compares those that meet in a band, some pairs at each step."""
        file.seek(0)
        pairs = self._meeting(np.frombuffer(file.read(), dtype=np.uint64))
        missed: list[int] = []
        for start in range(0, len(pairs), _COMPARED):
            missed += self._compare(pairs[start : start + _COMPARED])
            yield
        if len(self._misses) < _MISSES_KEPT:
            self._misses = np.union1d(self._misses, np.array(missed, dtype=np.int64))

    def _meeting(self, band: Numbers) -> Places:
        """Pairs of texts, each as one number, that meet here and were not found unlike before."""
        order = np.argsort(band, kind="stable")
        new = np.concatenate([_FIRST, band[order][1:] != band[order][:-1]]) if len(band) else np.empty(0, dtype=bool)
        starts = np.maximum.accumulate(np.where(new, np.arange(len(band)), 0)) if len(band) else np.empty(0, dtype=int)
        places = np.arange(len(band))
        met = [np.empty(0, dtype=np.int64)]
        for others in (starts, *(places - step for step in range(1, _NEIGHBOURS + 1))):
            here = (others >= starts) & (others < places)
            one, other = self._owners[order[others[here]]], self._owners[order[places[here]]]
            met.append(np.minimum(one, other) * len(self._ids) + np.maximum(one, other))
        return np.setdiff1d(np.concatenate(met), self._misses)

    def _compare(self, pairs: Places) -> list[int]:
        """Joins the pairs that are alike; returns those that are not."""
        split = [(pair, *divmod(pair, len(self._ids))) for pair in pairs.tolist()]
        asked = [(pair, one, other) for pair, one, other in split if self._root(one) != self._root(other)]
        ids = {place: int(self._ids[place]) for _, one, other in asked for place in (one, other)}
        texts = self._fetch(sorted(set(ids.values()))) if asked else {}
        made = {place: pieces(texts[found]) for place, found in ids.items() if found in texts}
        missed = []
        for pair, one, other in asked:
            percent = int(100 * likeness(made.get(one, {}), made.get(other, {})) + 1e-9)
            if percent >= self._least:
                self._join(one, other, percent)
            else:
                missed.append(pair)
        return missed

    def _root(self, place: int) -> int:
        parents = self._parents
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = int(parents[place])
        return place

    def _join(self, one: int, other: int, percent: int) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parents[second] = first
        self._alike[first] = min(self._alike[first], self._alike[second], percent)

    def found(self) -> Iterator[tuple[list[int], int]]:
        """The groups of two and more, by their first text."""
        roots = np.array([self._root(place) for place in range(len(self._ids))], dtype=np.int64)
        together = np.flatnonzero(np.bincount(roots, minlength=1)[roots] > 1) if len(roots) else roots
        order = together[np.argsort(roots[together], kind="stable")]
        bounds = np.flatnonzero(np.diff(roots[order])) + 1
        for members in np.split(order, bounds):
            if len(members):
                yield self._ids[members].tolist(), int(self._alike[roots[members[0]]])
