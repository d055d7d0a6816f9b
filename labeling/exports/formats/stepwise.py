"""`stepwise`: responses as steps, each good or bad, for process reward models (PRM800K's kind)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from labeling.exports.conversations import alone
from labeling.exports.formats.base import Format
from labeling.exports.marks import Marked, is_good, marked, steps
from labeling.exports.policies import Policies, label_of
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.responses import is_agreed_on, withheld


class Stepwise(Format):
    name = "stepwise"
    title = "Responses as steps that are good or bad, for process reward models"

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = alone(example.prompt)
        kept: dict[tuple[str, ...], Row] = {}
        divided: set[tuple[str, ...]] = set()
        for judged in _by_response(example, withheld(example, policies, removed)):
            row = _row(example, judged, policies, removed)
            if row is None:
                continue
            if prompt is None:
                removed.add("not_standard")
                continue
            text = tuple(row["completions"])
            before = kept.setdefault(text, {"prompt": prompt, **row})
            # Two candidates with one text: what they agree on is said once, what they do not is not said.
            if before["labels"] != row["labels"]:
                divided.add(text)
                removed.add("contradiction")
            elif before["metadata"] != row["metadata"]:
                removed.add("duplicate")
        removed.add("contradiction", len(divided))
        yield from (row for text, row in kept.items() if text not in divided)


def _by_response(example: Example, without: Collection[int]) -> list[list[Marked]]:
    found: dict[int, list[Marked]] = {}
    for one in marked(example, without):
        found.setdefault(one.candidate.id, []).append(one)
    return [found[pk] for pk in sorted(found)]


def _row(example: Example, judged: list[Marked], policies: Policies, removed: Removed) -> Row | None:
    """A response's steps with their labels; None, and counted, where a question's raters are divided about a step.

    Each question of each queue is put to its own vote: who looks for errors of style says nothing of the facts. A
    step is good where every question finds it so.
    """
    candidate = judged[0].candidate
    lines = steps(candidate.text)
    if not lines:
        removed.add("empty_text")
        return None
    groups: dict[tuple[str, str], list[Marked]] = {}
    for one in judged:
        groups.setdefault((one.annotation.queue, one.question), []).append(one)
    labels = [True] * len(lines)
    agreement = 1.0
    for group in groups.values():
        for number, line in enumerate(lines):
            votes = [is_good(line, one.marks) for one in group]
            label = label_of(votes)
            if label is None:
                removed.add("undecided")
                return None
            labels[number] &= label
            agreement = min(agreement, votes.count(label) / len(votes))
    raters = min(map(len, groups.values()))
    if not is_agreed_on(raters, agreement, policies, removed):
        return None
    return {
        "completions": [line.text for line in lines],
        "labels": labels,
        "metadata": {
            "prompt_id": str(example.prompt.id),
            "external_id": example.prompt.external_id,
            "task_id": str(judged[0].annotation.task_id),
            "questions": ", ".join(f"{queue}/{question}" for queue, question in groups),
            "candidate_id": str(candidate.id),
            "model": candidate.model,
            "n_raters": raters,
            "agreement": agreement,
        },
    }
