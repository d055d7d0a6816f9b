"""Which responses to a prompt people call good or bad, each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from labeling.exports.answers import Verdicts, verdicts
from labeling.exports.policies import label_of
from labeling.exports.records import Example
from labeling.exports.removed import Removed
from labeling.text import sha256


@dataclass(frozen=True)
class Judgement:
    """A response, trimmed, and whether it is good: the same metadata keys and types for every one."""

    text: str
    label: bool
    metadata: dict[str, Any]


def judgements(example: Example, removed: Removed) -> list[Judgement]:
    """The responses to one prompt that a strict majority calls good, or bad.

    Votes of one queue and question are put together. Where two of them, or two candidates with one text, say opposite
    things, the text has no label; where they agree it has one row. They stand in the order of a hash, so that it
    tells neither which came first nor which is better.
    """
    kept: dict[str, Judgement] = {}
    divided: set[str] = set()
    for group in verdicts(example):
        for judgement in _of_group(example, group, removed):
            before = kept.setdefault(judgement.text, judgement)
            if before.label != judgement.label:
                divided.add(judgement.text)
                removed.add("contradiction")
            elif before is not judgement:
                removed.add("duplicate")
    removed.add("contradiction", len(divided))
    found = [judgement for judgement in kept.values() if judgement.text not in divided]
    return sorted(found, key=lambda judgement: sha256(judgement.metadata["candidate_id"]))


def _of_group(example: Example, group: Verdicts, removed: Removed) -> Iterator[Judgement]:
    for candidate_id, votes in sorted(group.votes.items()):
        candidate, label = example.candidates[candidate_id], label_of(votes)
        if label is None:
            # Where nobody called it either there is nothing to be divided about.
            removed.add("undecided", int(any(vote is not None for vote in votes)))
        elif not candidate.text.strip():
            removed.add("empty_text")
        else:
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
