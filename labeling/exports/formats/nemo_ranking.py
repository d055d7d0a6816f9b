"""`nemo-ranking`: two responses with their ranks to a context (NeMo-RL's PreferenceDataset)."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import asked, reply
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.preferences import pairs
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed


class NemoRanking(Format):
    name = "nemo-ranking"
    title = "Pairs as ranks 0 and 1 for NeMo-RL"
    uses = ("pairs", "edits")
    like = "preference"

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        for pair in pairs(example, policies, removed):
            if example.prompt.tools:
                removed.add("unfit_turns")
                continue
            # It takes exactly two, the lower rank being the better, and raises at a tie: pairs have none.
            ranked = enumerate((pair.chosen, pair.rejected))
            yield {
                "context": asked(example.prompt),
                "completions": [{"rank": rank, "completion": [reply(text)]} for rank, text in ranked],
                "metadata": pair.metadata,
            }
