"""What people marked in responses, and which steps of a response that leaves without fault."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from labeling.exports.records import Annotation, Candidate, Example, value

# Labels that praise, whatever their case. Every other label names a fault.
PRAISE = frozenset({"good", "correct", "supported"})

_LINE = re.compile(r"[^\n]+")


@value
class Marked:
    """A response with the marks of one person under one `spans` question, none where nothing was marked.

    Each mark has `start`, `end` and `label`, perhaps a `comment`; offsets count code points of the candidate's text.
    """

    annotation: Annotation
    question: str
    candidate: Candidate
    marks: Sequence[dict[str, Any]]


def marked(example: Example, without: Collection[int] = ()) -> Iterator[Marked]:
    """Every response that somebody looked through for parts to mark, but for the candidates `without`.

    An optional question that was left out says nothing. One that was answered has a list for every response.
    """
    for annotation in example.current:
        for question in annotation.form.questions:
            if question["type"] == "spans":
                for key, marks in annotation.answers.get(question["name"], {}).items():
                    if annotation.shown[key] not in without:
                        yield Marked(annotation, question["name"], example.candidates[annotation.shown[key]], marks)


@value
class Step:
    """A line of a response that is not blank: its text without white space at its end, and where it stands."""

    text: str
    start: int
    end: int


def steps(text: str) -> list[Step]:
    """The steps of a response: its lines but for the blank ones. The first is trimmed on both sides."""
    found: list[Step] = []
    for line in _LINE.finditer(text):
        kept = line.group().rstrip() if found else line.group().strip()
        if kept:
            start = line.start() + line.group().index(kept)
            found.append(Step(kept, start, start + len(kept)))
    return found


def is_good(step: Step, marks: Sequence[dict[str, Any]]) -> bool:
    """Whether no mark that names a fault touches a step."""
    return not any(
        mark["start"] < step.end and step.start < mark["end"] and mark["label"].strip().casefold() not in PRAISE
        for mark in marks
    )
