"""`helpsteer-preference`: two responses and how much better the second is (HelpSteer3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from labeling.exports.answers import Ranking, ranking_of
from labeling.exports.conversations import asked
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies, preference_of
from labeling.exports.preferences import is_clear
from labeling.exports.records import Annotation, Example, Row
from labeling.exports.removed import Removed
from labeling.exports.responses import withheld
from labeling.text import sha256


class HelpSteerPreference(Format):
    name = "helpsteer-preference"
    title = "Comparisons of two as numbers from −3 to 3 (HelpSteer3)"

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        groups = _compared(example, withheld(example, policies, removed))
        found = [row for group in groups if (row := _row(example, group, policies, removed)) is not None]
        # Another queue, or a twin of one of the two, may say the opposite: of that a model learns nothing.
        orders = {_order(row) for row in found}
        kept = [row for row in found if _order(row)[::-1] not in orders]
        removed.add("contradiction", len(found) - len(kept))
        if example.prompt.tools:
            removed.add("unfit_turns", len(kept))
        else:
            yield from kept


@dataclass
class _Compared:
    """Two candidates under one question of one queue, everybody's ranking, and their number with who said it and why.

    The number is how much better the second is, from 1 to the number of degrees; below zero how much better the
    first is; 0 for a tie.
    """

    queue: str
    question: str
    task_id: int
    two: tuple[int, int]
    rankings: list[Ranking] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)


def _compared(example: Example, without: Collection[int]) -> list[_Compared]:
    found: dict[tuple[str, str, tuple[int, int]], _Compared] = {}
    for annotation in example.current:
        for question in annotation.form.questions:
            if question["type"] == "compare" and question["name"] in annotation.answers:
                ranking = ranking_of(annotation, question)
                if not ranking.places.keys().isdisjoint(without):
                    continue
                # In the order of a hash, so that no generator comes first for having been first.
                first, second = sorted(ranking.places, key=lambda pk: sha256(str(pk)))
                known = annotation.queue, question["name"]
                group = found.setdefault(
                    (*known, (first, second)), _Compared(*known, annotation.task_id, (first, second))
                )
                group.rankings.append(ranking)
                sign = ranking.places[first] - ranking.places[second]
                score = sign * max(1, ranking.strength)
                group.said.append(
                    {"annotator": annotation.annotator, "score": score, "reasoning": _remarks(annotation)}
                )
    return list(found.values())


def _remarks(annotation: Annotation) -> str:
    """What somebody wrote under the `comment` questions of the same answers."""
    comments = [question["name"] for question in annotation.form.questions if question["type"] == "comment"]
    return "\n".join(annotation.answers[name]["text"].strip() for name in comments if name in annotation.answers)


def _row(example: Example, group: _Compared, policies: Policies, removed: Removed) -> Row | None:
    first, second = (example.candidates[pk] for pk in group.two)
    overall = sum(one["score"] for one in group.said) / len(group.said)
    texts = first.text.strip(), second.text.strip()
    # A tie has no better one, and loaders make a pair of the first with itself.
    rules = {"no_preference": overall == 0, "same_text": texts[0] == texts[1], "empty_text": not all(texts)}
    if any(rules.values()):
        removed.add(next(rule for rule, applies in rules.items() if applies))
        return None
    worse, better = group.two if overall > 0 else reversed(group.two)
    if not is_clear(preference_of(group.rankings, better, worse), policies, removed):
        return None
    metadata: dict[str, Any] = {
        "prompt_id": str(example.prompt.id),
        "external_id": example.prompt.external_id,
        "task_id": str(group.task_id),
        "queue": group.queue,
        "question": group.question,
        "candidate_id_1": str(first.id),
        "candidate_id_2": str(second.id),
        "model_1": first.model,
        "model_2": second.model,
        "n_raters": len(group.said),
        "strength_max": max(1, *(ranking.strengths for ranking in group.rankings)),
    }
    return {
        "context": asked(example.prompt),
        "response1": texts[0],
        "response2": texts[1],
        "overall_preference": overall,
        "individual_preference": group.said,
        "metadata": metadata,
    }


def _order(row: Row) -> tuple[str, str]:
    """The worse text and the better one."""
    worse, better = ("response1", "response2") if row["overall_preference"] > 0 else ("response2", "response1")
    return row[worse], row[better]
