"""What changed between two releases, row by row, in memory that does not grow with them.

A release keeps an index beside its files: for each row the number of its prompt, a key that stays the same between
releases, and a hash of what the row says. Both are sorted, so one walk along the two tells which rows came, went,
changed and stayed.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple

# How many rows of each kind are named; the others are counted.
SHOWN = 20


class Entry(NamedTuple):
    """One row of an index. `key` tells the rows of a prompt apart; `hash` leaves out what changes by itself."""

    prompt_id: int
    key: str
    hash: str

    @property
    def place(self) -> tuple[int, str]:
        """Where the row stands in an index: by prompt, then by key in the order of code points."""
        return self[:2]


# --- Lines ----------------------------------------------------------------------------------------------------------

# A key holds ids that people typed (`external_id`), so it may hold what separates fields and lines.
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_TABLE = str.maketrans(_ESCAPES)
_UNESCAPED = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


class BadIndex(ValueError):
    """A line of an index that cannot be read, or that stands where it must not."""


def line_of(entry: Entry) -> bytes:
    """An entry as a line of an index: prompt, key and hash with tabs between, UTF-8, a line feed at the end."""
    return f"{entry.prompt_id}\t{entry.key.translate(_TABLE)}\t{entry.hash}\n".encode()


def entry_of(line: bytes) -> Entry:
    """The entry of a line. Raises BadIndex for what `line_of` does not write."""
    try:
        prompt_id, key, digest = line.decode().removesuffix("\n").split("\t")
        return Entry(int(prompt_id), _unescaped(key), digest)
    except (ValueError, KeyError):
        raise BadIndex(f"This is no line of an index: {line[:80]!r}.") from None


def _unescaped(key: str) -> str:
    if "\\" not in key:
        return key
    letters = iter(key)
    return "".join(_UNESCAPED[next(letters, "")] if letter == "\\" else letter for letter in letters)


def entries(files: Iterable[Iterable[bytes]]) -> Iterator[Entry]:
    """The entries of some index files in one order. Each file is sorted by itself; they may overlap.

    The prompts that lead a release stand in its first shard whatever their numbers, so the files are merged and not
    read one after the other. A file is anything that gives lines of bytes, such as one that is open to read. Raises
    BadIndex for a file that is not sorted: compared with another it would tell of changes that there were not.
    """
    return heapq.merge(*map(_sorted, files), key=lambda entry: entry.place)


def _sorted(file: Iterable[bytes]) -> Iterator[Entry]:
    before: tuple[int, str] | None = None
    for line in file:
        entry = entry_of(line)
        if before is not None and entry.place < before:
            raise BadIndex(f"An index is not in order: prompt {entry.prompt_id} stands after prompt {before[0]}.")
        before = entry.place
        yield entry


# --- Comparing ------------------------------------------------------------------------------------------------------


@dataclass
class Changes:
    """Rows of one kind: how many there are, and the first of them."""

    count: int = 0
    first: list[Entry] = field(default_factory=list)

    def add(self, entries: Iterable[Entry], shown: int) -> None:
        for entry in entries:
            self.count += 1
            if len(self.first) < shown:
                self.first.append(entry)

    @property
    def as_dict(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "first": [{"prompt_id": str(entry.prompt_id), "key": entry.key} for entry in self.first],
        }


@dataclass
class Comparison:
    """What came with the new release, what went, what says something else under the same key, and what stayed.

    `changed` names the rows of the new release, `before` those of the old one that stood in the place of its first.
    """

    added: Changes = field(default_factory=Changes)
    removed: Changes = field(default_factory=Changes)
    changed: Changes = field(default_factory=Changes)
    before: list[Entry] = field(default_factory=list)
    same: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether both hold the same rows."""
        return not (self.added.count or self.removed.count or self.changed.count)

    @property
    def as_dict(self) -> dict[str, Any]:
        """The same for an API: counts, and the first rows of each kind with the ids of their prompts."""
        return {
            "added": self.added.as_dict,
            "removed": self.removed.as_dict,
            "changed": self.changed.as_dict,
            "same": self.same,
        }


def compare(old: Iterable[Entry], new: Iterable[Entry], *, shown: int = SHOWN) -> Comparison:
    """Walks along two indexes of one format, each in order (see `entries`), and counts what differs.

    Rows that share a prompt and a key are compared as a bag: those whose hash both have are the same, of the others as
    many are changed as both have, and the rest was added or removed. Memory holds the rows of one key at a time.
    """
    found = Comparison()
    ours, theirs = _by_place(old), _by_place(new)
    mine, other = next(ours, None), next(theirs, None)
    while mine or other:
        if other is None or (mine is not None and mine[0] < other[0]):
            assert mine is not None
            found.removed.add(mine[1], shown)
            mine = next(ours, None)
        elif mine is None or other[0] < mine[0]:
            found.added.add(other[1], shown)
            other = next(theirs, None)
        else:
            _weigh(mine[1], other[1], found, shown)
            mine, other = next(ours, None), next(theirs, None)
    return found


def alike(old: Iterator[Entry], new: Iterator[Entry]) -> tuple[Iterator[Entry], Iterator[Entry]]:
    """Two indexes of one format with keys that mean the same.

    A key that is a number is the place among the rows of a prompt, which all later rows change when one goes: such rows
    are known by their prompt alone, and what says the same is the same. Earlier versions of the platform wrote them of
    formats whose rows have other keys today.
    """
    first = [next(index, None) for index in (old, new)]
    indexes = [chain([entry] if entry else [], index) for entry, index in zip(first, (old, new), strict=True)]
    if any(entry and entry.key.isdigit() for entry in first):
        ours, theirs = ((entry._replace(key="") for entry in index) for index in indexes)
        return ours, theirs
    return indexes[0], indexes[1]


def _by_place(index: Iterable[Entry]) -> Iterator[tuple[tuple[int, str], list[Entry]]]:
    """The rows of an index that share a prompt and a key, group by group."""
    # Not groupby: one row a group is what there is, and this takes a third of the time.
    group: list[Entry] = []
    at = (0, "")
    for entry in index:
        place = entry.place
        if group and place == at:
            group.append(entry)
            continue
        if group:
            yield at, group
        at, group = place, [entry]
    if group:
        yield at, group


def _weigh(before: list[Entry], after: list[Entry], found: Comparison, shown: int) -> None:
    """Counts the rows of one key."""
    if before == after:
        found.same += len(before)
        return
    left, new = before, after
    if len(before) > 1 or len(after) > 1:
        gone, come = Counter(before), Counter(after)
        stayed = gone & come
        found.same += stayed.total()
        left, new = list((gone - stayed).elements()), list((come - stayed).elements())
    changed = min(len(left), len(new))
    found.before += left[: min(changed, shown - len(found.before))]
    found.changed.add(islice(new, changed), shown)
    found.added.add(islice(new, changed, None), shown)
    found.removed.add(islice(left, changed, None), shown)
