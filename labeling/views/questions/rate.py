"""`rate`: a row of numbers at the foot of every card, or in the question's panel where it is about the whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from labeling.questions import Config
from labeling.views.questions.base import FOLDER, SCRIPTS, Keys, Part, asked_about, field_name

_NUMBER = re.compile(r"-?[0-9]{1,3}")


@dataclass(frozen=True)
class Step:
    """One number of the scale with its name, if it has one."""

    number: int
    label: str = ""

    @property
    def shown(self) -> str:
        """The number as people write it, with a minus that is as wide as a digit."""
        return str(self.number).replace("-", "−")


def _scale(question: Config) -> list[Step]:
    """The scale, lowest first. Two labels for a longer scale name its ends."""
    numbers = range(question["min"], question["max"] + 1)
    labels = question["labels"]
    if len(labels) == len(numbers):
        return [Step(number, label) for number, label in zip(numbers, labels, strict=True)]
    ends = {numbers[0]: labels[0], numbers[-1]: labels[-1]} if labels else {}
    return [Step(number, ends.get(number, "")) for number in numbers]


def _read(question: Config, posted: QueryDict, keys: Keys) -> dict[str, int] | None:
    given: dict[str, int] = {}
    for key in asked_about(question, keys):
        number = posted.get(field_name(question, key), "")
        if _NUMBER.fullmatch(number) and question["min"] <= int(number) <= question["max"]:
            given[key] = int(number)
    return given or None


def _prepare(question: Config, answer: Any, keys: Keys) -> dict[str, Any]:
    """`given`: the rating of each key. `words`: the steps are shown by their names alone, such as thumbs up and down.
    `ends`: the names of the lowest and the highest step stand beside the scale. `every`: all steps have names."""
    said = answer if isinstance(answer, Mapping) else {}
    scale = _scale(question)
    numbers = {key: said.get(key) for key in asked_about(question, keys)}
    words = len(scale) == 2 and bool(scale[0].label)
    return {
        "scale": scale,
        "given": {key: number for key, number in numbers.items() if number in [step.number for step in scale]},
        "words": words,
        "ends": bool(scale[0].label) and not words,
        "every": len(scale) > 2 and all(step.label for step in scale),
    }


RATE = Part(
    _read,
    _prepare,
    f"{FOLDER}/rate.html",
    f"{SCRIPTS}/rate.js",
    place="above",
    foot=f"{FOLDER}/rate_foot.html",
)
RATE_TASK = Part(_read, _prepare, f"{FOLDER}/rate.html", f"{SCRIPTS}/rate.js")
