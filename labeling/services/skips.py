"""Skipping a task, and what the queue's rules make of it."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from labeling.errors import Conflict, Fault, Invalid
from labeling.models import Queue, SkipReason, Slot, SlotState, Task, TaskState, User
from labeling.services import claims, events, locks, seats, slots, tasks
from labeling.text import unfit_text


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
    stood = Slot.objects.select_related("queue", "task").filter(pk=slot.pk).first()
    rule = stood.queue.skip_rules.get(reason) if stood is not None else None
    if stood is not None and rule:
        # The rule may close the task, and open one elsewhere: what that locks comes before the slot.
        locks.share_queues(stood.queue.project_id)
        target = _target(rule, stood)
        seats.hold([stood.task_id, *(tasks.other_task_ids(stood.task, target) if target else [])])
    slot = slots.locked(slot, lease, by=by)
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
    if rule:
        _apply(rule, slot)
    return slot


def _open_fresh_seat(slot: Slot) -> None:
    """Opens a new slot in the seat that a skip left, its order of candidates drawn anew.

    Opens none when the overlap was lowered meanwhile, so that the other seats are as many as are asked for.
    """
    task = Task.objects.select_for_update(no_key=True).get(pk=slot.task_id)
    number = Slot.objects.filter(task=task).exclude(state=SlotState.SKIPPED).count()
    if task.state == TaskState.RETIRED or number >= task.overlap:
        slots.settle_task(task.pk)
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO labeling_slot (queue_id, task_id, seat, priority, language, place, reopened_xid,
                                       candidate_order, state, skip_reason, skip_comment)
            SELECT s.queue_id, s.task_id, s.seat, s.priority, s.language,
                   labeling_place(q.ordering, s.priority, s.task_id, s.seat, true), {claims.THIS_XID},
                   COALESCE((SELECT array_agg(c ORDER BY random()) FROM unnest(t.candidate_ids) c), '{{}}'),
                   'open', '', ''
            FROM labeling_slot s JOIN labeling_task t ON t.id = s.task_id JOIN labeling_queue q ON q.id = t.queue_id
            WHERE s.id = %s
            """,  # noqa: S608 - our own constant
            [slot.pk],
        )


def _apply(rule: dict[str, Any], slot: Slot) -> None:
    """What the queue's rule for the reason of a skip says: another person, another queue, or nobody any more."""
    same = Slot.objects.filter(task=slot.task_id, state=SlotState.SKIPPED, skip_reason=slot.skip_reason)
    if same.count() < rule["after"]:
        return
    words = f"skipped {rule['after']} times: {SkipReason(slot.skip_reason).label}"
    target = _target(rule, slot)
    if rule["then"] == "retire":
        tasks.retire(slot.task, by=None, reason=words)
    elif target is not None:
        # Where it cannot go there, because the queue was closed since or shows more responses, it stays where it is.
        with contextlib.suppress(Conflict, Invalid), transaction.atomic():
            tasks.move(slot.task, to=target, by=None, reason=words)


def _target(rule: dict[str, Any], slot: Slot) -> Queue | None:
    """The queue that a rule moves tasks to."""
    return Queue.objects.filter(pk=rule.get("queue") or 0, project=slot.queue.project_id).first()
