"""What every question type brings: how it is configured, what an answer may be, and how far two answers differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from labeling.text import unfit_text

Config = dict[str, Any]

MAX_TEXT = 200_000  # characters: far above any written response, far below what would choke a page
MOST_CANDIDATES = 9  # one digit key for each
MAX_LABEL = 200  # characters


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


@dataclass(frozen=True)
class Setting:
    """One setting of a question type: what a form may say of it, what the form builder offers, and how it is checked.

    `kind`: `yes_no`; `number` (whole, from `low` to `high`, or nothing where the default is None); `texts` (a list of
    `low` to `high` different labels); `choice` (one of `choices`, each a value with its words). `titles`: the
    question's title for some choices, where a form gives none and the type's own would mislead.
    """

    name: str
    kind: Literal["yes_no", "number", "texts", "choice"]
    title: str
    default: Any = None
    help: str = ""
    low: int = 0
    high: int = 0
    choices: tuple[tuple[str, str], ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)

    def clean(self, raw: Mapping[str, Any]) -> Any:
        """The setting's value in a question as it was sent. Raises QuestionError with its path."""
        value = raw.get(self.name)
        value = self.default if value is None else value
        if self.kind == "yes_no":
            return yes_or_no(raw, self.name, default=self.default)
        if self.kind == "number":
            return whole_number(raw, self.name, low=self.low, high=self.high, default=self.default)
        if self.kind == "texts":
            return [] if value == [] == self.default else self._clean_texts(value)
        if value not in [choice for choice, _ in self.choices]:
            known = ", ".join(choice for choice, _ in self.choices)
            raise QuestionError(f"“{self.name}” must be one of: {known}.", self.name)
        return value

    def _clean_texts(self, value: Any) -> list[str]:
        if not isinstance(value, list | tuple) or not self.low <= len(value) <= self.high:
            raise QuestionError(f"“{self.name}” must be a list of {self.low} to {self.high} labels.", self.name)
        labels: list[str] = []
        for place, label in enumerate(value):
            path = f"{self.name}[{place}]"
            if not isinstance(label, str) or not label.strip() or len(label.strip()) > MAX_LABEL:
                raise QuestionError(f"A label must be text of 1 to {MAX_LABEL} characters.", path)
            problem = unfit_text(label)
            if problem:
                raise QuestionError(f"The label {problem}", path)
            label = " ".join(label.split())
            if label.casefold() in [one.casefold() for one in labels]:
                raise QuestionError(f"“{label}” stands there twice.", path)
            labels.append(label)
        return labels


PER = Setting(
    "per",
    "choice",
    "Asked about",
    default="candidate",
    choices=(("candidate", "each response"), ("task", "the task as a whole")),
)


class QuestionType(Protocol):
    """One kind of question. Stateless: configuration goes in with every call."""

    name: str
    title: str
    description: str  # what it is for, for whoever builds a form
    settings: tuple[Setting, ...]

    def clean_config(self, raw: Mapping[str, Any]) -> Config:
        """The type's own settings with defaults filled in. Raises QuestionError with the path of the mistake."""
        ...

    def candidates(self, config: Config) -> tuple[int, int]:
        """The fewest and the most candidates that the question can be asked about."""
        ...

    def clean_answer(self, config: Config, value: Any, shown: Shown) -> Any:
        """The answer in its stored form. Raises QuestionError in words for the annotator."""
        ...

    def outcomes(self, config: Config) -> dict[str, str]:
        """What an answer can come to, each with its words: what `show_if` of a later question can ask for."""
        ...

    def outcome(self, config: Config, answer: Any) -> set[str]:
        """What a cleaned answer comes to: those of `outcomes` that hold."""
        ...

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """How far two cleaned answers differ: 0 for the same, 1 for as far as can be.

        Both must name candidates alike: the keys of answers are places on one slot's screen.
        """
        ...


ANSWERED = {"answered": "was answered"}


def clean_settings(settings: Iterable[Setting], raw: Mapping[str, Any]) -> Config:
    """Every setting of a type with its default filled in. Raises QuestionError for the first mistake."""
    settings = tuple(settings)
    only_known(raw, [setting.name for setting in settings])
    return {setting.name: setting.clean(raw) for setting in settings}


def candidates_asked(config: Config) -> tuple[int, int]:
    """The range of candidates of a question that is asked per candidate or about the task as a whole."""
    return (1, MOST_CANDIDATES) if config["per"] == "candidate" else (0, 0)


def keyed(config: Config, value: Any, shown: Shown, *, example: str) -> Mapping[str, Any]:
    """An answer that is keyed by response, or by "" where the question is about the whole. Raises QuestionError."""
    if not isinstance(value, Mapping):
        raise QuestionError(f"The answer must be an object such as {example}.")
    known = shown.keys if config["per"] == "candidate" else ("",)
    for key in value:
        if key not in known:
            what = "is not a response of this task" if config["per"] == "candidate" else "must be “” here"
            raise QuestionError(f"“{key}” {what}.", str(key))
    return value


def complain_of_missing(config: Config, given: Iterable[str], shown: Shown, *, what: str) -> None:
    """Raises QuestionError when a response that a required question asks about has no answer."""
    if not config.get("required", True):
        return
    if config["per"] == "task":
        if not list(given):
            raise QuestionError(f"Give {what}.")
        return
    missing = [key.upper() for key in shown.keys if key not in set(given)]
    if missing:
        which = f"Response {missing[0]}" if len(missing) == 1 else f"Responses {', '.join(missing)}"
        raise QuestionError(f"{which}: give {what}.")


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
    value = raw.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise QuestionError(f"“{name}” must be a whole number from {low} to {high}.", name)
    return value


def yes_or_no(raw: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """`raw[name]` as true or false, or `default` where it is not given."""
    value = raw.get(name)
    value = default if value is None else value
    if not isinstance(value, bool):
        raise QuestionError(f"“{name}” must be true or false.", name)
    return value
