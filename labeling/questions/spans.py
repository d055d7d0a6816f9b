"""`spans`: labels on parts of responses. Offsets count code points of the plain text; the end is exclusive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from labeling.questions.base import (
    MOST_CANDIDATES,
    Config,
    QuestionError,
    Setting,
    Shown,
    clean_settings,
    clean_text,
)

MOST = 1000  # marks on one response
MAX_COMMENT = 5000  # characters
Mark = dict[str, Any]


def _merged(marks: Sequence[Mark], label: str) -> list[tuple[int, int]]:
    """The stretches that a label covers, in order, without overlap."""
    stretches: list[tuple[int, int]] = []
    for start, end in sorted((mark["start"], mark["end"]) for mark in marks if mark["label"] == label):
        if stretches and start <= stretches[-1][1]:
            stretches[-1] = stretches[-1][0], max(end, stretches[-1][1])
        else:
            stretches.append((start, end))
    return stretches


def _shared(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> int:
    """How many characters lie in both lists of stretches."""
    total = here = there = 0
    while here < len(one) and there < len(other):
        total += max(0, min(one[here][1], other[there][1]) - max(one[here][0], other[there][0]))
        if one[here][1] < other[there][1]:
            here += 1
        else:
            there += 1
    return total


class Spans:
    name = "spans"
    title = "Mark what is wrong"
    description = "Labels on parts of the responses: errors with a severity, claims without a source."
    settings: tuple[Setting, ...] = (
        Setting(
            "labels",
            "texts",
            "Labels",
            default=("Error", "Unsupported", "Contradiction", "Good"),
            help="One a line; the first nine have digit keys.",
            low=1,
            high=30,
        ),
    )

    def clean_config(self, raw: Mapping[str, Any]) -> Config:
        return clean_settings(self.settings, raw)

    def candidates(self, config: Config) -> tuple[int, int]:
        return 1, MOST_CANDIDATES

    def clean_answer(self, config: Config, value: Any, shown: Shown) -> dict[str, list[Mark]]:
        if not isinstance(value, Mapping):
            raise QuestionError('The answer must be {key: [{"start", "end", "label"}, …]}.')
        unknown = [key for key in value if key not in shown.keys]
        if unknown:
            raise QuestionError(f"“{unknown[0]}” is not a response of this task.", str(unknown[0]))
        answer = {key: self._clean_marks(config, key, value.get(key, []), shown.candidates[key]) for key in shown.keys}
        if config.get("required", True) and not any(answer.values()):
            raise QuestionError("Mark at least one part.")
        return answer

    def _clean_marks(self, config: Config, key: str, marks: Any, text: str) -> list[Mark]:
        where = f"Response {key.upper()}"
        if not isinstance(marks, list) or len(marks) > MOST:
            raise QuestionError(f"{where}: give a list of at most {MOST} marks.", key)
        cleaned = [self._clean_mark(config, f"{where}, mark {n}", mark, text) for n, mark in enumerate(marks, start=1)]
        cleaned.sort(key=lambda mark: (mark["start"], mark["end"], config["labels"].index(mark["label"])))
        for one, other in pairwise(cleaned):
            if all(one[part] == other[part] for part in ("start", "end", "label")):
                raise QuestionError(f"{where}: the same part is marked “{one['label']}” twice.", key)
        return cleaned

    def _clean_mark(self, config: Config, where: str, mark: Any, text: str) -> Mark:
        parts = {"start", "end", "label"}
        if not isinstance(mark, Mapping) or not parts <= set(mark) <= parts | {"comment"}:
            raise QuestionError(f'{where}: it must be {{"start", "end", "label"}}, perhaps with a “comment”.')
        start, end = mark["start"], mark["end"]
        if any(isinstance(at, bool) or not isinstance(at, int) for at in (start, end)):
            raise QuestionError(f"{where}: “start” and “end” must be whole numbers.")
        if not 0 <= start < end <= len(text):
            raise QuestionError(
                f"{where}: {start} to {end} is not a part of the text, which has {len(text)} characters."
            )
        if mark["label"] not in config["labels"]:
            known = ", ".join(f"“{label}”" for label in config["labels"])
            raise QuestionError(f"{where}: the label must be one of {known}.")
        cleaned: Mark = {"start": start, "end": end, "label": mark["label"]}
        if mark.get("comment") is not None:
            comment = clean_text(mark["comment"], what=f"{where}: the comment", limit=MAX_COMMENT).strip()
            if comment:
                cleaned["comment"] = comment
        return cleaned

    def outcomes(self, config: Config) -> dict[str, str]:
        return {"none": "nothing is marked", **{f"label:{label}": f"“{label}” is marked" for label in config["labels"]}}

    def outcome(self, config: Config, answer: Any) -> set[str]:
        return {f"label:{mark['label']}" for marks in answer.values() for mark in marks} or {"none"}

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """1 minus the F1 score over marked characters, each counted once for each label that is on it."""
        both = total = 0
        for key in one.keys() | other.keys():
            for label in config["labels"]:
                first, second = _merged(one.get(key, ()), label), _merged(other.get(key, ()), label)
                both += _shared(first, second)
                total += sum(end - start for start, end in (*first, *second))
        return 1 - 2 * both / total if total else 0.0
