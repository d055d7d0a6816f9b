"""`reward`: a better and a worse conversation, prompt included (TRL's RewardTrainer, torchtune)."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import asked, reply
from labeling.exports.policies import Policies
from labeling.exports.preferences import pairs
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed


class Reward:
    name = "reward"
    title = "Pairs of whole conversations, for reward models"
    uses: tuple[str, ...] = ("pairs", "edits")
    unanswered = False
    apart = False

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        for pair in pairs(example, policies, removed):
            prompt = asked(example.prompt)
            yield {
                "chosen": [*prompt, reply(pair.chosen)],
                "rejected": [*prompt, reply(pair.rejected)],
                # On every row: the trainer takes a number wherever the column is there.
                "margin": pair.margin,
                "metadata": pair.metadata,
            }
