"""Which responses may become rows, by who made them and how long they are; and who must have judged them."""

from __future__ import annotations

from labeling.exports.policies import Policies
from labeling.exports.records import Candidate, Example
from labeling.exports.removed import Removed


def withheld(example: Example, policies: Policies, removed: Removed) -> frozenset[int]:
    """The candidates that people were shown and that are not asked for: rankings go without them, and so do rows."""
    if not (policies.models or policies.without_models or policies.min_characters or policies.max_characters):
        return frozenset()
    shown = {candidate for annotation in example.current for candidate in annotation.shown.values()}
    left_out = set()
    for candidate in (example.candidates[pk] for pk in shown):
        rule = "model" if not is_of_models(candidate, policies) else "length"
        if rule == "model" or not is_long_enough(candidate.text, policies):
            left_out.add(candidate.id)
            removed.add(rule)
    return frozenset(left_out)


def is_of_models(made_by: Candidate | None, policies: Policies) -> bool:
    """Whether a response is one of the models asked for. None: a person wrote it, so it is of no model."""
    model = made_by.model if made_by else ""
    return (not policies.models or model in policies.models) and model not in policies.without_models


def is_long_enough(text: str, policies: Policies) -> bool:
    """Whether a response, trimmed, has as many code points as are asked for, and no more."""
    length = len(text.strip())
    most = policies.max_characters
    return length >= (policies.min_characters or 0) and (most is None or length <= most)


def is_agreed_on(raters: int, agreement: float, policies: Policies, removed: Removed) -> bool:
    """Whether enough people judged, and enough of them alike. What is not is counted."""
    if raters < (policies.min_raters or 0):
        removed.add("few_raters")
    elif agreement < (policies.min_agreement or 0):
        removed.add("low_agreement")
    else:
        return True
    return False
