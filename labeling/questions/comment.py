"""`comment`: a remark in free text, optional unless its question is required."""

from __future__ import annotations

from typing import Any

from labeling.questions.base import Config, Setting
from labeling.questions.write import LENGTHS, Write


class Comment(Write):
    """Typed and checked as a response is; compared otherwise."""

    name = "comment"
    title = "Comment"
    description = "A remark or a reason, for whoever reads the answers."
    settings: tuple[Setting, ...] = LENGTHS

    def what(self, config: Config) -> str:
        return "The comment"

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """Remarks are not compared: 0 for the same text, 1 otherwise."""
        return float(one != other)
