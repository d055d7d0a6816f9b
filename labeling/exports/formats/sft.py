"""`sft`: whole conversations that end with the response to learn (TRL's SFTTrainer, and most others)."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import asked, reply
from labeling.exports.demonstrations import demonstrations
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed


class Sft:
    name = "sft"
    title = "Demonstrations as messages, for supervised fine-tuning"
    uses: tuple[str, ...] = ("responses",)
    unanswered = False
    apart = False

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        for demonstration in demonstrations(example, policies, removed):
            yield {
                "messages": [*asked(example.prompt), reply(demonstration.text)],
                "metadata": demonstration.metadata,
            }
