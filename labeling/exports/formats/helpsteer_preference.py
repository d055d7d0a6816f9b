"""`helpsteer-preference`: two responses and how much better the second is (HelpSteer3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labeling.exports.answers import ranking_of
from labeling.exports.conversations import asked
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.text import sha256


class HelpSteerPreference(Format):
    name = "helpsteer-preference"
    title = "Comparisons of two as numbers from −3 to 3 (HelpSteer3)"

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        found = [row for group in _compared(example) if (row := _row(example, group, removed)) is not None]
        # Another queue, or a twin of one of the two, may say the opposite: of that a model learns nothing.
        orders = {_order(row) for row in found}
        kept = [row for row in found if _order(row)[::-1] not in orders]
        removed.add("contradiction", len(found) - len(kept))
        yield from kept


Said = tuple[str, str, int, int, tuple[int, int], list[tuple[str, int]]]


def _compared(example: Example) -> Iterator[Said]:
    """For each queue, question and two candidates: the task, the number of degrees, and everybody's number.

    The number is how much better the second is, from 1 to the number of degrees; below zero how much better the
    first is; 0 for a tie.
    """
    found: dict[tuple[str, str, tuple[int, int]], tuple[int, list[int], list[tuple[str, int]]]] = {}
    for annotation in example.current:
        for question in annotation.form.questions:
            if question["type"] != "compare" or question["name"] not in annotation.answers:
                continue
            ranking = ranking_of(annotation, question)
            # In the order of a hash, so that no generator comes first for having been first.
            first, second = sorted(ranking.places, key=lambda pk: sha256(str(pk)))
            sign = ranking.places[first] - ranking.places[second]
            group = found.setdefault(
                (annotation.queue, question["name"], (first, second)), (annotation.task_id, [1], [])
            )
            group[1].append(ranking.strengths)
            group[2].append((annotation.annotator, sign * max(1, ranking.strength)))
    for (queue, name, two), (task_id, degrees, numbers) in found.items():
        yield queue, name, task_id, max(degrees), two, numbers


def _row(example: Example, said: Said, removed: Removed) -> Row | None:
    queue, question, task_id, degrees, two, numbers = said
    first, second = (example.candidates[pk] for pk in two)
    overall = sum(number for _, number in numbers) / len(numbers)
    texts = first.text.strip(), second.text.strip()
    # A tie has no better one, and loaders make a pair of the first with itself.
    rules = {"no_preference": overall == 0, "same_text": texts[0] == texts[1], "empty_text": not all(texts)}
    if any(rules.values()):
        removed.add(next(rule for rule, applies in rules.items() if applies))
        return None
    metadata: dict[str, Any] = {
        "prompt_id": str(example.prompt.id),
        "external_id": example.prompt.external_id,
        "task_id": str(task_id),
        "queue": queue,
        "question": question,
        "candidate_id_1": str(first.id),
        "candidate_id_2": str(second.id),
        "model_1": first.model,
        "model_2": second.model,
        "n_raters": len(numbers),
        "strength_max": degrees,
    }
    return {
        "context": asked(example.prompt),
        "response1": texts[0],
        "response2": texts[1],
        "overall_preference": overall,
        "individual_preference": [{"annotator": annotator, "score": number} for annotator, number in numbers],
        "metadata": metadata,
    }


def _order(row: Row) -> tuple[str, str]:
    """The worse text and the better one."""
    worse, better = ("response1", "response2") if row["overall_preference"] > 0 else ("response2", "response1")
    return row[worse], row[better]
