"""Which of two responses to a prompt people prefer, as pairs that a trainer can learn from without harm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labeling.exports.policies import Judged, Policies, Preference, choose, judged, majorities, runs_in_circle
from labeling.exports.records import Example
from labeling.exports.removed import Removed


@dataclass(frozen=True)
class Pair:
    """A better and a worse response, trimmed, and the votes behind it: the same metadata keys and types for all."""

    chosen: str
    rejected: str
    metadata: dict[str, Any]


def pairs(example: Example, policies: Policies, removed: Removed) -> list[Pair]:
    """The pairs of one prompt under the policy `pairs`, from all of its rankings.

    Rankings of one queue and question are put together by majority. Two queues, or two candidates with one text, can
    still say opposite things: pairs that turn each other around are both left out, for a model learns nothing from
    them.
    """
    texts = {candidate.id: candidate.text.strip() for candidate in example.candidates.values()}
    found = [
        (group, preference) for group in judged(example) for preference in _of_group(group, texts, policies, removed)
    ]
    sides = {(texts[p.better], texts[p.worse]) for _, p in found}
    kept = [(group, p) for group, p in found if (texts[p.worse], texts[p.better]) not in sides]
    removed.add("contradiction", len(found) - len(kept))
    return [
        Pair(
            texts[preference.better],
            texts[preference.worse],
            _metadata(example, group, preference, number=len(kept)),
        )
        for group, preference in kept
    ]


def _of_group(group: Judged, texts: dict[int, str], policies: Policies, removed: Removed) -> list[Preference]:
    preferences = majorities(group.rankings)
    chosen = choose(preferences, group.candidates, policies.pairs)
    if not chosen:
        removed.add("circle" if runs_in_circle(preferences) else "no_preference")
    kept: dict[tuple[str, str], Preference] = {}
    for preference in chosen:
        sides = texts[preference.better], texts[preference.worse]
        if sides[0] == sides[1]:
            removed.add("same_text")
        elif not all(sides):
            removed.add("empty_text")
        elif sides in kept:
            removed.add("duplicate")
        else:
            kept[sides] = preference
    return list(kept.values())


def _metadata(example: Example, group: Judged, preference: Preference, *, number: int) -> dict[str, Any]:
    return {
        "prompt_id": str(example.prompt.id),
        "external_id": example.prompt.external_id,
        "task_id": str(group.task_id),
        "queue": group.queue,
        "question": group.question,
        "chosen_candidate_id": str(preference.better),
        "rejected_candidate_id": str(preference.worse),
        "chosen_model": example.candidates[preference.better].model,
        "rejected_model": example.candidates[preference.worse].model,
        "n_raters": preference.raters,
        "votes_chosen": preference.votes,
        "votes_rejected": preference.against,
        "votes_tied": preference.tied,
        "agreement": preference.agreement,
        "rank_gap": preference.gap,
        "n_pairs": number,
    }
