"""`sft`: whole conversations that end with the response to learn (TRL's SFTTrainer, and most others)."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import tools_column
from labeling.exports.demonstrations import demonstrations
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.styles import answer, question


class Sft(Format):
    name = "sft"
    title = "Demonstrations as messages, for supervised fine-tuning"
    uses = ("responses", "style")

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = question(example.prompt, policies.style)
        for demonstration in demonstrations(example, policies, removed):
            response = answer(demonstration.text, policies.style)
            if isinstance(prompt, list) and isinstance(response, list):
                yield {
                    "messages": [*prompt, *response],
                    **tools_column(example),
                    "metadata": demonstration.metadata,
                }
            elif prompt is None:
                removed.add("not_standard")
            else:
                yield {"text": f"{prompt}{response}", "metadata": demonstration.metadata}
