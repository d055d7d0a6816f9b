"""Reviewing what people have submitted: who reads what next, and what they say of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from labeling.errors import Conflict, Fault, Invalid
from labeling.models import Annotation, Queue, Review, ReviewHold, Task, User, Verdict
from labeling.selectors import reviews as reads
from labeling.services import events, tasks
from labeling.text import unfit_text

# How long answers stay before the reviewer who reads them, from when they were last opened.
HOLD = timedelta(minutes=15)
LONGEST_REASON = 4000

# The oldest answers of a queue that nobody has judged or has before them, after some others. They are the newest of
# their seat, and somebody else's. Two who ask at once get two, for the row is locked until its hold is written.
_NEXT = """
SELECT a.id FROM labeling_annotation a
WHERE a.queue_id = %(queue)s AND a.verdict = '' AND a.undone_at IS NULL AND a.id > %(after)s
  AND a.annotator_id <> %(reviewer)s
  AND NOT EXISTS (SELECT 1 FROM labeling_annotation n
                  WHERE n.slot_id = a.slot_id AND n.version > a.version AND n.undone_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM labeling_reviewhold h
                  WHERE h.annotation_id = a.id AND h.until > %(now)s AND h.reviewer_id <> %(reviewer)s)
ORDER BY a.id LIMIT 1
FOR NO KEY UPDATE OF a SKIP LOCKED
"""


@transaction.atomic
def take_next(queue: Queue, *, by: User, after: int | None = None) -> Annotation | None:
    """The answers that a reviewer reads next, or None where nobody's are left for them.

    Asked again, it gives the same ones until they are judged. With `after`, the id of an annotation, it gives the next
    ones behind it, and the first ones where none are: what is passed over comes up again, for anybody.
    It leaves no Event: nothing is done by looking.
    """
    _lock_reviewer(queue, by)
    if after is None and (held := _held(queue, by)) is not None:
        return _hold(held, by)
    found = _first(queue, by, after=after or 0)
    if found is None and after:
        found = _first(queue, by, after=0)
    ReviewHold.objects.filter(queue=queue, reviewer=by).delete()
    return None if found is None else _hold(found, by)


def _lock_reviewer(queue: Queue, by: User) -> None:
    """One at a time for each person, who may have two tabs: each queue has one hold of theirs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"review {queue.pk} {by.pk}"])


def _held(queue: Queue, by: User) -> int | None:
    """What they have before them, if it still waits for a verdict."""
    hold = ReviewHold.objects.filter(queue=queue, reviewer=by, until__gt=timezone.now()).first()
    return hold.annotation_id if hold and reads.waiting(queue).filter(pk=hold.annotation_id).exists() else None


def _first(queue: Queue, by: User, *, after: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"queue": queue.pk, "reviewer": by.pk, "after": after, "now": timezone.now()})
        row = cursor.fetchone()
    return int(row[0]) if row else None


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

    A rejection says why, for the annotator. With `again` it asks for one answer more in the place of the rejected one;
    a retired task asks nobody. `seen` is the newest review that the reviewer knows of, 0 for none: where somebody else
    has judged meanwhile, nothing is written.

    Returns the review and whether this call made it: the same verdict sent again makes none. Raises Invalid, or
    Conflict for answers that were taken back, corrected or judged meanwhile, or that are one's own.
    """
    verdict, reason = _clean(verdict, reason)
    again = again and verdict == Verdict.REJECTED
    # Seats and tasks first, as everybody locks them; then the answers.
    task = tasks.lock(Task.objects.get(slots=annotation.slot_id)) if again else None
    annotation = (
        Annotation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("queue__project")
        .get(pk=annotation.pk)
    )
    _check(annotation, by)
    newest = reads.newest(annotation)
    if newest and (newest.verdict, newest.reason, newest.reviewer_id) == (verdict, reason, by.pk):
        return newest, False
    if seen is not None and (newest.pk if newest else 0) != seen:
        said = f"{newest.reviewer} has {newest.verdict} them" if newest else "There is no such review"
        raise Conflict(f"{said} meanwhile. Read that first; your verdict can replace it.")
    before = annotation.verdict
    review = Review.objects.create(
        annotation=annotation, queue=annotation.queue, reviewer=by, verdict=verdict, reason=reason
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
        before=before,
    )
    if task is not None:
        tasks.ask_for_another(task, by=by)
    return review, True


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
    newest = Annotation.objects.filter(slot=annotation.slot_id, undone_at__isnull=True).order_by("-version").first()
    if newest is not None and newest.pk != annotation.pk:
        raise Conflict(f"These answers were corrected meanwhile. Version {newest.version} is the newest.")
