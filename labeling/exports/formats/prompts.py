"""`prompts`: what responses answer, perhaps with a response to compare with (TRL's GRPOTrainer and RLOOTrainer)."""

from __future__ import annotations

from collections.abc import Iterator

from labeling.exports.demonstrations import Demonstration, demonstrations
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row, Told
from labeling.exports.removed import Removed
from labeling.exports.styles import question, tools

# Rules that leave out prompts: here a prompt without a reference is a row all the same.
_OF_PROMPTS = ("no_response", "no_single_best", "not_acceptable")


class Prompts(Format):
    name = "prompts"
    title = "Every prompt, for training that makes its own responses"
    uses = ("responses", "style")
    unanswered = True

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = question(example.prompt, policies.style)
        if prompt is None:
            removed.add("not_standard")
            return
        reference = _reference(example, policies, removed)
        row = {
            "prompt": prompt,
            # Handed to reward functions by name, so none of these may be one that TRL hands over itself.
            "reference": reference.text if reference else "",
            "reference_source": reference.metadata["source"] if reference else "",
            **tools(example, policies.style),
            "metadata": {
                "prompt_id": str(example.prompt.id),
                "external_id": example.prompt.external_id,
                "batch": example.prompt.batch,
                "language": example.prompt.language,
            },
        }
        yield Told(row, reference.metadata if reference else {})


def _reference(example: Example, policies: Policies, removed: Removed) -> Demonstration | None:
    """The response to compare with, None where there is none. The others, and what rules leave out, are counted."""
    counted = Removed()
    found = list(demonstrations(example, policies, counted))
    for rule, number in counted.as_dict().items():
        if rule not in _OF_PROMPTS:
            removed.add(rule, number)
    removed.add("other_reference", len(found[1:]))
    return found[0] if found else None
