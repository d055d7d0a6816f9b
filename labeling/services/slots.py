"""Taking, skipping and giving back slots."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from labeling.errors import Conflict, Fault, Invalid, LeaseLost
from labeling.models import Annotation, Draft, Queue, QueueState, SkipReason, Slot, SlotState, Task, TaskState, User
from labeling.models.queues import SlotQuerySet
from labeling.services import events
from labeling.services.projects import guidelines_of
from labeling.text import unfit_text

# How long a slot is kept for after the one in hand, unless the page that asked for it asks again: short, because a
# page that was closed cannot say so in every case.
AHEAD_LEASE = timedelta(minutes=2)

# One statement picks and leases. It looks at overdue leases first (they are the oldest work) and then walks the
# index of open slots in the order of offer; SKIP LOCKED lets any number of takers do so at once.
# `OFFSET 0` keeps each NOT EXISTS a probe of the (task, annotator) index for each row that is looked at. Without
# it the planner may turn it into a join over everything the person has ever done, which grows with their history.
# Somebody who is far ahead of the others still walks past the seats that they left for them, one probe each.
_TAKE = """
WITH queue AS (
    SELECT id, form_id, lease_minutes FROM labeling_queue WHERE id = %(queue)s AND state = 'open'
), overdue AS (
    SELECT s.id FROM labeling_slot s
    WHERE s.queue_id = (SELECT id FROM queue) AND s.state = 'leased' AND s.lease_expires_at < %(now)s
      AND NOT EXISTS (
        SELECT 1 FROM labeling_slot mine
        WHERE mine.task_id = s.task_id AND mine.annotator_id = %(annotator)s OFFSET 0
      )
      -- A seat that is one too many since the overlap was lowered is its holder's to finish, and nobody else's.
      AND (SELECT count(*) FROM labeling_slot a WHERE a.task_id = s.task_id AND a.state <> 'skipped')
          <= (SELECT overlap FROM labeling_task t WHERE t.id = s.task_id)
    ORDER BY s.lease_expires_at LIMIT 1 FOR UPDATE OF s SKIP LOCKED
), fresh AS (
    SELECT s.id FROM labeling_slot s
    WHERE s.queue_id = (SELECT id FROM queue) AND s.state = 'open' AND NOT EXISTS (SELECT 1 FROM overdue)
      AND NOT EXISTS (
        SELECT 1 FROM labeling_slot mine
        WHERE mine.task_id = s.task_id AND mine.annotator_id = %(annotator)s OFFSET 0
      )
    ORDER BY s.priority DESC, s.id LIMIT 1 FOR UPDATE OF s SKIP LOCKED
)
UPDATE labeling_slot SET
    state = 'leased', annotator_id = %(annotator)s, lease = %(lease)s, leased_at = %(now)s, ahead = %(ahead)s,
    lease_expires_at = %(now)s + CASE WHEN %(ahead)s THEN %(ahead_lease)s
                                      ELSE make_interval(mins => (SELECT lease_minutes FROM queue)) END,
    form_id = (SELECT form_id FROM queue), guidelines_id = %(guidelines)s
