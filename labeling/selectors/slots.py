"""What an annotator is shown of a slot: never a model's name, a generator or a score."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from labeling.models import Candidate, Draft, Slot, User
from labeling.questions import Shown


@dataclass(frozen=True)
class ShownCandidate:
    """One candidate as it stands on the screen: `key` in answers, `letter` on the card."""

    key: str
    letter: str
    text: str


def key_at(place: int) -> str:
    """The key of the candidate that stands at a place (0 first) on a slot's screen."""
    return ascii_lowercase[place]


def candidate_ids_by_key(slot: Slot) -> dict[str, int]:
    """Which candidate each key of this slot's answers means."""
    return {key_at(place): pk for place, pk in enumerate(slot.candidate_order)}


def candidates(slot: Slot) -> list[ShownCandidate]:
    """The slot's candidates in the order that was drawn for it."""
    texts = dict(Candidate.objects.filter(pk__in=slot.candidate_order).values_list("pk", "text"))
    return [
        ShownCandidate(key_at(place), key_at(place).upper(), texts[pk]) for place, pk in enumerate(slot.candidate_order)
    ]


def shown(slot: Slot) -> Shown:
    """What answers to this slot are judged against."""
    return Shown(candidates={candidate.key: candidate.text for candidate in candidates(slot)})


def draft_of(slot: Slot, user: User) -> Draft | None:
    """The person's own draft on this slot."""
    return Draft.objects.filter(slot=slot, annotator=user).first()


def payload(slot: Slot, *, user: User) -> dict[str, Any]:
    """The slot as the contract gives it to its holder."""
    prompt = slot.task.prompt
    draft = draft_of(slot, user)
    return {
        "slot": slot.pk,
        "lease": str(slot.lease),
        "expires_at": slot.lease_expires_at,
        "queue": {"id": slot.queue_id, "slug": slot.queue.slug, "name": slot.queue.name},
        "task": slot.task_id,
        "guidelines_version": slot.guidelines.number if slot.guidelines else None,
        "form": slot.form.questions if slot.form else [],
        "prompt": {"messages": prompt.messages, "context": prompt.context, "language": prompt.language},
        "candidates": [{"key": candidate.key, "text": candidate.text} for candidate in candidates(slot)],
        "draft": {"revision": draft.revision, "answers": draft.answers} if draft else None,
    }
