"""`openai-sft`: demonstrations as OpenAI's fine-tuning takes them, and Azure, Together, Fireworks after it."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import asked_as_stored, reply, tools_list
from labeling.exports.demonstrations import demonstrations
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row, Told
from labeling.exports.removed import Removed
from labeling.exports.turns import for_openai


class OpenAiSft(Format):
    name = "openai-sft"
    title = "Demonstrations for hosted fine-tuning (OpenAI, Azure, Together, Fireworks)"
    uses = ("responses",)
    like = "sft"
    leads = ("tools",)
    hosted = True

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = for_openai(asked_as_stored(example.prompt))
        for demonstration in demonstrations(example, policies, removed):
            if prompt is None:
                removed.add("unfit_turns")
            else:
                # Nothing beside it: a key that they do not know makes them refuse the file.
                row = {"messages": [*prompt, reply(demonstration.text)], **tools_list(example.prompt)}
                yield Told(row, demonstration.metadata)
