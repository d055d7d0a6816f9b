"""`compare`: which of two responses is better, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labeling.questions.base import Config, QuestionError, Setting, Shown, clean_settings


class Compare:
    name = "compare"
    title = "Which response is better?"
    description = "Two responses: the better one, and how much better it is."
    settings: tuple[Setting, ...] = (
        Setting(
            "strengths",
            "texts",
            "How much better, weakest first",
            default=("Better",),
            help="One label a line. One alone asks for no degree.",
            low=1,
            high=4,
        ),
        Setting("ties", "yes_no", "They may be equally good", default=True),
        Setting("both_bad", "yes_no", "Both may be bad", default=False),
    )

    def clean_config(self, raw: Mapping[str, Any]) -> Config:
        return clean_settings(self.settings, raw)

    def candidates(self, config: Config) -> tuple[int, int]:
        return 2, 2

    def clean_answer(self, config: Config, value: Any, shown: Shown) -> dict[str, Any]:
        if (
            not isinstance(value, Mapping)
            or "preferred" not in value
            or not set(value) <= {"preferred", "strength", "both_bad"}
        ):
            raise QuestionError('The answer must be {"preferred": key, "strength": 1} or {"preferred": null}.')
        preferred, strength, both_bad = value["preferred"], value.get("strength"), value.get("both_bad", False)
        if not isinstance(both_bad, bool):
            raise QuestionError("“both_bad” must be true or false.", "both_bad")
        if both_bad and not config["both_bad"]:
            raise QuestionError("This question does not ask whether both are bad.", "both_bad")
        answer: dict[str, Any] = {"preferred": preferred}
        if preferred is None:
            if not config["ties"] and not both_bad:
                raise QuestionError("Choose the better one: ties are not allowed here.", "preferred")
            if strength is not None:
                raise QuestionError("Where neither is better there is no strength.", "strength")
        elif preferred not in shown.keys:
            raise QuestionError(f"“{preferred}” is not a response of this task.", "preferred")
        else:
            most = len(config["strengths"])
            if isinstance(strength, bool) or not isinstance(strength, int) or not 1 <= strength <= most:
                raise QuestionError(f"Say how much better it is: 1 to {most}.", "strength")
            answer["strength"] = strength
        if both_bad:
            answer["both_bad"] = True
        return answer

    def outcomes(self, config: Config) -> dict[str, str]:
        found = {"answered": "was answered", "preferred": "one is better"}
        found |= {str(place): label for place, label in enumerate(config["strengths"], start=1)}
        if config["ties"]:
            found["tie"] = "neither is better"
        if config["both_bad"]:
            found["both_bad"] = "both are bad"
        return found

    def outcome(self, config: Config, answer: Any) -> set[str]:
        found = {"answered", "preferred", str(answer["strength"])} if answer["preferred"] else {"answered"}
        if answer["preferred"] is None and config["ties"]:
            found.add("tie")
        if answer.get("both_bad"):
            found.add("both_bad")
        return found

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """The steps between the two on the scale from “one much better” over a tie to “the other much better”.

        Half the scale at least where only one of the two calls both bad.
        """
        first, second = one.get("strength", 0), other.get("strength", 0)
        same_side = one["preferred"] == other["preferred"] or not first or not second
        apart = (abs(first - second) if same_side else first + second) / (2 * len(config["strengths"]))
        differ = bool(one.get("both_bad")) != bool(other.get("both_bad"))
        return max(apart, 0.5) if differ else float(apart)
