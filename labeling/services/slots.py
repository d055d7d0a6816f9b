"""Taking, skipping and giving back slots."""

from __future__ import annotations

import uuid
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction
from django.db.models.expressions import RawSQL
from django.utils import timezone

from labeling.errors import Conflict, Fault, Invalid, LeaseLost
from labeling.models import (
    Annotation,
    Draft,
    FormVersion,
    GuidelinesVersion,
    Project,
    Queue,
    QueueState,
    Slot,
    SlotState,
    Task,
    TaskState,
    User,
)
from labeling.models.queues import SlotQuerySet
from labeling.prepared import Statement
from labeling.services import claims, events, locks
from labeling.services.queue_settings import is_within_hours

# In the order in which all lock several. Of what was kept: whether it may still come up, and what comes before it.
_MINE = Statement(
    f"""
    SELECT {{slot}}, CASE WHEN slot.ahead THEN {claims.STAYS} END, CASE WHEN slot.ahead THEN {claims.HANDED} END
    FROM labeling_slot slot
    WHERE slot.queue_id = %(queue)s AND slot.annotator_id = %(annotator)s AND slot.state = 'leased'
    ORDER BY slot.id FOR NO KEY UPDATE OF slot
    """,  # noqa: S608 - our own constants
    slot=Slot,
)
_LOCKED = Statement(
    """
    SELECT {slot}, {queue}, {project}, {form}, {guidelines}
    FROM labeling_slot slot
    JOIN labeling_queue queue ON queue.id = slot.queue_id
    JOIN labeling_project project ON project.id = queue.project_id
    LEFT JOIN labeling_formversion form ON form.id = slot.form_id
    LEFT JOIN labeling_guidelinesversion guidelines ON guidelines.id = slot.guidelines_id
    WHERE slot.id = %(slot)s FOR NO KEY UPDATE OF slot
    """,
    slot=Slot,
    queue=Queue,
    project=Project,
    form=FormVersion,
    guidelines=GuidelinesVersion,
)
# Where a seat stands that is given back: others may have begun its task since it was taken.
_PLACE = """
labeling_place((SELECT ordering FROM labeling_queue q WHERE q.id = labeling_slot.queue_id), priority, task_id, seat,
    EXISTS (SELECT 1 FROM labeling_slot other WHERE other.task_id = labeling_slot.task_id AND other.state <> 'open'))
"""
_SETTLE = Statement("SELECT labeling_settle(%(task)s)")


def lease_length(queue: Queue) -> timedelta:
    """How long a lease of this queue lasts from its last renewal."""
    return timedelta(minutes=queue.lease_minutes)


def gives_out(queue: Queue) -> bool:
    """Whether the queue gives out work now: it is open, and the time is within its dates and opening hours."""
    now = timezone.now()
    return (
        queue.state == QueueState.OPEN
        and (queue.opens_at is None or queue.opens_at <= now)
        and (queue.closes_at is None or now < queue.closes_at)
        and is_within_hours(queue.hours, now)
    )


def take_next(queue: Queue, *, by: User, kept: bool = False) -> Slot | None:
    """The slot that the person has in hand in this queue already, with its lease renewed; or the one that was kept for
    after it; or the next one there is.

    None when there is nothing for this person now: nothing open that they have not seen, or the queue is paused
    or closed. What someone holds in a paused queue they may finish. `kept` is for who knows that one was kept: it
    changes nothing but how it is found.
    """
    return (None if kept else _taken_at_once(queue, by=by)) or _taken_in_turn(queue, by=by)


def _taken_at_once(queue: Queue, *, by: User) -> Slot | None:
    if queue.most_in_all is not None or queue.most_per_day is not None or not gives_out(queue):
        return None
    try:
        # A transaction of somebody else's must survive it; without one, the statement is its own.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            claimed = claims.claim(queue, by=by, at_once=True)
    except IntegrityError:  # another call of the same person came first, and has what they hold now
        return None
    return claimed and claimed[0]


class _Holdings(NamedTuple):
    """What somebody holds of a queue, and whether a seat waits for them that they were handed."""

    in_hand: Slot | None
    kept: Slot | None
    is_handed: bool


