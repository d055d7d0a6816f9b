"""`rate`: a number for each response, or for the task as a whole, on a scale with named anchors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labeling.questions.base import (
    PER,
    Config,
    QuestionError,
    Setting,
    Shown,
    candidates_asked,
    clean_settings,
    complain_of_missing,
    keyed,
)

WIDEST = 20  # steps: more than a row of buttons can show is no scale that people use alike


class Rate:
    name = "rate"
    title = "Rate the responses"
    description = "A number on a scale with named steps, for each response or for the whole."
    settings: tuple[Setting, ...] = (
        PER,
        Setting("min", "number", "Lowest", default=1, low=-100, high=100),
        Setting("max", "number", "Highest", default=5, low=-100, high=100),
        Setting(
            "labels",
            "texts",
            "Names of the steps, lowest first",
            default=[],
            help="One a line: one for each step, or two for the lowest and the highest. None: numbers alone.",
            low=2,
            high=WIDEST + 1,
        ),
    )

    def clean_config(self, raw: Mapping[str, Any]) -> Config:
        config = clean_settings(self.settings, raw)
        steps = config["max"] - config["min"]
        if not 1 <= steps <= WIDEST:
            raise QuestionError(f"“max” must be 1 to {WIDEST} above “min”.", "max")
        if config["labels"] and len(config["labels"]) not in (2, steps + 1):
            raise QuestionError(
                f"“labels” must name the {steps + 1} steps, or the lowest and the highest: 2 or {steps + 1}.", "labels"
            )
        return config

    def candidates(self, config: Config) -> tuple[int, int]:
        return candidates_asked(config)

    def clean_answer(self, config: Config, value: Any, shown: Shown) -> dict[str, int]:
        example = '{"a": 3, "b": 5}' if config["per"] == "candidate" else '{"": 3}'
        value = keyed(config, value, shown, example=example)
        low, high = config["min"], config["max"]
        for key, number in value.items():
            if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
                where = f"Response {key.upper()}: give" if key else "Give"
                raise QuestionError(f"{where} a whole number from {low} to {high}.", key)
        complain_of_missing(config, value, shown, what="a rating")
        return {key: value[key] for key in (*shown.keys, "") if key in value}

    def outcomes(self, config: Config) -> dict[str, str]:
        labels = config["labels"]
        numbers = range(config["min"], config["max"] + 1)
        named = dict(zip(map(str, numbers), labels, strict=True)) if len(labels) == len(numbers) else {}
        return {"answered": "was answered", **{str(n): f"{n} {named.get(str(n), '')}".strip() for n in numbers}}

    def outcome(self, config: Config, answer: Any) -> set[str]:
        """Every number that was given, to whichever response."""
        return {"answered", *map(str, answer.values())}

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """The mean share of the scale that lies between the two, over what both rated."""
        both = one.keys() & other.keys()
        if not both:
            return 0.0
        steps: int = config["max"] - config["min"]
        return float(sum(abs(one[key] - other[key]) for key in both) / len(both) / steps)
