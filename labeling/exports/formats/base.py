"""What every format brings: a name, words for people, and rows. Pure: no database, no files, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed


class Format(Protocol):
    """What one exported line looks like.

    Every row of a format has the same keys in the same order, with the same types: readers guess a file's columns
    from its first rows. Ids are text, shares and gaps are floats, nothing is null.
    """

    name: str
    title: str
    # The policies that change what comes out, by their names in `Policies`, for the page that offers them.
    uses: tuple[str, ...]
    # Whether prompts that nobody has answered have rows too.
    unanswered: bool
    # Whether rows of one prompt must not be neighbours, because the trainer pairs each row with the next.
    apart: bool

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        """The rows of one prompt, in a fixed order. What a rule leaves out is counted in `removed`."""
        ...
