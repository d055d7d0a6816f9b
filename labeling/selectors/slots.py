"""What an annotator is shown of a slot: never a model's name, a generator or a score."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from labeling.models import Candidate, Draft, FormVersion, GuidelinesVersion, Prompt, Slot, Task, User
from labeling.prepared import Statement
from labeling.questions import Shown


@dataclass(frozen=True)
class ShownCandidate:
    """One candidate as it stands on the screen: `key` in answers, `letter` on the card."""

    key: str
    letter: str
    text: str


# The keys of the candidates on a slot's screen, in the order in which they stand.
KEYS = ascii_lowercase


def key_at(place: int) -> str:
    """The key of the candidate that stands at a place (0 first) on a slot's screen."""
    return KEYS[place]


def candidate_ids_by_key(slot: Slot) -> dict[str, int]:
    """Which candidate each key of this slot's answers means."""
    return {key_at(place): pk for place, pk in enumerate(slot.candidate_order)}


def candidates(slot: Slot) -> list[ShownCandidate]:
    """The slot's candidates in the order that was drawn for it."""
    if not slot.candidate_order:
        return []
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


_HELD = Statement(
    """
    SELECT {task}, {prompt}, {form}, {guidelines}, {draft}
    FROM labeling_slot slot
    JOIN labeling_task task ON task.id = slot.task_id
    JOIN labeling_prompt prompt ON prompt.id = task.prompt_id
    LEFT JOIN labeling_formversion form ON form.id = slot.form_id
    LEFT JOIN labeling_guidelinesversion guidelines ON guidelines.id = slot.guidelines_id
    LEFT JOIN labeling_draft draft ON draft.slot_id = slot.id AND draft.annotator_id = %(person)s
    WHERE slot.id = %(slot)s
    """,
    task=Task,
    prompt=Prompt,
    form=FormVersion,
    guidelines=GuidelinesVersion,
    draft=Draft,
)


def with_draft(slot: Slot, user: User) -> Draft | None:
    """Loads onto the slot what goes with it: task, prompt, form and guidelines. Returns the person's draft."""
    row = _HELD.first(slot=slot.pk, person=user.pk)
    if row is None:
        raise Slot.DoesNotExist
    draft: Draft | None
    slot.task, slot.task.prompt, slot.form, slot.guidelines, draft = row
    return draft


def prompt_payload(prompt: Prompt) -> dict[str, Any]:
    """What the API gives of a prompt to whoever judges it or reviews answers to it."""
    return {
        "messages": prompt.messages,
        "context": prompt.context,
        "tools": prompt.tool_list,
        "language": prompt.language,
    }


def payload(slot: Slot, *, user: User) -> dict[str, Any]:
    """The slot as the contract gives it to its holder."""
    draft = with_draft(slot, user)
    return {
        "slot": slot.pk,
        "lease": str(slot.lease),
        "expires_at": slot.lease_expires_at,
        "queue": {"id": slot.queue_id, "slug": slot.queue.slug, "name": slot.queue.name},
        "task": slot.task_id,
        "guidelines_version": slot.guidelines.number if slot.guidelines else None,
        "form": slot.form.questions if slot.form else [],
        "prompt": prompt_payload(slot.task.prompt),
        "candidates": [{"key": candidate.key, "text": candidate.text} for candidate in candidates(slot)],
        "draft": {"revision": draft.revision, "answers": draft.answers} if draft else None,
    }
