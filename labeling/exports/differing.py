"""Rows that differ between two releases, as a page shows them: what they say, and what changed in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.exports.comparing import Comparison, Entry
from labeling.exports.index import PEOPLE
from labeling.exports.previews import ShownRow, shown
from labeling.exports.records import Row
from labeling.exports.selectors import comparisons, rows
from labeling.exports.selectors.comparisons import Pair
from labeling.models import Prompt

# Rows of each kind that a page shows.
SHOWN = 5
# With so many rows in both, a page compares every format at once, which takes a second or two.
QUICK = 300_000
_KINDS = (("added", "Added"), ("removed", "Removed"), ("changed", "Changed"))


@dataclass(frozen=True)
class Difference:
    """A row that came, went or changed. `row` is what it says, None where it was not found in time.

    Of one that changed, `texts` are the parts that say something else, and `facts` what else is known of it and
    differs: each a name, what stood there before, and what does now.
    """

    prompt_id: int
    opening: str
    row: ShownRow | None = None
    texts: tuple[tuple[str, str, str], ...] = ()
    facts: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Differences:
    """The rows of one kind: how many, and the first of them."""

    name: str
    title: str
    count: int
    first: tuple[Difference, ...]


@dataclass(frozen=True)
class Line:
    """One format in the picture and its table. `found` None where it has not been counted."""

    format: str
    found: Comparison | None = None

    @property
    def parts(self) -> list[dict[str, str]]:
        """The bar: what changed, came and went, in percent of all rows of both; what stayed is the rest."""
        assert self.found is not None
        counts = {"changed": self.found.changed.count, "added": self.found.added.count}
        counts["removed"] = self.found.removed.count
        whole = self.found.same + sum(counts.values())
        made, start = [], 100.0 * self.found.same / whole if whole else 100.0
        for name, count in counts.items():
            width = 100.0 * count / whole if whole else 0.0
            if width:
                made.append({"name": name, "start": f"{start:.3f}", "width": f"{width:.3f}"})
            start += width
        return made

    @property
    def label(self) -> str:
        """The bar in words."""
        assert self.found is not None
        found = self.found
        counts = {"added": found.added.count, "removed": found.removed.count, "changed": found.changed.count}
        return ", ".join(f"{count:,} {name}" for name, count in (counts | {"unchanged": found.same}).items())


def lines(pair: Pair, chosen: str) -> list[Line]:
    """Every format that both releases have; of large ones only the chosen one is counted."""
    quick = pair.rows <= QUICK
    return [
        Line(name, comparisons.compare(pair, name, shown=SHOWN) if quick or name == chosen else None)
        for name in pair.formats
    ]


def differences(pair: Pair, format: str, found: Comparison) -> list[Differences]:
    """What came, went and changed in a format, with the first rows of each kind."""
    added, removed, changed = (one.first[:SHOWN] for one in (found.added, found.removed, found.changed))
    before = found.before[:SHOWN]
    new = rows.find(pair.new, format, [*added, *changed])
    old = rows.find(pair.old, format, [*removed, *before])
    openings = _openings([*added, *removed, *changed])
    shown_rows = {
        "added": [_shown(entry, openings, new.get(entry)) for entry in added],
        "removed": [_shown(entry, openings, old.get(entry)) for entry in removed],
        "changed": [
            _changed(entry, openings, old.get(was), new.get(entry)) for was, entry in zip(before, changed, strict=True)
        ],
    }
    return [
        Differences(name, title, getattr(found, name).count, tuple(shown_rows[name]))
        for name, title in _KINDS
        if getattr(found, name).count
    ]


def _openings(entries: Sequence[Entry]) -> dict[int, str]:
    found = Prompt.objects.in_bulk({entry.prompt_id for entry in entries})
    return {pk: prompt.opening for pk, prompt in found.items()}


def _shown(entry: Entry, openings: dict[int, str], row: Row | None) -> Difference:
    return Difference(entry.prompt_id, openings.get(entry.prompt_id, ""), shown(row) if row else None)


def _changed(entry: Entry, openings: dict[int, str], old: Row | None, new: Row | None) -> Difference:
    opening = openings.get(entry.prompt_id, "")
    if old is None or new is None:
        return Difference(entry.prompt_id, opening)
    before, after = shown(old), shown(new)
    return Difference(
        entry.prompt_id,
        opening,
        after,
        texts=_differing(_texts(before), _texts(after)),
        facts=_differing(_facts(before), _facts(after)),
    )


def _texts(row: ShownRow) -> dict[str, str]:
    return {
        part.name: "\n\n".join(f"{turn.who}: {turn.text}" if turn.who else turn.text for turn in part.turns)
        for part in row.parts
    }


def _facts(row: ShownRow) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in row.facts:
        # Pseudonyms are others in every release.
        if name not in PEOPLE:
            found.setdefault(name, []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}


def _differing(before: dict[str, str], after: dict[str, str]) -> tuple[tuple[str, str, str], ...]:
    names = dict.fromkeys((*before, *after))
    return tuple(
        (name, before.get(name, ""), after.get(name, "")) for name in names if before.get(name) != after.get(name)
    )
