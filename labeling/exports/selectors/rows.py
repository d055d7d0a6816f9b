"""Rows of a release, read back from its files by where they stand in its index."""

from __future__ import annotations

import json
import re
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from labeling.exports import parquet, stored
from labeling.exports.comparing import Entry
from labeling.exports.files import KINDS, Kind
from labeling.exports.index import hash_of, key_of
from labeling.exports.models import Release, Shard
from labeling.exports.plans import is_shuffled
from labeling.exports.records import Row

# So much of a release's files is read to find a few rows, not compressed: a second or so.
MOST_BYTES = 64 * 1024 * 1024
# What reading a damaged file raises: gzip all but the third, pyarrow that one.
_UNREADABLE = (OSError, EOFError, ValueError, zlib.error)
_SHARD = re.compile(r"-(\d+)\.[a-z.]+$")


def find(release: Release, format: str, wanted: Sequence[Entry]) -> dict[Entry, Row]:
    """The rows of these entries of an index, as far as they are found before much has been read.

    In Parquet a row is known by its key alone, and one whose prompt has several rows of that key is not found; nor are
    rows there that do not name their prompt.
    """
    if not wanted or release.manifest is None:
        return {}
    kind = KINDS[release.asked["files"]]
    paths = _paths(release, format, {entry.prompt_id for entry in wanted})
    try:
        return _by_key(release, paths, wanted) if kind.columns else _by_hash(release, paths, kind, wanted)
    except _UNREADABLE:
        # A file is gone or damaged. A comparison is true without its examples.
        return {}


def _paths(release: Release, format: str, prompts: Iterable[int]) -> list[str]:
    """The files in which the rows of some prompts stand, in the order of shards."""
    shards = list(Shard.objects.filter(release=release).order_by("number").values_list("number", "last", "leaders"))
    lasts = [last for _, last, _ in shards]
    led = set(shards[0][2]) if shards else set()
    places = {0 if prompt in led else bisect_left(lasts, prompt) for prompt in prompts}
    if is_shuffled(release):
        places = set(range(len(shards)))
    numbers = {shards[place][0] for place in places if place < len(shards)}
    named = [
        (int(found[1]), file["path"])
        for file in (release.manifest or {})["files"]
        if file["format"] == format and (found := _SHARD.search(file["path"])) and int(found[1]) in numbers
    ]
    return [path for _, path in sorted(named)]


def _by_hash(release: Release, paths: Sequence[str], kind: Kind, wanted: Sequence[Entry]) -> dict[Entry, Row]:
    missing: dict[str, list[Entry]] = {}
    for entry in wanted:
        missing.setdefault(entry.hash, []).append(entry)
    numbers = "|".join(sorted({str(entry.prompt_id) for entry in wanted}))
    named = re.compile(rb'"prompt_id":"(?:%s)"' % numbers.encode())
    found: dict[Entry, Row] = {}
    for line in _lines(release, paths, kind):
        # Most formats say in each row which prompt it is of: the others' rows are all looked at.
        if b'"prompt_id":"' in line and not named.search(line):
            continue
        row = json.loads(line)
        for entry in missing.pop(hash_of(row), ()):
            found[entry] = row
        if not missing:
            break
    return found


def _lines(release: Release, paths: Sequence[str], kind: Kind) -> Iterator[bytes]:
    read = 0
    for path in paths:
        with stored.opened(release, path) as file, kind.lines(file) as lines:
            for line in lines:
                read += len(line)
                if read > MOST_BYTES:
                    return
                yield line


def _by_key(release: Release, paths: Sequence[str], wanted: Sequence[Entry]) -> dict[Entry, Row]:
    numbers = sorted({str(entry.prompt_id) for entry in wanted})
    found: list[tuple[tuple[int, str], Row]] = []
    read = 0
    sizes = {file["path"]: file["bytes"] for file in (release.manifest or {})["files"]}
    for path in paths:
        read += sizes[path]
        if read > MOST_BYTES:
            break
        with stored.opened(release, path) as file:
            found += [(_place(row), row) for row in parquet.rows_of(file, numbers)]
    times = Counter(place for place, _ in found)
    alone = {place: row for place, row in found if times[place] == 1}
    return {entry: alone[entry.place] for entry in wanted if entry.place in alone}


def _place(row: Mapping[str, Any]) -> tuple[int, str]:
    return int(row["metadata"]["prompt_id"]), key_of(dict(row), 0)
