"""`prompts`: what responses answer, and nothing else (TRL's GRPOTrainer and RLOOTrainer)."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.conversations import asked
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed


class Prompts:
    name = "prompts"
    title = "Every prompt, for training that makes its own responses"
    uses: tuple[str, ...] = ()
    unanswered = True
    apart = False

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = example.prompt
        yield {
            "prompt": asked(prompt),
            "metadata": {
                "prompt_id": str(prompt.id),
                "external_id": prompt.external_id,
                "batch": prompt.batch,
                "language": prompt.language,
            },
        }
