"""`preference`: a better and a worse response to a prompt that stands apart (TRL's DPOTrainer and its kin)."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import asked, reply
from labeling.exports.policies import Policies
from labeling.exports.preferences import pairs
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed


class PreferencePairs:
    name = "preference"
    title = "Pairs of a better and a worse response, for DPO and its kin"
    uses: tuple[str, ...] = ("pairs", "edits")
    unanswered = False
    apart = False

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        for pair in pairs(example, policies, removed):
            # The prompt must not stand in `chosen` and `rejected` too: trainers would learn its turns twice.
            yield {
                "prompt": asked(example.prompt),
                "chosen": [reply(pair.chosen)],
                "rejected": [reply(pair.rejected)],
                "metadata": pair.metadata,
            }