WHERE id = (SELECT id FROM overdue UNION ALL SELECT id FROM fresh LIMIT 1)
RETURNING id, EXISTS (
    SELECT 1 FROM labeling_draft d JOIN labeling_slot o ON o.id = d.slot_id
    WHERE d.annotator_id = %(annotator)s AND o.task_id = labeling_slot.task_id AND o.id <> labeling_slot.id
)
"""


def lease_length(queue: Queue) -> timedelta:
    """How long a lease of this queue lasts from its last renewal."""
    return timedelta(minutes=queue.lease_minutes)


def held(queue: Queue, *, by: User) -> Slot | None:
    """The slot that the person has in hand in this queue, if any, overdue or not."""
    return Slot.objects.in_hand_of(by.pk).filter(queue=queue).first()


def take_next(queue: Queue, *, by: User) -> Slot | None:
    """The slot that the person has in hand in this queue already, with its lease renewed; or the one that was kept for
    after it; or the next one there is.

    None when there is nothing for this person now: nothing open that they have not seen, or the queue is paused
    or closed. What someone holds in a paused queue they may finish.
    """
    for _ in range(2):
        try:
            with transaction.atomic():
                return _renew_held(queue, by=by) or _bring_up(queue, by=by) or _lease_next(queue, by=by)
        except IntegrityError:
            # The same person asked twice at once: the other call has the lease, and the next look finds it.
            continue
    return held(queue, by=by)


def take_ahead(queue: Queue, *, by: User) -> Slot | None:
    """A slot for after the one in hand, kept for AHEAD_LEASE: the one kept already, its lease renewed, or the next one.

    `take_next` gives it out once nothing is in hand. None where nothing is in hand, or nothing is left.
    """
    if queue.state != QueueState.OPEN or held(queue, by=by) is None:
        return None
    for _ in range(2):
        try:
            with transaction.atomic():
                return _renew_ahead(queue, by=by) or _lease_next(queue, by=by, ahead=True)
        except IntegrityError:
            continue  # The same person asked twice at once.
    return _kept(queue, by=by).first()


@transaction.atomic
def give_back_ahead(queue: Queue, *, lease: str | uuid.UUID | None = None, by: User) -> None:
    """Whoever leaves gives back at once what was kept for after the slot in hand: any, or only that of this lease."""
    slot = _kept(queue, by=by).select_for_update(no_key=True).first()
    if slot is not None and lease in (None, slot.lease, str(slot.lease)):
        release(slot, by=by)


def _kept(queue: Queue, *, by: User) -> SlotQuerySet:
    return Slot.objects.held_by(by.pk).filter(queue=queue, ahead=True)


def _renew_held(queue: Queue, *, by: User) -> Slot | None:
    slot = Slot.objects.in_hand_of(by.pk).select_for_update(no_key=True).filter(queue=queue).first()
    if slot is None or queue.state == QueueState.CLOSED:
        return None
    slot.lease_expires_at = timezone.now() + lease_length(queue)
    slot.save(update_fields=["lease_expires_at"])
    return slot


def _renew_ahead(queue: Queue, *, by: User) -> Slot | None:
    slot = _kept(queue, by=by).select_for_update(no_key=True).first()
    if slot is None:
        return None
    # It may have been in hand before, with a longer lease.
    slot.lease_expires_at = max(timezone.now() + AHEAD_LEASE, slot.lease_expires_at or timezone.now())
    slot.save(update_fields=["lease_expires_at"])
    return slot


def _bring_up(queue: Queue, *, by: User) -> Slot | None:
    """What was kept for after the slot in hand is in hand now. A paused queue gives out nothing new."""
    if queue.state != QueueState.OPEN:
        return None
    slot = _kept(queue, by=by).select_for_update(no_key=True).first()
    if slot is None:
        return None
    slot.ahead, slot.leased_at = False, timezone.now()
    slot.lease_expires_at = slot.leased_at + lease_length(queue)
    slot.save(update_fields=["ahead", "leased_at", "lease_expires_at"])
    events.record("slot.taken", slot, by=by, project=queue.project)
    return slot


def put_aside(queue: Queue, *, by: User) -> None:
    """The slot in hand becomes the one for after it, so that another one can be in hand. Call it in a transaction.

    What was kept before goes back to the queue. The lease stays as it is.
    """
    slot = Slot.objects.in_hand_of(by.pk).select_for_update(no_key=True).filter(queue=queue).first()
    if slot is not None:
        give_back_ahead(queue, by=by)
        slot.ahead = True
        slot.save(update_fields=["ahead"])


def _lease_next(queue: Queue, *, by: User, ahead: bool = False) -> Slot | None:
    parameters: dict[str, Any] = {
        "queue": queue.pk,
        "annotator": by.pk,
        "lease": uuid.uuid4(),
        "now": timezone.now(),
        "guidelines": guidelines_of(queue.project).pk,
        "ahead": ahead,
        "ahead_lease": AHEAD_LEASE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, parameters)
        row = cursor.fetchone()
    if row is None:
        return None
    slot = Slot.objects.get(pk=row[0])
    if row[1]:
        _bring_draft(slot, by=by)
    events.record("slot.kept" if ahead else "slot.taken", slot, by=by, project=queue.project)
    return slot


def _bring_draft(slot: Slot, *, by: User) -> None:
    """Somebody who left a draft in another seat of the task finds it here, with the responses in the order they knew.

    Not where someone else has begun in this seat, in its own order: the keys in the draft would mean other responses.
    """
    others = Draft.objects.filter(slot__task=slot.task_id, annotator=by).exclude(slot=slot)
    draft = others.select_related("slot").order_by("-saved_at").first()
    if draft is None or Draft.objects.filter(slot=slot).exists():
        return
    order = draft.slot.candidate_order
    if slot.candidate_order != order:
        if sorted(slot.candidate_order) != sorted(order) or Annotation.objects.filter(slot=slot).exists():
            return
        slot.candidate_order = order
        slot.save(update_fields=["candidate_order"])
    draft.slot = slot
    draft.save(update_fields=["slot"])


def locked(slot: Slot, lease: str | uuid.UUID, *, by: User) -> Slot:
    """The slot under a row lock, if this lease is the one on it. Raises LeaseLost, or Invalid for no token at all.

    A lease whose time ran out is good as long as nobody else has taken the slot: typing late loses nothing.
    """
    try:
        token = uuid.UUID(str(lease))
    except ValueError as error:
        raise Invalid(
            "The lease is not a token.", errors=[Fault("lease", "Send the lease as it was given.")]
        ) from error
    found = (
        Slot.objects.select_for_update(of=("self",), no_key=True)
        .select_related("queue__project")
        .filter(pk=slot.pk)
        .first()
    )
    if found is None or found.lease != token or found.annotator_id != by.pk:
        raise LeaseLost("This task is no longer in your hands: your time on it ran out and it went to somebody else.")
    return found


def _open_fresh_seat(slot: Slot) -> None:
    """A new open slot in the seat that a skip left, its order of candidates drawn anew.

    None when the overlap was lowered meanwhile, so that the other seats are as many as are asked for.
    """
    task = Task.objects.select_for_update(no_key=True).get(pk=slot.task_id)
    seats = Slot.objects.filter(task=task).exclude(state=SlotState.SKIPPED).count()
    if task.state == TaskState.RETIRED or seats >= task.overlap:
        settle_task(task)
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO labeling_slot (queue_id, task_id, seat, priority, candidate_order, state,
                                       skip_reason, skip_comment)
            SELECT t.queue_id, t.id, %s, %s,
                   COALESCE((SELECT array_agg(c ORDER BY random()) FROM unnest(t.candidate_ids) c), '{}'),
                   'open', '', ''
            FROM labeling_task t WHERE t.id = %s
            """,
            [slot.seat, slot.priority, slot.task_id],
        )


