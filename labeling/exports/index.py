"""An index of a shard's rows, for comparing two releases without reading their files whole.

One line a row: `prompt_id \\t key \\t hash`, in the order of the prompts' numbers and then of the keys. The key says
which row of its prompt it is: what is known of its source (ids, `queue`, `question`, `source`), or the row's place
among its prompt's. A correction is an annotation of its own, so the annotation's id is no part of it, but in `raw`,
where each has a row. The hash is of what the row says, without the pseudonyms, which are others in every release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from labeling.exports.comparing import Entry, line_of
from labeling.exports.records import PLAIN, Row, known_of
from labeling.exports.stream import encode

_NAMED = ("queue", "question", "source")
# Where a row names people, however deep: `user_id` in the trees of OpenAssistant.
PEOPLE = ("annotator", "annotators", "user_id")


def key_of(row: Row, place: int) -> str:
    """Which row of its prompt this is. It holds what people typed (`external_id`), so it may hold anything."""
    if "annotation_id" in row:
        return f"annotation {row['annotation_id']}"
    # Of a prompt with a reference the reference is what may change.
    metadata = row.get("metadata") or known_of(row) or {}
    found = [str(value) for name, value in metadata.items() if _tells_apart(name)]
    return "|".join(found) if found else str(place)


def _tells_apart(name: str) -> bool:
    return ("_id" in name and name != "annotation_id") or name in _NAMED


def hash_of(row: Row) -> str:
    """16 hexadecimal digits that change with what the row says."""
    return hashlib.sha256(encode(_without_people(row)).rstrip(b"\n")).hexdigest()[:16]


def _without_people(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_people(inner) for inner in value]
    # What a message calls by these names is its content.
    if not isinstance(value, dict) or value.keys() >= PLAIN:
        return value
    return {
        name: _without_people(inner) if isinstance(inner, (dict, list)) else inner
        for name, inner in value.items()
        if name not in PEOPLE
    }


class IndexWriter:
    """Writes the index of one format in one shard, while prompts come in the order of their numbers, or wait."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb")
        # Of prompts that lead out of turn: they wait for the place that their number gives them.
        self._waiting: dict[int, list[bytes]] = {}

    def add(self, prompt_id: int, rows: Sequence[Row], *, leads: bool) -> None:
        """The rows of a prompt. `leads`: it stands out of turn, as all do that are shuffled."""
        found = sorted((key_of(row, place), hash_of(row)) for place, row in enumerate(rows))
        lines = [line_of(Entry(prompt_id, key, number)) for key, number in found]
        if leads:
            self._waiting[prompt_id] = lines
            return
        self._let_go(number for number in sorted(self._waiting) if number < prompt_id)
        self._file.writelines(lines)

    def _let_go(self, numbers: Iterable[int]) -> None:
        for number in list(numbers):
            self._file.writelines(self._waiting.pop(number))

    def close(self) -> None:
        """Writes what still waits. Harmless when it is closed."""
        if self._file.closed:
            return
        self._let_go(sorted(self._waiting))
        self._file.close()
