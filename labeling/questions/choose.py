"""`choose`: one or several labels for each response, or for the task as a whole."""

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


class Choose:
    name = "choose"
    title = "Choose what fits"
    description = "One or several labels: safety flags, refusal, language, topic."
    settings: tuple[Setting, ...] = (
        PER,
        Setting("options", "texts", "Options", default=("Yes", "No"), help="One a line.", low=2, high=50),
        Setting("multiple", "yes_no", "Several may be chosen", default=False),
    )

    def clean_config(self, raw: Mapping[str, Any]) -> Config:
        return clean_settings(self.settings, raw)

    def candidates(self, config: Config) -> tuple[int, int]:
        return candidates_asked(config)

    def clean_answer(self, config: Config, value: Any, shown: Shown) -> dict[str, list[str]]:
        example = '{"a": ["option"], "b": []}' if config["per"] == "candidate" else '{"": ["option"]}'
        value = keyed(config, value, shown, example=example)
        answer: dict[str, list[str]] = {}
        for key, chosen in value.items():
            where = f"Response {key.upper()}: " if key else ""
            if not isinstance(chosen, list) or not all(isinstance(option, str) for option in chosen):
                raise QuestionError(f"{where}“{key}” must be a list of options.", key)
            unknown = [option for option in chosen if option not in config["options"]]
            if unknown:
                raise QuestionError(f"{where}There is no option “{unknown[0]}”.", key)
            if len(set(chosen)) > 1 and not config["multiple"]:
                raise QuestionError(f"{where}Only one option can be chosen.", key)
            # In the form's order, so that equal answers are equal.
            answer[key] = [option for option in config["options"] if option in chosen]
        complain_of_missing(config, [key for key in answer if answer[key]], shown, what="an option")
        return {key: answer[key] for key in (*shown.keys, "") if key in answer}

    def outcomes(self, config: Config) -> dict[str, str]:
        return {option: option for option in config["options"]}

    def outcome(self, config: Config, answer: Any) -> set[str]:
        """Every option that was chosen, for whichever response."""
        return {option for chosen in answer.values() for option in chosen}

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """The mean Jaccard distance of the chosen sets, over what either person was asked about."""
        asked = one.keys() | other.keys()
        total = 0.0
        for key in asked:
            first, second = set(one.get(key, ())), set(other.get(key, ()))
            if first | second:
                total += 1 - len(first & second) / len(first | second)
        return total / len(asked) if asked else 0.0
