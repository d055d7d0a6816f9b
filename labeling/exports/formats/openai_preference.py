"""`openai-preference`: pairs as OpenAI's preference fine-tuning takes them, and Azure, Together, Fireworks after it."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import asked_as_stored, reply, tools_list
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.preferences import pairs
from labeling.exports.records import Example, Row, Told
from labeling.exports.removed import Removed
from labeling.exports.turns import for_openai


class OpenAiPreference(Format):
    name = "openai-preference"
    title = "Pairs for hosted DPO (OpenAI, Azure, Together, Fireworks)"
    uses = ("pairs", "edits")
    like = "preference"
    leads = ("tools",)
    hosted = True

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = for_openai(asked_as_stored(example.prompt))
        for pair in pairs(example, policies, removed):
            if prompt is None:
                removed.add("unfit_turns")
            else:
                # Exactly one message of the assistant on each side, and nothing beside these keys.
                row = {
                    "input": {"messages": prompt, **tools_list(example.prompt)},
                    "preferred_output": [reply(pair.chosen)],
                    "non_preferred_output": [reply(pair.rejected)],
                }
                yield Told(row, pair.metadata)
