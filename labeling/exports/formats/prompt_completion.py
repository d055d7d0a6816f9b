"""`prompt-completion`: the response apart from what it answers, so that only the response is learnt."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import asked, reply
from labeling.exports.demonstrations import demonstrations
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed


class PromptCompletion:
    name = "prompt-completion"
    title = "Demonstrations with the prompt apart, for learning the response alone"
    uses: tuple[str, ...] = ("responses",)
    unanswered = False
    apart = False

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        for demonstration in demonstrations(example, policies, removed):
            yield {
                "prompt": asked(example.prompt),
                "completion": [reply(demonstration.text)],
                "metadata": demonstration.metadata,
            }
