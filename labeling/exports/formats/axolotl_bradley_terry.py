"""`axolotl-bradley-terry`: pairs for axolotl's reward models, of single turns."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import asked
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.preferences import pairs
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.turns import apart


class AxolotlBradleyTerry(Format):
    name = "axolotl-bradley-terry"
    title = "Pairs of single turns for axolotl's reward models"
    uses = ("pairs", "edits")
    like = "preference"

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        system, messages = apart(asked(example.prompt))
        for pair in pairs(example, policies, removed):
            if len(messages) > 1 or example.prompt.tools:
                removed.add("unfit_turns")
            else:
                yield {
                    # On every row, if only empty: axolotl calls it optional and fails without it.
                    "system": system,
                    "input": messages[0]["content"],
                    "chosen": pair.chosen,
                    "rejected": pair.rejected,
                    "metadata": pair.metadata,
                }
