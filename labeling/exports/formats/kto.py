"""`kto`: responses that are good or bad by themselves, with a label (TRL's KTOTrainer)."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import asked, reply
from labeling.exports.judgements import judgements
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed


class Kto:
    name = "kto"
    title = "Responses that are good or bad by themselves, for KTO"
    uses: tuple[str, ...] = ()
    unanswered = False
    apart = True

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = asked(example.prompt)
        for judgement in judgements(example, policies, removed):
            yield {
                "prompt": prompt,
                "completion": [reply(judgement.text)],
                "label": judgement.label,
                "metadata": judgement.metadata,
            }
