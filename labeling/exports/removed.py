"""What the rules of an export left out. Nothing disappears silently: every rule counts what it removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

# Each rule with what one count of it means.
RULES: dict[str, str] = {
    "withdrawn": "annotations of people who have withdrawn from the project",
    "rejected": "answers whose newest version a reviewer rejected",
    "not_accepted": "answers whose newest version no reviewer has accepted",
    "no_response": "prompts with no response of the kind that was asked for",
    "no_single_best": "prompts where no response is above all the others by a strict majority",
    "not_acceptable": "prompts whose best response lies below the line of acceptability, or is one of two bad ones",
    "no_preference": "rankings and comparisons that put nothing above anything else in the way that was asked for",
    "circle": "circles of responses that majorities put above one another, so that none of a circle is above another",
    "undecided": "responses that no strict majority of the raters calls good, or bad",
    "empty_text": "responses or pairs with a text that is empty or all white space",
    "same_text": "pairs whose two texts are the same once trimmed, such as an edit that changed nothing",
    "duplicate": "pairs and responses that a prompt would give twice, because two responses have the same text",
    "contradiction": "pairs and labels that other answers to the same prompt turn around; neither is exported",
    "not_standard": "rows whose prompt has a system text, several turns or tools, which one plain text cannot hold",
    "unfit_turns": "rows whose prompt has turns or tools that this format has no place for, such as tool calls",
    "unrated": "responses that nobody rated on one of the attributes that are the columns of this file",
    "other_reference": "responses beside the first, which is the one that a prompt is given to compare with",
    "other_rating": "ratings by questions, or on scales, that are no columns of this file",
    "model": "responses that are not of the models that were asked for",
    "length": "responses that are shorter or longer than was asked for",
    "few_raters": "pairs, labels, ratings and best responses that fewer people judged than was asked for",
    "low_agreement": "pairs, labels, ratings and best responses that raters agree on less than was asked for",
    "weak": "pairs whose better side is better by less than was asked for",
    "between": "responses that are rated neither high enough to be called good nor low enough to be called bad",
    "over_cap": "pairs beyond the number that one prompt may give",
    "split_conflict": "prompts whose own tag puts them into another split than their group, or into two",
    "benchmark": "rows that share words with the benchmark",
    "control_token": "rows with text that looks like a control token of a chat template",
    "too_many_tokens": "rows with more tokens than was asked for",
    "repeated": "rows whose texts stand in the file already",
}


class Removed:
    """Counts by rule. One for each export; every rule of the export adds to it. It may go on from earlier counts."""

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self._counts: Counter[str] = Counter(counts)

    def add(self, rule: str, number: int = 1) -> None:
        """Notes that `rule` left `number` things out. Raises KeyError for a rule that is not in `RULES`."""
        if rule not in RULES:
            raise KeyError(rule)
        if number:
            self._counts[rule] += number

    def as_dict(self) -> dict[str, int]:
        """The counts that are not zero, in the order of `RULES`."""
        return {rule: self._counts[rule] for rule in RULES if self._counts[rule]}
