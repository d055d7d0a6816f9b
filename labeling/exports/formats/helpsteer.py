"""`helpsteer`: responses with their ratings (HelpSteer, HelpSteer2), for reward models that learn numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from labeling.exports.conversations import alone
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.ratings import left_out, rated_anywhere, ratings, scales
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.responses import is_agreed_on, withheld

# Columns of their own, or names that trainers give a meaning: a question of such a name has a column `rating_…`.
_TAKEN = {
    *("prompt", "prompts", "response", "metadata", "completion", "completions", "completion_ids", "chosen", "rejected"),
    *("label", "labels", "text", "input_ids", "image", "images", "tools", "messages", "margin", "conversations"),
    *("type", "id", "source", "model", "message", "payload", "version", "cwd", "system_prompt", "chat_template_kwargs"),
}


class HelpSteer(Format):
    name = "helpsteer"
    title = "Responses with their ratings (HelpSteer)"

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        asked = scales(example)
        names = _columns(asked)
        prompt = alone(example.prompt)
        without = withheld(example, policies, removed)
        found = [rated for rated in ratings(example, asked) if rated.candidate.id not in without]
        removed.add("unrated", len(rated_anywhere(example) - without - {rated.candidate.id for rated in found}))
        removed.add("other_rating", left_out(example, asked, found))
        for rated in found:
            text = rated.candidate.text.strip()
            raters = min(map(len, rated.numbers.values()))
            agreement = min(rated.agreement(name, question) for name, question in asked.items())
            if not raters:
                removed.add("unrated")
            elif not text:
                removed.add("empty_text")
            elif prompt is None:
                removed.add("not_standard")
            elif is_agreed_on(raters, agreement, policies, removed):
                columns = {column: rated.rating(name, policies.ratings) for name, column in names.items()}
                metadata = {
                    "prompt_id": str(example.prompt.id),
                    "external_id": example.prompt.external_id,
                    "task_id": str(rated.task_id),
                    "queue": rated.queue,
                    "candidate_id": str(rated.candidate.id),
                    "model": rated.candidate.model,
                    "n_raters": raters,
                    "agreement": agreement,
                }
                yield {"prompt": prompt, "response": text, **columns, "metadata": metadata}


def _columns(names: Iterable[str]) -> dict[str, str]:
    """The column of each question: its name, or one that trainers give no meaning and no other question has."""
    every = list(names)
    found = {}
    for name in every:
        column = name
        while column in _TAKEN or (column != name and column in every):
            column = f"rating_{column}"
        found[name] = column
    return found