def _holdings(queue: Queue, *, by: User) -> _Holdings:
    """What they hold, locked. What was kept for them and is not asked of them any more goes back to the queue."""
    in_hand = kept = None
    is_handed = False
    for slot, stays, handed in _MINE.all(queue=queue.pk, annotator=by.pk, now=timezone.now()):
        slot.queue = queue
        if not slot.ahead:
            in_hand = slot
        elif stays:
            kept, is_handed = slot, handed
        else:
            release(slot, by=by)
    return _Holdings(in_hand, kept, is_handed)


@transaction.atomic
def _taken_in_turn(queue: Queue, *, by: User) -> Slot | None:
    locks.take_turn(queue.pk, by.pk)
    mine = _holdings(queue, by=by)
    if mine.in_hand is not None and queue.state != QueueState.CLOSED:
        return _renewed(mine.in_hand, lease_length(queue))
    if mine.kept is None or mine.is_handed:
        return _lease_next(queue, by=by) or _handed_at_the_cap(queue, mine, by=by)
    return _brought_up(queue, mine.kept, by=by)


def _handed_at_the_cap(queue: Queue, mine: _Holdings, *, by: User) -> Slot | None:
    """What is kept counts as part of somebody's share: where nothing more fits in, it makes way for what they were
    handed, unless they have begun it.
    """
    kept = mine.kept
    if kept is None or not mine.is_handed or not gives_out(queue):
        return None
    begun = Draft.objects.filter(slot=kept, annotator=by).exists() or Annotation.objects.filter(slot=kept).exists()
    if begun:
        return _brought_up(queue, kept, by=by)
    release(kept, by=by)
    return _lease_next(queue, by=by)


@transaction.atomic
def take_ahead(queue: Queue, *, by: User) -> Slot | None:
    """A slot for after the one in hand, kept for a short time: the one kept already, its lease renewed, or the next.

    `take_next` gives it out once nothing is in hand. None where nothing is in hand, or nothing is left.
    """
    locks.take_turn(queue.pk, by.pk)
    if queue.most_in_hand < 2 or not gives_out(queue):
        return None
    mine = _holdings(queue, by=by)
    if mine.in_hand is None:
        return None
    return _renewed(mine.kept, claims.AHEAD_LEASE) if mine.kept else _lease_next(queue, by=by, ahead=True)


@transaction.atomic
def give_back_ahead(queue: Queue, *, lease: str | uuid.UUID | None = None, by: User) -> None:
    """Whoever leaves gives back at once what was kept for after the slot in hand: any, or only that of this lease."""
    slot = _kept(queue, by=by).select_for_update(no_key=True).first()
    if slot is not None and lease in (None, slot.lease, str(slot.lease)):
        release(slot, by=by)


def _kept(queue: Queue, *, by: User) -> SlotQuerySet:
    return Slot.objects.held_by(by.pk).filter(queue=queue, ahead=True)


def _renewed(slot: Slot, length: timedelta) -> Slot:
    """The slot with its lease from now on; what is kept may have been in hand before, with a longer one."""
    end = timezone.now() + length
    if slot.ahead and slot.lease_expires_at is not None:
        end = max(end, slot.lease_expires_at)
    slot.lease_expires_at = end
    slot.save(update_fields=["lease_expires_at"])
    return slot


def _brought_up(queue: Queue, slot: Slot | None, *, by: User) -> Slot | None:
    """What was kept for after the slot in hand is in hand now. A paused queue gives out nothing new."""
    if slot is None or not gives_out(queue):
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
    claimed = claims.claim(queue, by=by, ahead=ahead) if gives_out(queue) else None
    if claimed is None:
        return None
    slot, left_a_draft = claimed
    if left_a_draft:
        _bring_draft(slot, by=by)
    return slot


def _bring_draft(slot: Slot, *, by: User) -> None:
    """Somebody who left a draft in another seat of the task finds it here, with the responses in the order they knew.

    Not where someone else has begun in this seat in another order: the keys in the draft would mean other responses.
    """
    mine = Draft.objects.filter(slot__task=slot.task_id, annotator=by).select_related("slot")
    draft = mine.exclude(slot=slot).order_by("-saved_at").first()
    if draft is None or mine.filter(slot=slot).exists():
        return
    order = draft.slot.candidate_order
    if slot.candidate_order != order:
        begun = Draft.objects.filter(slot=slot).exists() or Annotation.objects.filter(slot=slot).exists()
        if begun or sorted(slot.candidate_order) != sorted(order):
            return
        slot.candidate_order = order
        slot.save(update_fields=["candidate_order"])
    draft.slot = slot
    draft.save(update_fields=["slot"])


