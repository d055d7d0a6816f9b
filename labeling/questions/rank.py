"""`rank`: all candidates in order, best first, with ties and a line of acceptability where the form allows them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from labeling.questions.base import MOST_CANDIDATES, Config, QuestionError, Setting, Shown, clean_settings


def places(answer: Mapping[str, Any]) -> dict[str, int]:
    """Each candidate's place, 0 for the best; candidates in one group share it."""
    return {key: place for place, group in enumerate(answer["groups"]) for key in group}


class Rank:
    name = "rank"
    title = "Rank the responses"
    description = "All responses in order, best first, with ties and a line of acceptability if you like."
    settings: tuple[Setting, ...] = (
        Setting("ties", "yes_no", "Responses may share a place", default=True),
        Setting(
            "acceptable",
            "yes_no",
            "Ask how many are good enough",
            default=False,
            help="A line below which no response is good enough to learn from.",
        ),
    )

    def clean_config(self, raw: Mapping[str, Any]) -> Config:
        return clean_settings(self.settings, raw)

    def candidates(self, config: Config) -> tuple[int, int]:
        return 2, MOST_CANDIDATES

    def clean_answer(self, config: Config, value: Any, shown: Shown) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not set(value) <= {"groups", "acceptable"} or "groups" not in value:
            raise QuestionError('The answer must be {"groups": [[key, …], …]}, best first.')
        groups = value["groups"]
        if not isinstance(groups, list) or not all(isinstance(g, list) and g for g in groups):
            raise QuestionError("“groups” must be a list of lists of keys, none of them empty.", "groups")
        placed = [key for group in groups for key in group]
        if not all(isinstance(key, str) for key in placed):
            raise QuestionError("Every key must be text.", "groups")
        unknown = sorted(set(placed) - set(shown.keys))
        if unknown:
            raise QuestionError(f"“{unknown[0]}” is not a response of this task.", "groups")
        if len(placed) != len(set(placed)):
            raise QuestionError("A response stands in the ranking twice.", "groups")
        missing = len(shown.keys) - len(placed)
        if missing:
            left = "1 response has" if missing == 1 else f"{missing} responses have"
            raise QuestionError(f"{left} no place yet. Give every response a place.", "groups")
        if not config["ties"] and any(len(group) > 1 for group in groups):
            raise QuestionError("Two responses share a place, and ties are not allowed here.", "groups")
        # Within a group there is no order: store it in one, so that equal answers are equal.
        answer: dict[str, Any] = {"groups": [sorted(group) for group in groups]}
        line = value.get("acceptable")
        if line is not None and not config["acceptable"]:
            raise QuestionError("This question has no line of acceptability.", "acceptable")
        if config["acceptable"]:
            if isinstance(line, bool) or not isinstance(line, int) or not 0 <= line <= len(groups):
                raise QuestionError(f"Say how many places are good enough: 0 to {len(groups)}.", "acceptable")
            answer["acceptable"] = line
        return answer

    def outcomes(self, config: Config) -> dict[str, str]:
        found = {"answered": "was answered"}
        if config["ties"]:
            found["tie"] = "some share a place"
        if config["acceptable"]:
            found |= {"none_acceptable": "none is good enough", "some_acceptable": "one at least is good enough"}
        return found

    def outcome(self, config: Config, answer: Any) -> set[str]:
        found = {"answered"}
        if config["ties"] and any(len(group) > 1 for group in answer["groups"]):
            found.add("tie")
        if config["acceptable"]:
            found.add("some_acceptable" if answer["acceptable"] else "none_acceptable")
        return found

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """Kendall distance with penalty 1/2 for a pair tied in one ranking only (Fagin et al. 2004), over all pairs."""
        first, second = places(one), places(other)
        pairs = list(combinations(sorted(first.keys() & second.keys()), 2))
        if not pairs:
            return 0.0
        total = 0.0
        for a, b in pairs:
            x, y = first[a] - first[b], second[a] - second[b]
            if (x == 0) != (y == 0):
                total += 0.5
            elif x * y < 0:
                total += 1
        return total / len(pairs)
