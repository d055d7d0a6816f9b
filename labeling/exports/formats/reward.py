"""`reward`: a better and a worse conversation, prompt included (TRL's RewardTrainer, torchtune)."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import reply
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.preferences import pairs
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.styles import answer, question, tools


class Reward(Format):
    name = "reward"
    title = "Pairs of whole conversations, for reward models"
    uses = ("pairs", "edits", "style")

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = question(example.prompt, policies.style)
        for pair in pairs(example, policies, removed):
            # On every row: the trainer takes a number wherever the column is there.
            known = {"margin": pair.margin, **tools(example, policies.style), "metadata": pair.metadata}
            if isinstance(prompt, list):
                yield {"chosen": [*prompt, reply(pair.chosen)], "rejected": [*prompt, reply(pair.rejected)], **known}
            elif prompt is None:
                removed.add("not_standard")
            else:
                # As plain text the prompt stands apart: two texts in one would not say where the response begins.
                sides = (answer(text, policies.style) for text in (pair.chosen, pair.rejected))
                yield {"prompt": prompt, **dict(zip(("chosen", "rejected"), sides, strict=True)), **known}
