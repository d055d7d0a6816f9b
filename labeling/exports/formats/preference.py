"""`preference`: a better and a worse response to a prompt that stands apart (TRL's DPOTrainer and its kin)."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.preferences import pairs
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.styles import answer, question, tools


class PreferencePairs(Format):
    name = "preference"
    title = "Pairs of a better and a worse response, for DPO and its kin"
    uses = ("pairs", "edits", "style")

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = question(example.prompt, policies.style)
        for pair in pairs(example, policies, removed):
            if prompt is None:
                removed.add("not_standard")
            else:
                # The prompt must not stand in `chosen` and `rejected` too: trainers would learn its turns twice.
                yield {
                    "prompt": prompt,
                    "chosen": answer(pair.chosen, policies.style),
                    "rejected": answer(pair.rejected, policies.style),
                    **tools(example, policies.style),
                    "metadata": pair.metadata,
                }
