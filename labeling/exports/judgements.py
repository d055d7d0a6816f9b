"""Which responses to a prompt people call good or bad, each by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labeling.exports.answers import Shares, Verdicts, shares, verdicts
from labeling.exports.consensus import rating_of
from labeling.exports.policies import Policies, label_of
from labeling.exports.records import Example, value
from labeling.exports.removed import Removed
from labeling.exports.responses import is_agreed_on, withheld
from labeling.text import sha256


@value
class Judgement:
    """A response, trimmed, and whether it is good: the same metadata keys and types for every one."""

    text: str
    label: bool
    metadata: dict[str, Any]


def judgements(example: Example, policies: Policies, removed: Removed) -> list[Judgement]:
    """The responses to one prompt that a strict majority calls good, or bad; and those rated so where that is asked.

    Votes of one queue and question are put together. Where two of them, or two candidates with one text, say opposite
    things, the text has no label; where they agree it has one row. They stand in the order of a hash, so that it
    tells neither which came first nor which is better.
    """
    kept: dict[str, Judgement] = {}
    divided: set[str] = set()
    for judgement in _found(example, policies, removed):
        before = kept.setdefault(judgement.text, judgement)
        if before.label != judgement.label:
            divided.add(judgement.text)
            removed.add("contradiction")
        elif before is not judgement:
            removed.add("duplicate")
    removed.add("contradiction", len(divided))
    found = [judgement for judgement in kept.values() if judgement.text not in divided]
    return sorted(found, key=lambda judgement: sha256(judgement.metadata["candidate_id"]))


def _found(example: Example, policies: Policies, removed: Removed) -> Iterator[Judgement]:
    without = withheld(example, policies, removed)
    for group in verdicts(example, without):
        labels = {candidate: label_of(votes) for candidate, votes in group.votes.items()}
        for candidate, votes in group.votes.items():
            # Where nobody called it either there is nothing to be divided about.
            removed.add("undecided", int(labels[candidate] is None and any(vote is not None for vote in votes)))
        yield from _of_group(example, group, labels, policies, removed)
    if policies.kto_good is not None or policies.kto_bad is not None:
        for ratings in shares(example, policies.attributes, without):
            group, labels = _by_thresholds(ratings, policies)
            removed.add("between", sum(label is None for label in labels.values()))
            yield from _of_group(example, group, labels, policies, removed)


def _by_thresholds(group: Shares, policies: Policies) -> tuple[Verdicts, dict[int, bool | None]]:
    """What ratings say: of each person by their own rating, and together by the rating that all of them come to."""

    def said(rating: float) -> bool | None:
        if policies.kto_good is not None and rating >= policies.kto_good:
            return True
        return False if policies.kto_bad is not None and rating <= policies.kto_bad else None

    votes = {pk: tuple(said(float(rating)) for rating in given) for pk, given in group.ratings.items()}
    labels = {pk: said(rating_of(given, policies.ratings)) for pk, given in group.ratings.items()}
    return Verdicts(group.queue, group.question, group.task_id, "rated", votes), labels


def _of_group(
    example: Example, group: Verdicts, labels: Mapping[int, bool | None], policies: Policies, removed: Removed
) -> Iterator[Judgement]:
    for candidate_id, votes in sorted(group.votes.items()):
        candidate, label = example.candidates[candidate_id], labels[candidate_id]
        if label is None:
            continue
        if not candidate.text.strip():
            removed.add("empty_text")
        elif is_agreed_on(len(votes), votes.count(label) / len(votes), policies, removed):
            yield Judgement(
                candidate.text.strip(),
                label,
                {
                    "prompt_id": str(example.prompt.id),
                    "external_id": example.prompt.external_id,
                    "task_id": str(group.task_id),
                    "queue": group.queue,
                    "question": group.question,
                    "source": group.source,
                    "candidate_id": str(candidate.id),
                    "model": candidate.model,
                    "n_raters": len(votes),
                    "votes_good": votes.count(True),
                    "votes_bad": votes.count(False),
                    "agreement": votes.count(label) / len(votes),
                },
            )
