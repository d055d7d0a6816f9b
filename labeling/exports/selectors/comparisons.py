"""What two releases of a project have in common, format by format, from the indexes that lie beside their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from labeling.errors import Conflict
from labeling.exports import comparing, stored
from labeling.exports.comparing import BadIndex, Comparison, Entry
from labeling.exports.models import Release
from labeling.exports.plans import is_shuffled


@dataclass(frozen=True)
class Pair:
    """Two releases of a project that are done, the older one first. Make one with `pair_of`."""

    old: Release
    new: Release

    @property
    def formats(self) -> list[str]:
        """The formats that both have, in the order of the newer one."""
        before = formats_of(self.old)
        return [name for name in formats_of(self.new) if name in before]

    @property
    def alone(self) -> list[tuple[str, Release]]:
        """The formats that one of them has alone, each with its release: there is nothing to compare them with."""
        both = self.formats
        return [(name, one) for one in (self.old, self.new) for name in formats_of(one) if name not in both]

    @property
    def rows(self) -> int:
        """How many rows have to be looked at to compare every format."""
        both = self.formats
        kinds = [kind for one in (self.old, self.new) for kind in (one.manifest or {}).get("formats", ())]
        return sum(kind["rows"] for kind in kinds if kind["format"] in both)


def formats_of(release: Release) -> list[str]:
    """The names of the formats that a release holds; none where it is not done."""
    return [kind["format"] for kind in (release.manifest or {}).get("formats", ())]


def pair_of(one: Release, other: Release) -> Pair:
    """Two releases to be compared. Raises Conflict, in words, where one is not done or no format is in both."""
    old, new = sorted((one, other), key=lambda release: release.number)
    for release in (old, new):
        if release.manifest is None:
            raise Conflict(
                f"Release {release.number} is {release.get_state_display().lower()}: only releases that are done can "
                "be compared."
            )
    pair = Pair(old, new)
    if not pair.formats:
        held = [f"release {release.number} holds {', '.join(formats_of(release))}" for release in (old, new)]
        raise Conflict(f"They have no format in common: {' and '.join(held)}.")
    return pair


def compare(pair: Pair, format: str, *, shown: int = comparing.SHOWN) -> Comparison:
    """What came, went, changed and stayed in a format. Memory holds a few rows, however many there are.

    Raises Conflict where the index of one of them is missing or cannot be read.
    """
    try:
        old, new = comparing.alike(_entries(pair.old, format), _entries(pair.new, format))
        return comparing.compare(old, new, shown=shown)
    except FileNotFoundError as error:
        raise Conflict(f"A file that is needed to compare “{format}” is not in the storage any more.") from error
    except BadIndex as error:
        raise Conflict(f"“{format}” cannot be compared: {error}") from error


def _entries(release: Release, format: str) -> Iterator[Entry]:
    paths = stored.indexes(release, format)
    if not paths:
        raise Conflict(f"Release {release.number} has no index of “{format}” in the storage, so it cannot be compared.")
    # Prompts that lead stand in the first shard whatever their numbers; the others follow one another. So two files of
    # a release are open at a time, and not one for each of its shards. Of shuffled ones every file is sorted by itself.
    runs = [[path] for path in paths] if is_shuffled(release) else [paths[:1], paths[1:]]
    return comparing.entries([_lines(release, run) for run in runs])


def _lines(release: Release, paths: Sequence[str]) -> Iterator[bytes]:
    for path in paths:
        with stored.opened(release, path) as file:
            yield from file


def as_dict(pair: Pair, found: dict[str, Comparison]) -> dict[str, Any]:
    """The same for an API: counts of each format, and the first rows of each kind by prompt and key."""
    return {
        "old": pair.old.number,
        "new": pair.new.number,
        "formats": [{"format": name, **one.as_dict} for name, one in found.items()],
        "alone": [{"format": name, "number": release.number} for name, release in pair.alone],
    }
