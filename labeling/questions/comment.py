"""`comment`: a remark in free text, optional unless its question is required."""

from __future__ import annotations

from typing import Any

from labeling.questions.base import Config
from labeling.questions.write import Write


class Comment(Write):
    """Typed and checked as a response is; compared otherwise."""

    name = "comment"
    title = "Comment"
    what = "The comment"

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """Remarks are not compared: 0 for the same text, 1 otherwise."""
        return float(one != other)