def token_of(lease: str | uuid.UUID) -> uuid.UUID:
    """The lease as it stands on a slot. Raises Invalid for what is no token at all."""
    try:
        return uuid.UUID(str(lease))
    except ValueError as error:
        raise Invalid(
            "The lease is not a token.", errors=[Fault("lease", "Send the lease as it was given.")]
        ) from error


def locked(slot: Slot, lease: str | uuid.UUID, *, by: User) -> Slot:
    """The slot under a row lock, if this lease is the one on it. Raises LeaseLost, or Invalid for no token at all.

    A lease whose time ran out is good as long as nobody else has taken the slot: typing late loses nothing.
    """
    token = token_of(lease)
    row = _LOCKED.first(slot=slot.pk)
    if row is None or row[0].lease != token or row[0].annotator_id != by.pk:
        raise LeaseLost("This task is no longer in your hands: your time on it ran out and it went to somebody else.")
    found: Slot
    found, found.queue, found.queue.project, found.form, found.guidelines = row
    return found


def close_seats(slot_ids: list[int]) -> list[dict[str, Any]]:
    """Takes away seats that are not asked for any more, and what was left on them: drafts, and submits that were taken
    back. Returns these, for the Event of the deed.

    A draft goes to another seat of the task that knows the responses in the same order: its writer may still take one.
    """
    drafts = Draft.objects.filter(slot__in=slot_ids)
    for draft in drafts.select_related("slot"):
        others = Slot.objects.filter(task=draft.slot.task_id, candidate_order=draft.slot.candidate_order)
        theirs = Draft.objects.filter(slot__task=draft.slot.task_id, annotator=draft.annotator_id).values("slot")
        stay = others.exclude(pk__in=slot_ids).exclude(pk__in=theirs).exclude(annotator=draft.annotator_id)
        seat = stay.order_by("seat", "pk").first()
        if seat is not None:
            Draft.objects.filter(pk=draft.pk).update(slot=seat)
    undone = Annotation.objects.filter(slot__in=slot_ids, undone_at__isnull=False)
    left = [{"annotator": one.annotator_id, "answers": one.answers} for found in (drafts, undone) for one in found]
    drafts.delete()
    undone.delete()
    Slot.objects.filter(pk__in=slot_ids).delete()
    return left


def settle_task(task_id: int) -> None:
    """Marks a task done when no seat of it is open or held any more, and puts that into the outbox of the webhooks that
    listen for it. Call it with the task's row locked before: two last submits at once must see each other.
    """
    _SETTLE.run(task=task_id)  # migration 0011


@transaction.atomic
def release(slot: Slot, *, by: User | None) -> Slot:
    """Gives a held slot back to its queue. Drafts stay. Raises Conflict when nobody holds it.

    Where the overlap was lowered meanwhile and the task has enough seats without it, the seat is closed. `by` is None
    where nobody did it.
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
        settle_task(task.pk)
    else:
        slot.state, slot.annotator, slot.lease = SlotState.OPEN, None, None
        slot.lease_expires_at = slot.leased_at = None
        slot.ahead = False
        slot.form = slot.guidelines = None
        slot.save()
        Slot.objects.filter(pk=slot.pk).update(
            reopened_xid=RawSQL(claims.THIS_XID, []),  # noqa: S611 - our own
            place=RawSQL(_PLACE, []),  # noqa: S611 - our own
        )
    # Its holder has not met the task any more: the other seats are theirs to take again.
    if holder is not None:
        claims.announce(slot.task_id, annotator_id=holder)
    if slot.state != SlotState.OPEN:
        return slot
    events.record("slot.released", slot, by=by, project=slot.queue.project, holder=holder)
    return slot


@transaction.atomic
def give_back(slot: Slot, *, lease: str | uuid.UUID, by: User) -> Slot:
    """The holder leaves: the slot is open for others again, and the draft stays. Raises LeaseLost or Conflict."""
    return release(locked(slot, lease, by=by), by=by)
