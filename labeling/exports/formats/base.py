"""What every format brings: a name, words for people, and rows. Pure: no database, no files, no clock."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed


class Format(Protocol):
    """What one exported line looks like. A format derives from this, and says what differs from the defaults below.

    Every row of a format has the same keys in the same order, with the same types: readers guess a file's columns
    from its first rows. Ids are text, shares and gaps are floats, nothing is null. For hosted APIs alone, which read
    row by row, `tools` is on the rows that have some.
    """

    name: str
    title: str
    # The policies, by their names in `Policies`, that the name of a file and the report tell of this format, and whose
    # hints on the page name it. Other settings may change what comes out as well.
    uses: tuple[str, ...] = ()
    # The format that gives the same answers in other words, for lists that name each kind of rows once.
    like: str = ""
    # What the prompts that lead a file have, by the names of `leaders.LEADING`: lists that are empty on many rows
    # must not be empty on all of the first, for a reader would know no type for what is in them.
    leads: tuple[str, ...] = ()
    # Whether rows tell how each candidate came to be: it is read for such a format alone.
    provenance: bool = False
    # Whether it has every annotation, whatever a review says of it.
    every_answer: bool = False
    # Whether prompts that nobody has answered have rows too.
    unanswered: bool = False
    # Whether rows of one prompt must not be neighbours, because the trainer pairs each row with the next.
    apart: bool = False
    # Whether it is for hosted fine-tuning, where a file must have some rows and not be too large.
    hosted: bool = False

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        """The rows of one prompt, in a fixed order. What a rule leaves out is counted in `removed`."""
        ...

    def beside(self, files: Mapping[str, Sequence[str]], columns: Collection[str] = ()) -> dict[str, str]:
        """Other files that loaders need in the same folder: their names with their text.

        `files` has the names of the data files for each split, or for "" where the data are not divided;
        `columns` are those of its rows.
        """
        return {}
