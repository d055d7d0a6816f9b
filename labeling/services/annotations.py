"""Submitting answers."""

from __future__ import annotations

import math
import uuid
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling import questions
from labeling.errors import Conflict, Fault, Invalid
from labeling.models import Annotation, Draft, Slot, SlotState, Task, User
from labeling.selectors import slots as slot_reads
from labeling.services import events, slots


def clean_seconds(value: Any) -> float | None:
    """Active seconds as the page measured them, or None. Raises Invalid for what is no time."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise Invalid("The time is not usable.", errors=[Fault("active_seconds", "Send seconds, 0 or more.")])
    return float(min(value, 86_400))


@transaction.atomic
def submit(
    slot: Slot,
    answers: Any,
    *,
    lease: str | uuid.UUID,
    active_seconds: Any = None,
    by: User,
) -> tuple[Annotation, bool]:
    """Turns answers into an annotation and finishes the slot, all or nothing.

    Returns the annotation and whether this call made it: the same lease sent again gets the same annotation.
    Raises LeaseLost, InvalidAnswers with a fault for each question, or Conflict when the task was skipped.
    """
    slot = slots.locked(slot, lease, by=by)
    if slot.state == SlotState.SUBMITTED:
        return Annotation.objects.filter(slot=slot).order_by("-version")[:1].get(), False
    if slot.state == SlotState.SKIPPED:
        raise Conflict("This task was skipped, so it cannot be submitted.")
    if slot.form is None or slot.guidelines is None:
        raise AssertionError("a leased slot pins its form and guidelines")
    cleaned = questions.clean_answers(slot.form.questions, answers, slot_reads.shown(slot))
    annotation = Annotation.objects.create(
        slot=slot,
        annotator=by,
        queue=slot.queue,
        answers=cleaned,
        form=slot.form,
        guidelines=slot.guidelines,
        active_seconds=clean_seconds(active_seconds),
    )
    slot.state, slot.finished_at = SlotState.SUBMITTED, timezone.now()
    slot.save(update_fields=["state", "finished_at"])
    Draft.objects.filter(slot=slot, annotator=by).delete()
    # Two last submits at once must see each other: the lock on the task's row puts them in line.
    slots.settle_task(Task.objects.select_for_update(no_key=True).get(pk=slot.task_id))
    events.record("annotation.submitted", annotation, by=by, project=slot.queue.project, slot=slot.pk)
    return annotation, True
