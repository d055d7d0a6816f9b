"""Which of two responses to a prompt people prefer, as pairs that a trainer can learn from without harm."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from labeling.exports.answers import Judged, Text, edited, judged, rankings_of, shares
from labeling.exports.consensus import candidates_rated, relations
from labeling.exports.policies import Edits, Margin, Policies, Preference, choose
from labeling.exports.records import Annotation, Candidate, Example, value
from labeling.exports.removed import Removed
from labeling.exports.responses import is_agreed_on, is_long_enough, is_of_models, withheld
from labeling.text import typed


@value
class Pair:
    """A better and a worse response, trimmed, and the votes behind it: the same metadata keys and types for all.

    `margin` is how much better, from 0 to 1, where people were asked for a degree or, if that is asked for, by how much
    they rated it higher; 0 where they were not.
    """

    chosen: str
    rejected: str
    margin: float
    metadata: dict[str, Any]


def pairs(example: Example, policies: Policies, removed: Removed) -> list[Pair]:
    """The pairs of one prompt: from all of its rankings under the policy `pairs`, and from edits under `edits`.

    Rankings of one queue and question are put together by majority. Two queues, or two candidates with one text, can
    still say opposite things: pairs that turn each other around are both left out, for a model learns nothing from
    them.
    """
    found: list[Pair] = []
    without = withheld(example, policies, removed)
    if policies.edits is not Edits.ONLY:
        for group in judged(example, without):
            found += _fit(_from_rankings(example, group, policies, removed), removed)
    if policies.edits is not Edits.NONE:
        for _, edits in groupby(sorted(edited(example), key=_asked), key=_asked):
            found += _fit(_from_edits(example, edits, policies, without, removed), removed)
    sides = {(pair.chosen, pair.rejected) for pair in found}
    kept = [pair for pair in found if (pair.rejected, pair.chosen) not in sides]
    removed.add("contradiction", len(found) - len(kept))
    if policies.max_pairs is not None:
        removed.add("over_cap", max(0, len(kept) - policies.max_pairs))
        kept = kept[: policies.max_pairs]
    for pair in kept:
        pair.metadata["n_pairs"] = len(kept)
    return kept


def _fit(pairs: Iterable[Pair], removed: Removed) -> list[Pair]:
    """Those pairs of one question that teach something, each once."""
    kept: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        sides = pair.chosen, pair.rejected
        if pair.chosen == pair.rejected:
            removed.add("same_text")
        elif not all(sides):
            removed.add("empty_text")
        elif sides in kept:
            removed.add("duplicate")
        else:
            kept[sides] = pair
    return list(kept.values())


def _from_rankings(example: Example, group: Judged, policies: Policies, removed: Removed) -> Iterator[Pair]:
    order = relations(group, policies.consensus)
    chosen = choose(order.preferences, group.candidates, policies.pairs, seed=policies.seed, at=order.levels)
    removed.add("circle", len(order.circles))
    if not chosen and not order.circles:
        removed.add("no_preference")
    margins = _margins(example, policies)
    for preference in chosen:
        if not is_clear(preference, policies, removed):
            continue
        better, worse = example.candidates[preference.better], example.candidates[preference.worse]
        metadata = _metadata(
            example,
            worse,
            task_id=group.task_id,
            queue=group.queue,
            question=group.question,
            source=group.source,
            chosen_candidate_id=str(better.id),
            chosen_model=better.model,
            n_raters=preference.raters,
            votes_chosen=preference.votes,
            votes_rejected=preference.against,
            votes_tied=preference.tied,
            agreement=preference.agreement,
            rank_gap=preference.gap,
            strength=preference.strength,
            strength_max=preference.strengths,
        )
        margin = preference.margin if margins is None else _apart(margins, preference)
        yield Pair(better.text.strip(), worse.text.strip(), margin, metadata)


def is_clear(preference: Preference, policies: Policies, removed: Removed) -> bool:
    """Whether enough people agree on a pair, and where they were asked how much better, on enough of it."""
    if not is_agreed_on(preference.raters, preference.agreement, policies, removed):
        return False
    # With one degree alone nobody was asked how much.
    if preference.strengths > 1 and preference.degree < (policies.min_strength or 0):
        removed.add("weak")
        return False
    return True


def _margins(example: Example, policies: Policies) -> dict[int, float] | None:
    """The rating of each candidate where margins are taken from ratings; None where they are not."""
    if policies.margin is Margin.STRENGTH:
        return None
    return candidates_rated(shares(example, policies.attributes), policies.ratings)


def _apart(ratings: Mapping[int, float], preference: Preference) -> float:
    """By how much the better one is rated higher. Where ratings say the opposite, they say nothing of how much."""
    if preference.better not in ratings or preference.worse not in ratings:
        return 0.0
    return max(0.0, ratings[preference.better] - ratings[preference.worse])


def _asked(edit: Text) -> tuple[str, str]:
    return edit.annotation.queue, edit.question


def _from_edits(
    example: Example, edits: Iterable[Text], policies: Policies, without: Collection[int], removed: Removed
) -> Iterator[Pair]:
    """Each edited response over its original and, if that is asked for, over what its editor put below the original."""
    for edit in edits:
        assert edit.original is not None
        text = edit.text.strip()
        if not is_of_models(example.candidates[edit.original], policies):
            continue  # counted with the response that was edited
        if text and not is_long_enough(text, policies):
            removed.add("length")
            continue
        # A field turns every end of a line into a line feed: that is no edit, and nothing to prefer a response for.
        ends = str if "\r" in text else typed
        below = {edit.original: 0}
        if policies.edits is Edits.OVER_WORSE and text != ends(example.candidates[edit.original].text).strip():
            below |= _worse(edit.annotation, edit.original)
        for candidate_id, distance in below.items():
            if candidate_id in without:
                continue
            worse = example.candidates[candidate_id]
            metadata = _metadata(
                example,
                worse,
                task_id=edit.annotation.task_id,
                queue=edit.annotation.queue,
                question=edit.question,
                source="edited",
                annotation_id=str(edit.annotation.id),
                annotator=edit.annotation.annotator,
                # What is edited stands one place above what it was made from.
                rank_gap=1.0 + distance,
            )
            yield Pair(text, ends(worse.text).strip(), 0.0, metadata)


def _worse(annotation: Annotation, original: int) -> dict[int, int]:
    """The candidates that an annotation puts below the one it edits, each with the places between."""
    found: dict[int, int] = {}
    for ranking in rankings_of(annotation):
        if original in ranking.places:
            at = ranking.places[original]
            found |= {candidate: place - at for candidate, place in ranking.places.items() if place > at}
    return found


def _metadata(example: Example, worse: Candidate, **known: Any) -> dict[str, Any]:
    """What is known of a pair. Where no votes are told there is one, of the person who made the better side."""
    return {
        "prompt_id": str(example.prompt.id),
        "external_id": example.prompt.external_id,
        "task_id": str(known["task_id"]),
        "queue": known["queue"],
        "question": known["question"],
        "source": known["source"],
        "annotation_id": known.get("annotation_id", ""),
        "annotator": known.get("annotator", ""),
        "chosen_candidate_id": known.get("chosen_candidate_id", ""),
        "rejected_candidate_id": str(worse.id),
        "chosen_model": known.get("chosen_model", ""),
        "rejected_model": worse.model,
        "n_raters": known.get("n_raters", 1),
        "votes_chosen": known.get("votes_chosen", 1),
        "votes_rejected": known.get("votes_rejected", 0),
        "votes_tied": known.get("votes_tied", 0),
        "agreement": known.get("agreement", 1.0),
        "rank_gap": known["rank_gap"],
        "strength": known.get("strength", 0.0),
        "strength_max": known.get("strength_max", 0),
    }
