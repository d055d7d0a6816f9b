"""`write`: the annotator writes a response in their own words."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from labeling.questions.base import MAX_TEXT, Config, QuestionError, Shown, clean_text, only_known, whole_number


def clean_lengths(raw: Mapping[str, Any], *, default_min: int) -> Config:
    """`min_chars` and `max_chars` of a question that asks for text. `max_chars` None: no limit but the platform's."""
    low = whole_number(raw, "min_chars", low=0, high=MAX_TEXT, default=default_min)
    high = whole_number(raw, "max_chars", low=1, high=MAX_TEXT, default=None)
    if low is not None and high is not None and low > high:
        raise QuestionError("“min_chars” is larger than “max_chars”.", "min_chars")
    return {"min_chars": low, "max_chars": high}


def clean_written(config: Config, value: Any, *, what: str) -> dict[str, str]:
    """`{"text"}` within the question's lengths. Kept to the letter but for the white space around it."""
    if not isinstance(value, Mapping) or set(value) != {"text"}:
        raise QuestionError('The answer must be {"text": …}.')
    text = clean_text(value["text"], what=what).strip()
    if len(text) < config["min_chars"]:
        if not text:
            raise QuestionError(f"{what} is empty.")
        raise QuestionError(f"{what} has {len(text)} characters; at least {config['min_chars']} are asked for.")
    if config["max_chars"] is not None and len(text) > config["max_chars"]:
        raise QuestionError(f"{what} has {len(text):,} characters; at most {config['max_chars']:,} are allowed.")
    return {"text": text}


class Write:
    name = "write"
    title = "Write a response"
    what = "The response"  # how a mistake in an answer names it

    def clean_config(self, raw: Mapping[str, Any]) -> Config:
        only_known(raw, {"min_chars", "max_chars"})
        return clean_lengths(raw, default_min=1)

    def candidates(self, config: Config) -> tuple[int, int]:
        return 0, 0

    def clean_answer(self, config: Config, value: Any, shown: Shown) -> dict[str, str]:
        return clean_written(config, value, what=self.what)

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """1 minus the share of words in common, in order (difflib's ratio over words)."""
        return 1 - difflib.SequenceMatcher(None, one["text"].split(), other["text"].split(), autojunk=False).ratio()
