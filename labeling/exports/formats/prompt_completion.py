"""`prompt-completion`: the response apart from what it answers, so that only the response is learnt."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.demonstrations import demonstrations
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.styles import answer, question, tools


class PromptCompletion(Format):
    name = "prompt-completion"
    title = "Demonstrations with the prompt apart, for learning the response alone"
    uses = ("responses", "style")

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = question(example.prompt, policies.style)
        for demonstration in demonstrations(example, policies, removed):
            if prompt is None:
                removed.add("not_standard")
            else:
                yield {
                    "prompt": prompt,
                    "completion": answer(demonstration.text, policies.style),
                    **tools(example, policies.style),
                    "metadata": demonstration.metadata,
                }
