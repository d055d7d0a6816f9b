"""What managers do with single tasks: retire them, open them again, hand them to somebody, move them elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models.expressions import RawSQL

from labeling.errors import Conflict, Fault, Invalid
from labeling.models import Membership, Queue, QueueState, Slot, SlotState, Task, TaskState, User
from labeling.services import claims, events, locks, seats, slots


def _locked(task: Task) -> Task:
    """The task as it stands, locked with all its seats."""
    seats.hold([task.pk])
    return Task.objects.select_for_update(of=("self",), no_key=True).select_related("queue__project").get(pk=task.pk)


@transaction.atomic
def retire(task: Task, *, by: User | None, reason: str = "") -> Task:
    """Takes a task out of its queue: its open seats are closed. Answers stay, and what somebody holds they may finish.

    A task that is retired already stays so. `by` is None where a rule did it.
    """
    task = _locked(task)
    if task.state == TaskState.RETIRED:
        return task
    drafts = slots.close_seats(list(Slot.objects.filter(task=task, state=SlotState.OPEN).values_list("pk", flat=True)))
    task.state = TaskState.RETIRED
    task.save(update_fields=["state"])
    events.record("task.retired", task, by=by, project=task.queue.project, reason=reason, drafts=drafts)
    return task


@transaction.atomic
def reopen(task: Task, *, by: User | None) -> Task:
    """Brings a retired task back, with the seats it lacks; of one that lacks none it asks for one answer more.

    `by` is None where a rule did it.
    """
    task = _locked(task)
    if task.state == TaskState.OPEN:
        raise Conflict("This task is open.")
    # The overlap of the queue may have been raised meanwhile; or lowered, and then there are more answers than that.
    least = task.queue.overlap if task.state == TaskState.RETIRED else 0
    return _extended(task, max(task.overlap, least), "task.reopened", by=by)


@transaction.atomic
def ask_for_another(task: Task, *, by: User) -> bool:
    """Asks for one answer more than a task has or waits for. False for one that is retired or in a closed queue, where
    nobody is asked.
    """
    task = _locked(task)
    if task.state == TaskState.RETIRED or task.queue.state == QueueState.CLOSED:
        return False
    _extended(task, task.overlap + 1, "task.extended", by=by)
    return True


def _extended(task: Task, least: int, verb: str, *, by: User | None) -> Task:
    """The task, open, with an overlap of at least so much and of one more than its seats."""
    taken = Slot.objects.filter(task=task).exclude(state=SlotState.SKIPPED).count()
    task.overlap, task.state = max(least, taken + 1), TaskState.OPEN
    task.save(update_fields=["state", "overlap"])
    seats.add_seats([task.pk])
    task.refresh_from_db()
    events.record(verb, task, by=by, project=task.queue.project, overlap=task.overlap)
    return task


@transaction.atomic
def hand(task: Task, *, to: User, by: User) -> Slot:
    """Hands a free seat of a task to somebody: they get it as their next one, and nobody else gets it meanwhile.

    Raises Invalid for somebody who is not in the project or has met the task, Conflict where no seat is free.
    """
    task = _locked(task)
    if not Membership.objects.filter(project=task.queue.project_id, user=to).exists():
        raise Invalid("They are not in the project.", errors=[Fault("to", "Add them as a member first.")])
    if Slot.objects.filter(task=task, annotator=to).exists():
        raise Invalid(f"{to} has met this task already.", errors=[Fault("to", "Nobody meets a task twice.")])
    if Slot.objects.filter(task=task, reserved_for=to, state=SlotState.OPEN).exists():
        raise Conflict(f"{to} gets this task already.")
    free = Slot.objects.filter(task=task, state=SlotState.OPEN).order_by("seat")
    slot = free.filter(reserved_for=None).first() or free.first()
    if slot is None:
        raise Conflict("No seat of this task is free. Release one, or ask for one answer more.")
    before, slot.reserved_for = slot.reserved_for_id, to
    slot.save(update_fields=["reserved_for"])
    was_for = {"was_for": before} if before else {}
    events.record("slot.handed", slot, by=by, project=task.queue.project, to=to.pk, **was_for)
    return slot


@transaction.atomic
def hand_to_anybody(slot: Slot, *, by: User | None) -> Slot:
    """Takes back that a seat was handed to somebody who has not taken it yet. `by` is None where nobody did it."""
    slot = Slot.objects.select_for_update(of=("self",)).select_related("queue__project").get(pk=slot.pk)
    if slot.state != SlotState.OPEN or slot.reserved_for_id is None:
        raise Conflict("This seat waits for nobody.")
    before, slot.reserved_for = slot.reserved_for_id, None
    slot.save(update_fields=["reserved_for"])
    Slot.objects.filter(pk=slot.pk).update(reopened_xid=RawSQL(claims.THIS_XID, []))  # noqa: S611 - our own
    events.record("slot.freed", slot, by=by, project=slot.queue.project, was_for=before)
    return slot


class Moved(NamedTuple):
    """Where a task went: the task of its prompt over there, and whether that was opened for it, or is as it was."""

    task: Task
    opened: bool


@transaction.atomic
def move(task: Task, *, to: Queue, by: User | None, reason: str = "") -> Moved:
    """Retires a task and sees that its prompt has one in another queue of the project: one that is retired there is
    opened again, one that is open or has its answers stays as it is.

    Raises Invalid for a queue that is closed or of another project, Conflict where the prompt has too few responses.
    """
    locks.share_queues(task.queue.project_id)
    to = Queue.objects.select_related("project").get(pk=to.pk)  # it may have been closed since it was looked up
    if to.project_id != task.queue.project_id or to.pk == task.queue_id:
        raise Invalid("It cannot go there.", errors=[Fault("queue", "Choose another queue of the same project.")])
    if to.state == QueueState.CLOSED:
        raise Invalid("It cannot go there.", errors=[Fault("queue", f"“{to}” is closed. Choose another queue.")])
    # Together, in the one order in which all lock them: somebody may be moving a task the other way.
    seats.hold([task.pk, *other_task_ids(task, to)])
    retire(task, by=by, reason=reason or f"moved to {to.slug}")
    opened = seats.open_tasks(to.project, queue=to, prompt_ids=[task.prompt_id], moved=True) > 0
    there = Task.objects.filter(queue=to, prompt=task.prompt_id).first()
    if there is None:
        raise Conflict(f"The prompt has not as many responses yet as a task of “{to}” shows.")
    if there.state == TaskState.RETIRED:
        there, opened = reopen(there, by=by), True
    events.record("task.moved", task, by=by, project=to.project, to=to.pk, task=there.pk, opened=opened)
    return Moved(there, opened)


def other_task_ids(task: Task, queue: Queue) -> list[int]:
    """The task of the same prompt in another queue, where there is one."""
    return list(Task.objects.filter(queue=queue, prompt=task.prompt_id).values_list("pk", flat=True))


def retire_all(tasks: Sequence[Task], *, by: User, reason: str = "") -> int:
    """Retires several; returns how many were not retired before. Each is a transaction of its own."""
    return sum(
        retire(task, by=by, reason=reason).state == TaskState.RETIRED
        for task in tasks
        if task.state != TaskState.RETIRED
    )
