"""Reviewing what people have submitted: who reads what next, and what they say of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from labeling.errors import Conflict, Fault, Invalid
from labeling.models import Annotation, Queue, Review, ReviewHold, Slot, User, Verdict
from labeling.selectors import annotations as annotation_reads
from labeling.selectors import reviews as reads
from labeling.services import events, locks, seats, tasks
from labeling.text import unfit_text

# How long answers stay before the reviewer who reads them, from when they were last opened.
HOLD = timedelta(minutes=15)
LONGEST_REASON = 4000

# The oldest answers of a queue that nobody has judged or has before them, behind some others, and somebody else's.
# `OFFSET 0` keeps the look at holds a probe for each row.
_NEXT = """
SELECT a.id FROM labeling_annotation a
WHERE a.queue_id = %(queue)s AND a.verdict = '' AND a.undone_at IS NULL
  AND (a.created_at, a.id) > (%(at)s::timestamptz, %(after)s) AND a.annotator_id <> %(reviewer)s
  AND NOT EXISTS (SELECT 1 FROM labeling_reviewhold h
                  WHERE h.annotation_id = a.id AND h.until > %(now)s AND h.reviewer_id <> %(reviewer)s OFFSET 0)
ORDER BY a.created_at, a.id LIMIT 1
"""
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@transaction.atomic
def take_next(queue: Queue, *, by: User, after: int | None = None) -> Annotation | None:
    """The answers that a reviewer reads next, or None where nobody's are left for them.

    Asked again, it gives the same ones until they are judged. With `after`, the id of an annotation, it gives the next
    ones behind it, and the first ones where none are: what is passed over comes up again, for anybody.
    It leaves no Event: nothing is done by looking.
    """
    locks.take_turn_to_review(queue.pk)
    if after is None and (held := _held(queue, by)) is not None:
        return _hold(held, by)
    found = _first(queue, by, behind=Annotation.objects.filter(pk=after or 0, queue=queue).first())
    ReviewHold.objects.filter(queue=queue, reviewer=by).delete()
    return None if found is None else _hold(found, by)


def _held(queue: Queue, by: User) -> int | None:
    """What they have before them, if it still waits for a verdict."""
    hold = ReviewHold.objects.filter(queue=queue, reviewer=by, until__gt=timezone.now()).first()
    return hold.annotation_id if hold and reads.waiting(queue).filter(pk=hold.annotation_id).exists() else None


def _first(queue: Queue, by: User, *, behind: Annotation | None) -> int | None:
    values: dict[str, Any] = {"queue": queue.pk, "reviewer": by.pk, "now": timezone.now()}
    places = [(behind.created_at, behind.pk)] if behind else []
    with connection.cursor() as cursor:
        for at, after in [*places, (_BEGINNING, 0)]:
            cursor.execute(_NEXT, {**values, "at": at, "after": after})
            if row := cursor.fetchone():
                return int(row[0])
    return None


def _hold(annotation_id: int, by: User) -> Annotation:
    annotation = Annotation.objects.get(pk=annotation_id)
    ReviewHold.objects.update_or_create(
        annotation=annotation,
        defaults={"queue_id": annotation.queue_id, "reviewer": by, "until": timezone.now() + HOLD},
    )
    return annotation


@transaction.atomic
def judge(
    annotation: Annotation, *, verdict: Any, reason: Any = "", again: bool = False, seen: int | None = None, by: User
) -> tuple[Review, bool]:
    """Accepts or rejects answers. The newest verdict is in force; earlier ones are kept.

    A rejection says why, for the annotator. With `again` it asks for one answer more in the place of the rejected one,
    once for each answer; a retired task and a closed queue ask nobody. `seen` is the newest review that the reviewer
    knows of, 0 for none: where somebody else has judged meanwhile, nothing is written.

    Returns the review and whether this call made it: the same verdict sent again makes none. Raises Invalid, or
    Conflict for answers that were taken back, corrected or judged meanwhile, or that are one's own.
    """
    verdict, reason = _clean(verdict, reason)
    annotation = _locked(annotation, with_task=again)
    _check(annotation, by)
    before = reads.newest(annotation)
    again = again and verdict == Verdict.REJECTED and not annotation.reviews.filter(again=True).exists()
    if before and (before.verdict, before.reason, before.reviewer_id) == (verdict, reason, by.pk) and not again:
        return before, False
    _check_seen(before, seen)
    review = Review.objects.create(
        annotation=annotation,
        queue=annotation.queue,
        reviewer=by,
        verdict=verdict,
        reason=reason,
        again=again and tasks.ask_for_another(annotation.slot.task, by=by),
    )
    annotation.verdict = verdict
    annotation.save(update_fields=["verdict"])
    ReviewHold.objects.filter(annotation=annotation).delete()
    events.record(
        "annotation.reviewed",
        annotation,
        by=by,
        project=annotation.queue.project,
        slot=annotation.slot_id,
        verdict=verdict,
        before=before.verdict if before else "",
    )
    return review, True


def _locked(annotation: Annotation, *, with_task: bool) -> Annotation:
    """The answers as they stand. Their seat is locked first, as by whoever corrects them or takes them back, and in one
    go with the rest of the task where that may be asked for more.
    """
    if with_task:
        task_id = Slot.objects.values_list("task_id", flat=True).get(pk=annotation.slot_id)
        seats.hold([task_id], also=[annotation.slot_id])
    else:
        Slot.objects.select_for_update(no_key=True).get(pk=annotation.slot_id)
    return Annotation.objects.select_related("queue__project", "slot__task").get(pk=annotation.pk)


def _clean(verdict: Any, reason: Any) -> tuple[str, str]:
    if verdict not in Verdict.values:
        known = ", ".join(Verdict.values)
        raise Invalid("There is no such verdict.", errors=[Fault("verdict", f"Choose one of: {known}.")])
    if not isinstance(reason, str):
        raise Invalid("The reason is not usable.", errors=[Fault("reason", "Send a text.")])
    reason = reason.strip()
    if unfit := unfit_text(reason):
        raise Invalid("The reason is not usable.", errors=[Fault("reason", unfit)])
    if len(reason) > LONGEST_REASON:
        raise Invalid("The reason is too long.", errors=[Fault("reason", f"At most {LONGEST_REASON} characters.")])
    if verdict == Verdict.REJECTED and not reason:
        said = "Say what is wrong: whoever wrote it reads this, and can do better."
        raise Invalid("A rejection needs a reason.", errors=[Fault("reason", said)])
    return verdict, reason


def _check(annotation: Annotation, by: User) -> None:
    if annotation.undone_at is not None:
        raise Conflict("These answers were taken back by whoever gave them.")
    if annotation.annotator_id == by.pk:
        raise Conflict("These answers are your own. Somebody else has to review them.")
    newest = annotation_reads.current(annotation.slot)
    if newest is not None and newest.pk != annotation.pk:
        raise Conflict(f"These answers were corrected meanwhile. Version {newest.version} is the newest.")


def _check_seen(newest: Review | None, seen: int | None) -> None:
    if seen is None or seen == (newest.pk if newest else 0):
        return
    if newest is None:
        raise Conflict("Nobody has reviewed these answers yet, so there is no such review to be replaced.")
    said = f"{newest.reviewer} has {newest.verdict} them meanwhile."
    raise Conflict(f"{said} Read that first; your verdict can replace it.")
