"""Rows of any format as a person reads them: conversations as turns, everything else as facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labeling.exports.choices import Choice
from labeling.exports.cleaning import Tools
from labeling.exports.contamination import Benchmark
from labeling.exports.records import Row
from labeling.exports.stream import Report, encode, measure, preview
from labeling.models import Annotation, Prompt

ROWS = 5
LOOKED_AT = 2  # rows of each format, where several are looked at
TEXT = 2000  # characters of one text that a page shows
# Up to so many answers a page counts the rows of an export by making it, which takes a second or two.
COUNTED = 5000


# Columns of plain text that are to be read, and those that stand side by side.
_TEXTS = ("prompt", "completion", "text", "reference", "instruction", "input", "output", "system", "response")
_SIDES = ("chosen", "rejected", "completion", "response1", "response2", "preferred_output", "non_preferred_output")
# What names an item of a list, whatever the format: who speaks, which candidate it is, what was marked.
_NAMES = ("role", "from", "key", "model", "model_name", "generator", "label", "title", "annotator", "user_id")
_WORDS = ("content", "value", "text", "score", "reasoning")


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
        return self.name not in _SIDES


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


def is_quickly_counted(choice: Choice, *, among: int = 1) -> bool:
    """Whether a page may make the whole export to say how many rows there are, and `among` so many exports in all."""
    most = COUNTED // among
    project = choice.project
    if choice.format.unanswered:
        return Prompt.objects.filter(project=project)[: most + 1].count() <= most
    answers = Annotation.objects.filter(queue__project=project, undone_at=None)
    return answers[: most + 1].count() <= most


@dataclass(frozen=True)
class Look:
    """What one format of a release would hold now. `report` None where counting would take long."""

    choice: Choice
    report: Report | None
    rows: tuple[ShownRow, ...]


def looks(choices: Sequence[Choice], benchmark: Benchmark | None = None) -> list[Look]:
    """What each of several formats would hold, counted where all of them are quickly counted. Tokens count by bytes."""
    found, tools = [], Tools(benchmark=benchmark)
    for choice in choices:
        by_bytes = replace(choice, policies=replace(choice.policies, tokenizer=""))
        counted = is_quickly_counted(by_bytes, among=len(choices))
        report = measure(by_bytes, tools) if counted else None
        found.append(Look(choice, report, tuple(shown(row) for row in preview(by_bytes, LOOKED_AT, tools))))
    return found


def shown(row: Row) -> ShownRow:
    """A row for a page, whatever its format."""
    talk = {name: turns for name, value in row.items() if (turns := tuple(_turns(name, value)))}
    facts = [fact for name, value in row.items() if name not in talk for fact in _facts(name, value)]
    parts = tuple(Part(name, turns) for name, turns in talk.items())
    return ShownRow(parts, _source(dict(facts)), tuple(facts), _cut("", encode(row).decode().rstrip("\n")))


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


def _turns(name: str, value: Any) -> Iterator[Turn]:
    """What is to be read of a column; nothing of one that holds facts."""
    match value:
        case str() if value and (name in _TEXTS or name in _SIDES):
            yield _cut("", value)
        case [str(), *_]:
            for number, step in enumerate(value, start=1):
                yield _cut(str(number), step)
        case [dict(), *_]:
            for item in value:
                yield _turn(item)
        case {"messages": [dict(), *_] as messages}:
            yield from _turns(name, messages)
        case {"role": _}:
            yield from _thread(value)


def _thread(message: dict[str, Any]) -> Iterator[Turn]:
    """A message with the replies that hang on it, where it is one of a tree."""
    yield _turn(message)
    for reply in message.get("replies", ()):
        yield from _thread(reply)


def _turn(item: dict[str, Any]) -> Turn:
    if "completion" in item:
        return _cut(f"rank {item['rank']}", "\n".join(message["content"] for message in item["completion"]))
    if isinstance(item.get("function"), dict):
        return _cut(str(item["function"]["name"]), encode(item["function"]).decode().rstrip("\n"))
    who = " · ".join(str(item[name]) for name in _NAMES if item.get(name))
    if "rank" in item:
        who += f" · rank {item['rank']}"
    words = [str(item[name]) for name in _WORDS if name in item]
    words += [str(item[name]) for name in ("tool_calls", "comment") if item.get(name)]
    return _cut(who, "\n".join(filter(None, words)))


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
