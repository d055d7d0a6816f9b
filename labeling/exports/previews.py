"""Rows of any format as a person reads them: conversations as turns, everything else as facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from labeling.exports.choices import Choice
from labeling.exports.records import Row
from labeling.exports.stream import encode, preview
from labeling.models import Annotation, Prompt

ROWS = 5
TEXT = 2000  # characters of one text that a page shows
# Up to so many answers a page counts the rows of an export by making it, which takes a second or two.
COUNTED = 5000


@dataclass(frozen=True)
class Turn:
    """A text and who says it. `more` is how many characters are not shown."""

    who: str
    text: str
    more: int = 0


@dataclass(frozen=True)
class Part:
    """One column of a row that holds texts to read."""

    name: str
    turns: tuple[Turn, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it takes the whole width: conversations do, two answers stand side by side."""
        return self.name in ("prompt", "messages", "candidates")


@dataclass(frozen=True)
class ShownRow:
    """A row of the file: what is to be read, whose it is in a few words, all that is known, and the line itself."""

    parts: tuple[Part, ...]
    source: str
    facts: tuple[tuple[str, str], ...]
    line: Turn


def first_rows(choice: Choice) -> list[ShownRow]:
    """The first rows of an export, for a page."""
    return [shown(row) for row in preview(choice, ROWS)]


def is_quickly_counted(choice: Choice) -> bool:
    """Whether a page may make the whole export to say how many rows there are."""
    project = choice.project
    if choice.format.unanswered:
        return Prompt.objects.filter(project=project)[: COUNTED + 1].count() <= COUNTED
    answers = Annotation.objects.filter(queue__project=project, undone_at=None)
    return answers[: COUNTED + 1].count() <= COUNTED


def shown(row: Row) -> ShownRow:
    """A row for a page, whatever its format."""
    parts = [Part(name, tuple(_turn(item) for item in value)) for name, value in row.items() if _is_talk(value)]
    facts = [fact for name, value in row.items() if not _is_talk(value) for fact in _facts(name, value)]
    return ShownRow(tuple(parts), _source(dict(facts)), tuple(facts), _cut("", encode(row).rstrip("\n")))


def _source(facts: dict[str, str]) -> str:
    """Where a row comes from, in one line: what a person wants to know before they trust it."""
    words = {
        "external_id": "prompt {}",
        "queue": "queue {}",
        "source": "{}",
        "label": "label {}",
        "annotator": "{}",
        "model": "{}",
        "chosen_model": "chosen {}",
        "rejected_model": "rejected {}",
        "n_raters": "raters {}",
        "agreement": "agreement {}",
    }
    return " · ".join(text.format(facts[name]) for name, text in words.items() if name in facts)


def _is_talk(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _turn(item: dict[str, Any]) -> Turn:
    if "role" in item:
        calls = item.get("tool_calls")
        return _cut(item["role"], f"{item['content']}\n{calls}".strip() if calls else item["content"])
    who = " · ".join(filter(None, (item.get("key", ""), item.get("model", ""), item.get("generator", ""))))
    return _cut(who, item["text"])


def _cut(who: str, text: str) -> Turn:
    return Turn(who, text[:TEXT], max(0, len(text) - TEXT))


def _facts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, item in value.items():
            yield from _facts(inner, item)
    elif isinstance(value, bool):
        yield name, str(value).lower()
    elif value not in ("", []):
        yield name, _cut("", f"{value:.3g}" if isinstance(value, float) else str(value)).text