def close_seats(slot_ids: list[int]) -> list[dict[str, Any]]:
    """Takes away seats that are not asked for any more, and what was left on them: drafts, and submits that were taken
    back. Returns these, for the Event of the deed.
    """
    drafts = Draft.objects.filter(slot__in=slot_ids)
    undone = Annotation.objects.filter(slot__in=slot_ids, undone_at__isnull=False)
    left = [{"annotator": one.annotator_id, "answers": one.answers} for found in (drafts, undone) for one in found]
    drafts.delete()
    undone.delete()
    Slot.objects.filter(pk__in=slot_ids).delete()
    return left


def settle_task(task: Task) -> None:
    """Marks a task done when no seat of it is open or held any more. Call it with the task's row locked."""
    unfinished = Slot.objects.filter(task=task, state__in=[SlotState.OPEN, SlotState.LEASED])
    if task.state == TaskState.OPEN and not unfinished.exists():
        Task.objects.filter(pk=task.pk).update(state=TaskState.DONE)


@transaction.atomic
def skip(slot: Slot, *, lease: str | uuid.UUID, reason: str, comment: Any = "", by: User) -> Slot:
    """Puts a task aside for good for this person, with a reason, and opens its seat for somebody else.

    The same skip sent again changes nothing. Raises LeaseLost, Invalid for an unknown reason, Conflict when the
    task was submitted.
    """
    if reason not in SkipReason.values:
        known = ", ".join(SkipReason.values)
        raise Invalid("Say why you skip it.", errors=[Fault("reason", f"Choose one of: {known}.")])
    comment = comment or ""
    if not isinstance(comment, str) or len(comment) > 5000 or unfit_text(comment):
        raise Invalid("The comment is not usable.", errors=[Fault("comment", "Give text of at most 5000 characters.")])
    slot = locked(slot, lease, by=by)
    if slot.state == SlotState.SKIPPED:
        return slot
    if slot.state == SlotState.SUBMITTED:
        raise Conflict("This task is submitted already, so it cannot be skipped.")
    slot.state, slot.ahead = SlotState.SKIPPED, False
    slot.skip_reason, slot.skip_comment = reason, comment.strip()
    slot.finished_at = timezone.now()
    slot.save(update_fields=["state", "ahead", "skip_reason", "skip_comment", "finished_at"])
    _open_fresh_seat(slot)
    events.record("slot.skipped", slot, by=by, project=slot.queue.project, reason=reason)
    return slot


@transaction.atomic
def release(slot: Slot, *, by: User) -> Slot:
    """Gives a held slot back to its queue. Drafts stay. Raises Conflict when nobody holds it.

    Where the overlap was lowered meanwhile and the task has enough seats without it, the seat is closed.
    """
    slot = Slot.objects.select_for_update(of=("self",), no_key=True).select_related("queue__project").get(pk=slot.pk)
    if slot.state != SlotState.LEASED:
        raise Conflict("Nobody holds this slot.")
    holder = slot.annotator_id
    task = Task.objects.select_for_update(no_key=True).get(pk=slot.task_id)
    seats = Slot.objects.filter(task=task).exclude(state=SlotState.SKIPPED).count()
    if seats > task.overlap or task.state == TaskState.RETIRED:
        events.record(
            "slot.closed", slot, by=by, project=slot.queue.project, holder=holder, drafts=close_seats([slot.pk])
        )
        settle_task(task)
        return slot
    slot.state, slot.annotator, slot.lease = SlotState.OPEN, None, None
    slot.lease_expires_at = slot.leased_at = None
    slot.ahead = False
    slot.form = slot.guidelines = None
    slot.save()
    events.record("slot.released", slot, by=by, project=slot.queue.project, holder=holder)
    return slot


@transaction.atomic
def give_back(slot: Slot, *, lease: str | uuid.UUID, by: User) -> Slot:
    """The holder leaves: the slot is open for others again, and the draft stays. Raises LeaseLost or Conflict."""
    return release(locked(slot, lease, by=by), by=by)
