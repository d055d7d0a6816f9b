"""Submitted answers, with what they are about."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from labeling.models import Annotation, Queue, Slot, SlotState, User
from labeling.selectors import counts


def current(slot: Slot) -> Annotation | None:
    """The newest answers to a slot that were not taken back."""
    return Annotation.objects.filter(slot=slot, undone_at__isnull=True).order_by("-version").first()


def versions(slot: Slot) -> list[Annotation]:
    """Every version of the answers to a slot, the newest first, without what was taken back."""
    found = Annotation.objects.filter(slot=slot, undone_at__isnull=True).select_related("form", "guidelines")
    return list(found.order_by("-version"))


def done_by(user: User, queue: Queue) -> QuerySet[Annotation]:
    """The person's newest answers to each task of a queue, with its prompt, by when they were made or corrected."""
    newer = Annotation.objects.filter(slot=OuterRef("slot"), version__gt=OuterRef("version"), undone_at__isnull=True)
    found = Annotation.objects.filter(annotator=user, queue=queue, undone_at__isnull=True).exclude(Exists(newer))
    return found.select_related("slot__task__prompt", "form")


def number_done(user: User, queue: Queue) -> int:
    """How many tasks of a queue the person has submitted."""
    finished = counts.of_person(user, [queue.pk]).get(queue.pk)
    return finished.submitted if finished else 0


def last_done(user: User, queue: Queue, *, since: datetime) -> Slot | None:
    """The slot that the person submitted last, if it was after a moment and was not corrected since."""
    done = Slot.objects.filter(annotator=user, finished_at__gte=since, state=SlotState.SUBMITTED, queue=queue)
    slot = done.order_by("-finished_at").first()
    if slot is None or Annotation.objects.filter(slot=slot, undone_at__isnull=True).count() != 1:
        return None
    return slot


def with_subjects(annotations: QuerySet[Annotation]) -> QuerySet[Annotation]:
    """The annotations with queue, prompt, annotator and versions at hand, but without the texts of prompt and form."""
    return annotations.select_related("slot__task__prompt", "queue", "annotator", "form", "guidelines").defer(
        "slot__task__prompt__messages",
        "slot__task__prompt__context",
        "slot__task__prompt__tools",
        "slot__task__prompt__metadata",
        "slot__task__prompt__gold",
        "form__questions",
        "guidelines__text",
    )
