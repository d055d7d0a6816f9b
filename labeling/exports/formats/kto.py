"""`kto`: responses that are good or bad by themselves, with a label (TRL's KTOTrainer)."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.formats.base import Format
from labeling.exports.judgements import judgements
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.styles import answer, question, tools


class Kto(Format):
    name = "kto"
    title = "Responses that are good or bad by themselves, for KTO"
    uses = ("style",)
    apart = True

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = question(example.prompt, policies.style)
        for judgement in judgements(example, policies, removed):
            if prompt is None:
                removed.add("not_standard")
            else:
                yield {
                    "prompt": prompt,
                    "completion": answer(judgement.text, policies.style),
                    "label": judgement.label,
                    **tools(example, policies.style),
                    "metadata": judgement.metadata,
                }
