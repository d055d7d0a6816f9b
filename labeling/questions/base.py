"""What every question type brings: how it is configured, what an answer may be, and how far two answers differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from labeling.text import unfit_text

Config = dict[str, Any]

MAX_TEXT = 200_000  # characters: far above any written response, far below what would choke a page


class QuestionError(ValueError):
    """A mistake in a question's configuration or in an answer. `path` is relative to the question or answer."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path


@dataclass(frozen=True)
class Shown:
    """What the annotator had on the screen: the candidates' texts by key, in the order they stood."""

    candidates: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.candidates)


class QuestionType(Protocol):
    """One kind of question. Stateless: configuration goes in with every call."""

    name: str
    title: str

    def clean_config(self, raw: Mapping[str, Any]) -> Config:
        """The type's own settings with defaults filled in. Raises QuestionError with the path of the mistake."""
        ...

    def candidates(self, config: Config) -> tuple[int, int]:
        """The fewest and the most candidates that the question can be asked about."""
        ...

    def clean_answer(self, config: Config, value: Any, shown: Shown) -> Any:
        """The answer in its stored form. Raises QuestionError in words for the annotator."""
        ...

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """How far two cleaned answers differ: 0 for the same, 1 for as far as can be."""
        ...


def clean_text(value: Any, *, what: str, limit: int = MAX_TEXT) -> str:
    """A text that can be stored and exported: a string without NUL or lone surrogates, within `limit` characters."""
    if not isinstance(value, str):
        raise QuestionError(f"{what} must be text.")
    problem = unfit_text(value)
    if problem:
        raise QuestionError(f"{what} {problem}")
    if len(value) > limit:
        raise QuestionError(f"{what} has {len(value):,} characters; at most {limit:,} fit here.")
    return value


def only_known(raw: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raises QuestionError for the first setting that the type does not have (a typo would be lost otherwise)."""
    names = sorted(known)
    for name in raw:
        if name not in names:
            raise QuestionError(f"There is no setting “{name}” here. Known: {', '.join(names) or 'none'}.", name)


def whole_number(raw: Mapping[str, Any], name: str, *, low: int, high: int, default: int | None) -> int | None:
    """`raw[name]` as a whole number from `low` to `high`, or `default` where it is not given."""
    value = raw.get(name, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise QuestionError(f"“{name}” must be a whole number from {low} to {high}.", name)
    return value


def yes_or_no(raw: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """`raw[name]` as true or false, or `default` where it is not given."""
    value = raw.get(name, default)
    if not isinstance(value, bool):
        raise QuestionError(f"“{name}” must be true or false.", name)
    return value
