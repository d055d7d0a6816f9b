"""What an export is made of: plain frozen values, read by `examples` and turned into rows by formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

from labeling.questions import Config

_T = TypeVar("_T")
Message = dict[str, Any]
Row = dict[str, Any]
# What every message has, and most have nothing else.
PLAIN = frozenset({"role", "content"})


@dataclass_transform(frozen_default=True)
def value(cls: type[_T]) -> type[_T]:
    """A frozen dataclass with slots, as far as the type checker goes. At run time nothing guards its fields: an export
    makes a dozen such values for each row, and a guarded one of ten fields takes five times as long to make.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


class Told(dict[str, Any]):
    """A row whose columns do not say what it is made of: `known` does, in the words of other formats' `metadata`."""

    __slots__ = ("known",)

    def __init__(self, columns: Row, known: Mapping[str, Any]) -> None:
        super().__init__(columns)
        self.known = known


def known_of(row: Row) -> Mapping[str, Any] | None:
    """What a row is made of: ids, queue, question, raters. None where nothing tells."""
    return row.known if isinstance(row, Told) else row.get("metadata")


def alike(row: Row, columns: Row) -> Row:
    """A row of these columns that is made of the same."""
    return Told(columns, row.known) if isinstance(row, Told) else columns


@value
class Candidate:
    """One response to a prompt. `provenance` is JSON text: sampling, seed, token counts, versions and the like."""

    id: int
    text: str
    origin: str = ""
    model: str = ""
    revision: str = ""
    backend: str = ""
    generator: str = ""
    provenance: str = "{}"


@value
class Form:
    """One version of the questions that a queue asks. `as_json` is the same as text."""

    number: int
    questions: tuple[Config, ...]
    as_json: str = "[]"
    _asking: dict[tuple[str, ...], tuple[Config, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def asking(self, *kinds: str) -> tuple[Config, ...]:
        """Its questions of some types, in their order."""
        found = self._asking.get(kinds)
        if found is None:
            found = self._asking[kinds] = tuple(asked for asked in self.questions if asked["type"] in kinds)
        return found


@value
class Annotation:
    """Submitted answers. `annotator` is a pseudonym; times are ISO 8601 in UTC with microseconds, or empty.

    `shown` says which candidate each key of the answers means, in the order in which they stood on the screen.
    `latest` is false for a version that a later one corrects. One that was taken back is in no export. `verdict` is
    what the newest review of it says: `accepted`, `rejected`, or nothing.
    """

    id: int
    slot_id: int
    task_id: int
    queue: str
    annotator: str
    version: int
    latest: bool
    answers: Mapping[str, Any]
    form: Form
    guidelines: int
    shown: Mapping[str, int] = field(default_factory=dict)
    leased_at: str = ""
    submitted_at: str = ""
    active_seconds: float | None = None
    verdict: str = ""

    def as_latest(self) -> Annotation:
        """The same, as the version that stands."""
        known = {of.name: getattr(self, of.name) for of in fields(Annotation)}
        return Annotation(**known | {"latest": True})


@value
class Prompt:
    """What responses answer. `tags` and `metadata` are JSON text: their shape is the project's own. `tools` is too, a
    list of what a model may call; it is empty where there is none.

    `group` is whose part of a dataset it shares, empty for its own opening's. `near` is a group that it is nearly the
    same as and could not join any more, empty for none (`labeling.services.groups`).
    """

    id: int
    messages: tuple[Message, ...]
    external_id: str = ""
    context: tuple[Mapping[str, str], ...] = ()
    batch: str = ""
    language: str = ""
    tags: str = "[]"
    metadata: str = "{}"
    tools: str = ""
    group: bytes = b""
    near: bytes = b""

    @property
    def opening(self) -> str:
        """The text of the first user message: what splits go by."""
        return next((m["content"] for m in self.messages if m["role"] == "user"), "")


@value
class Example:
    """A prompt with everything that people said about it: the unit that a format turns into rows.

    `forms` is the same for every prompt of an export: the newest form of each of its queues, by the queue's slug, among
    those that were asked for. `withdrawn` is how many annotations are left out because whoever made them has withdrawn
    from the project. `with_tools` is whether prompts of the project have tools, if not this one. `current` has the
    newest version of each annotation: what training data is made of.
    """

    project: str
    prompt: Prompt
    annotations: tuple[Annotation, ...] = ()
    candidates: Mapping[int, Candidate] = field(default_factory=dict)
    forms: Mapping[str, Form] = field(default_factory=dict)
    withdrawn: int = 0
    with_tools: bool = False
    current: Sequence[Annotation] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        annotations = self.annotations
        latest = annotations
        for one in annotations:
            if not one.latest:
                latest = tuple(one for one in annotations if one.latest)
                break
        object.__setattr__(self, "current", latest)
