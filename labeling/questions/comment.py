"""`comment`: a remark in free text, optional unless its question is required."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labeling.questions.base import Config, Shown, only_known
from labeling.questions.write import clean_lengths, clean_written


class Comment:
    name = "comment"
    title = "Comment"

    def clean_config(self, raw: Mapping[str, Any]) -> Config:
        only_known(raw, {"min_chars", "max_chars"})
        return clean_lengths(raw, default_min=1)

    def candidates(self, config: Config) -> tuple[int, int]:
        return 0, 0

    def clean_answer(self, config: Config, value: Any, shown: Shown) -> dict[str, str]:
        return clean_written(config, value, what="The comment")

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """Remarks are not compared: 0 for the same text, 1 otherwise."""
        return float(one != other)
