"""Keeping what people type before they submit it."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling.errors import Conflict, Fault, Invalid
from labeling.models import Draft, Slot, SlotState, User
from labeling.services import annotations, slots
from labeling.text import unfit_text

MAX_BYTES = 4_000_000


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def check_storable(answers: Any) -> None:
    """Whether half-done answers can be kept at all. Their meaning is not judged before they are submitted."""
    if not isinstance(answers, dict):
        raise Invalid("The draft is not usable.", errors=[Fault("answers", "Send an object keyed by question name.")])
    for text in _texts(answers):
        problem = unfit_text(text)
        if problem:
            raise Invalid("The draft is not usable.", errors=[Fault("answers", f"A text {problem}")])
    if len(json.dumps(answers, ensure_ascii=False).encode()) > MAX_BYTES:
        raise Invalid("The draft is too large.", errors=[Fault("answers", "At most 4 MB can be kept.")])


@transaction.atomic
def save(
    slot: Slot,
    answers: dict[str, Any],
    *,
    lease: str | uuid.UUID,
    revision: Any,
    version: Any = None,
    by: User,
) -> tuple[Draft, Slot]:
    """Stores the draft and renews the lease. `revision` is the newest one that the writer has seen, 0 for none.

    `version` is given for the draft of a correction: the version of the annotation that is being corrected.

    The same draft sent twice is stored once. Raises StaleDraft when another tab has stored a newer one, LeaseLost,
    Invalid, or Conflict when the task is finished. Leaves no Event: it is typing, not a deed.
    """
    check_storable(answers)
    if isinstance(revision, bool) or not isinstance(revision, int) or not 0 <= revision < 2**31 - 1:
        raise Invalid("The revision is not usable.", errors=[Fault("revision", "Send the last revision seen, or 0.")])
    slot = slots.locked(slot, lease, by=by)
    if version is not None:
        annotations.check_correctable(slot, version)
    elif slot.state != SlotState.LEASED:
        raise Conflict(f"This task is {slot.state} already.")
    stored = Draft.objects.filter(slot=slot, annotator=by).first()
    now = timezone.now()
    if stored and revision < stored.revision:
        # A repeat whose first answer got lost on the way says what is stored already: that is no conflict.
        if not (revision == stored.revision - 1 and stored.answers == answers):
            raise annotations.newer_draft(stored)
        draft = stored
    elif stored:
        stored.revision, stored.answers, stored.saved_at = revision + 1, answers, now
        stored.save(update_fields=["revision", "answers", "saved_at"])
        draft = stored
    else:
        draft = Draft.objects.create(slot=slot, annotator=by, revision=revision + 1, answers=answers, saved_at=now)
    if slot.state == SlotState.LEASED:
        slot.lease_expires_at = now + slots.lease_length(slot.queue)
        slot.save(update_fields=["lease_expires_at"])
    return draft, slot
