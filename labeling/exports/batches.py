"""What is read for many prompts at a time, and taken apart no sooner than somebody asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.scanner import make_scanner
from typing import Any

from labeling.exports.groups import Answer
from labeling.exports.records import Annotation, Candidate, Form, Prompt
from labeling.selectors.slots import KEYS

_SCAN = make_scanner(json.JSONDecoder())  # type: ignore[arg-type]  # a decoder is what it is for


class Shown:
    """The candidates that people were shown with some prompts, read when the first of them is asked for."""

    def __init__(self, ids: Sequence[int], ask: Callable[[Sequence[int]], Answer]) -> None:
        self._ids = ids
        self._ask = ask
        self._answer: Answer | None = None
        self._rows: dict[int, tuple[Any, ...]] | None = None
        self._made: dict[int, Candidate] = {}

    def begin(self) -> None:
        """Has them sent, for whoever will ask."""
        if self._ids:
            self._answer = self._ask(self._ids)

    def get(self, pk: int) -> Candidate:
        """One of them."""
        found = self._made.get(pk)
        if found is None:
            if self._rows is None:
                answer = self._answer or self._ask(self._ids)
                self._rows = {row[0]: row for row in answer.fetchall()}
                self._answer = None
            found = self._made[pk] = Candidate(*self._rows[pk])
        return found

    @property
    def has_some(self) -> bool:
        """Whether there are some."""
        return bool(self._ids)

    @property
    def used(self) -> bool:
        """Whether anybody has asked."""
        return self._rows is not None

    @property
    def text(self) -> int:
        """How many characters have been read."""
        return sum([len(row[1]) for row in self._rows.values()]) if self._rows else 0


class Candidates(Mapping[int, Candidate]):
    """Those of one prompt, for whoever goes through them. Asked for by its id, any of the batch is given."""

    __slots__ = ("_annotations", "_shown")

    def __init__(self, shown: Shown, annotations: Sequence[Annotation]) -> None:
        self._shown = shown
        self._annotations = annotations

    def __getitem__(self, pk: int) -> Candidate:
        return self._shown.get(pk)

    def __iter__(self) -> Iterator[int]:
        return iter(dict.fromkeys(pk for annotation in self._annotations for pk in annotation.shown.values()))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True)
class Asked:
    """Prompts that something was asked about, and the answer: None where there was nothing to ask.

    `read` is how many prompts were looked at for them, `text` how many characters that took.
    """

    prompts: Sequence[Prompt]
    read: int
    text: int
    answer: Answer | None


@dataclass(frozen=True)
class Batch:
    """Prompts with what belongs to them. `read` is how many were looked at, `text` how many characters that took."""

    prompts: Sequence[Prompt]
    annotations: Mapping[int, list[Annotation]]
    withdrawn: Mapping[int, int]
    shown: Shown
    read: int
    text: int

    @property
    def characters(self) -> int:
        """How many characters have been read so far, near enough."""
        return self.text + self.shown.text


# What an annotation has where its times are not read.
_NO_TIMES = ("", "", None)


class Stored(Annotation):
    """An annotation whose answers, and what was shown, are read from their text when they are first asked for: most
    formats need those of some forms alone. `order` has the ids of what was shown. `row` is as examples selects it.
    Not for `dataclasses.replace`, which makes it anew of its fields: `as_latest` makes a plain one.
    """

    __slots__ = ("_answers", "order")

    def __init__(self, row: tuple[Any, ...], queue: str, annotator: str, form: Form, guidelines: int) -> None:
        own: Any = self  # whose fields are there to be set
        own.queue, own.annotator, own.form, own.guidelines = queue, annotator, form, guidelines
        own.id, own.slot_id, own.task_id, own.version, own.latest, own._answers, own.order, own.verdict = row[5:13]
        own.leased_at, own.submitted_at, own.active_seconds = row[13:] or _NO_TIMES

    def __getattr__(self, name: str) -> Any:
        # Only a field that has not been set comes here.
        own: Any = self
        if name == "answers":
            own.answers = _read(own._answers)
            return own.answers
        if name == "shown":
            own.shown = dict(zip(KEYS[: len(own.order)], own.order, strict=True))
            return own.shown
        raise AttributeError(name)


def prompt_of(row: tuple[Any, ...]) -> Prompt:
    """A prompt from its columns, as examples selects them."""
    pk, external_id, messages, context, batch, language, tags, metadata, tools = row
    return Prompt(
        id=pk,
        messages=tuple(_read(messages)),
        external_id=external_id,
        context=tuple(_read(context)) if context != "[]" else (),
        batch=batch,
        language=language,
        tags=tags,
        metadata=metadata,
        tools=tools,
    )


def _read(text: str) -> Any:
    """JSON as PostgreSQL writes it, with nothing around it: `json.loads` takes twice as long to look for that."""
    return _SCAN(text, 0)[0]
