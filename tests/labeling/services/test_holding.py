"""Holding tasks and their seats beside people who take, submit and skip them: nobody waits in a circle."""

import threading
from functools import partial

import pytest
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from labeling.errors import Conflict
from labeling.models import Queue, Slot, SlotState, Task, TaskState, User, Webhook
from labeling.services import annotations, queues, seats, skips, slots, tasks, webhooks
from tests import make
from tests.labeling.services.waiting import in_a_thread, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def locked(other: BaseDatabaseWrapper, slot_id: int) -> None:
    with other.cursor() as cursor:
        cursor.execute("SELECT FROM labeling_slot WHERE id = %s FOR NO KEY UPDATE", [slot_id])


def scene(people: int, overlap: int) -> tuple[Queue, list[Slot], User]:
    """A task that each of several people holds a seat of, and somebody else who may take one."""
    *crew, cat = (make.person() for _ in range(people + 1))
    project = make.project(annotators=[*crew, cat])
    make.imported(project, 1)
    queue = make.queue(project, overlap=overlap)
    held = [slots.take_next(queue, by=one) for one in crew]
    return queue, [slot for slot in held if slot is not None], cat


def test_a_seat_that_opened_meanwhile_and_is_being_submitted_is_waited_for_with_nothing_in_hand(
    other: BaseDatabaseWrapper,
) -> None:
    queue, (first, second), cat = scene(people=2, overlap=2)
    errors: list[Exception] = []
    # The step has seen which seats there are, and waits for the first of them.
    locked(other, first.pk)
    Queue.objects.filter(pk=queue.pk).update(following_from=0, following_overlap=True, overlap=3)
    step = in_a_thread(lambda: seats.follow(queue), errors)
    wait_for(1)
    # The second is skipped: a new seat opens, which somebody takes and is about to submit.
    assert second.annotator is not None
    skips.skip(second, lease=str(second.lease), reason="other", by=second.annotator)
    fresh = slots.take_next(queue, by=cat)
    assert fresh is not None
    with transaction.atomic():
        slots.locked(fresh, str(fresh.lease), by=cat)
        other.rollback()
        wait_for(1)  # the step, for the seat that is locked here, and with nothing of its own in hand:
        annotations.submit(fresh, {"response": {"text": "So."}}, lease=str(fresh.lease), by=cat)
    step.join(timeout=30)
    assert not step.is_alive()
    assert errors == []
    task = Task.objects.get(queue=queue)
    assert (task.overlap, task.slots.exclude(state=SlotState.SKIPPED).count()) == (3, 3)


def test_who_never_gets_hold_of_them_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    _, (slot,), _ = scene(people=1, overlap=1)
    monkeypatch.setattr(seats, "_MISSED", "SELECT 1")
    with pytest.raises(Conflict, match="Others work on these tasks"), transaction.atomic():
        seats.hold([slot.task_id])


def test_a_task_is_retired_while_somebody_takes_and_submits_it(other: BaseDatabaseWrapper) -> None:
    queue, (first,), cat = scene(people=1, overlap=3)
    boss = make.manager(queue.project)
    errors: list[Exception] = []
    locked(other, first.pk)
    task = Task.objects.get(queue=queue)
    retiring = in_a_thread(lambda: tasks.retire(task, by=boss), errors)
    wait_for(1)
    # It has seen two open seats, of which one is taken and submitted now.
    second = slots.take_next(queue, by=cat)
    assert second is not None
    with transaction.atomic():
        slots.locked(second, str(second.lease), by=cat)
        other.rollback()
        wait_for(1)
        annotations.submit(second, {"response": {"text": "So."}}, lease=str(second.lease), by=cat)
    retiring.join(timeout=30)
    assert errors == []
    task.refresh_from_db()
    assert task.state == TaskState.RETIRED
    assert sorted(task.slots.values_list("state", flat=True)) == [SlotState.LEASED, SlotState.SUBMITTED]


def test_two_who_skip_under_a_rule_that_retires_do_not_wait_for_each_other() -> None:
    queue, held, _ = scene(people=4, overlap=4)
    Queue.objects.filter(pk=queue.pk).update(skip_rules={"other": {"after": 1, "then": "retire"}})
    errors: list[Exception] = []
    together = threading.Barrier(len(held))

    def skip(slot: Slot) -> None:
        together.wait()
        assert slot.annotator is not None
        skips.skip(slot, lease=str(slot.lease), reason="other", by=slot.annotator)

    threads = [in_a_thread(partial(skip, slot), errors) for slot in held]
    for thread in threads:
        thread.join(timeout=30)
    assert errors == []
    assert Task.objects.get(queue=queue).state == TaskState.RETIRED
    assert not Slot.objects.filter(queue=queue).exclude(state=SlotState.SKIPPED).exists()


def test_a_submit_is_taken_back_beside_a_step(other: BaseDatabaseWrapper) -> None:
    ann = make.person()
    project = make.project(annotators=[ann])
    make.imported(project, 3)
    queue = make.queue(project, overlap=1)
    done = slots.take_next(queue, by=ann)
    assert done is not None
    make.answered(done, ann, {"response": {"text": "So."}})
    in_hand = slots.take_next(queue, by=ann)
    ahead = slots.take_ahead(queue, by=ann)
    assert in_hand is not None
    assert ahead is not None
    assert done.pk < in_hand.pk < ahead.pk
    errors: list[Exception] = []
    # The step holds the first of the two and waits for the other; the undo wants both of them.
    locked(other, ahead.pk)
    Queue.objects.filter(pk=queue.pk).update(following_from=0)
    step = in_a_thread(lambda: seats.follow(queue), errors)
    wait_for(1)
    undoing = in_a_thread(lambda: annotations.undo(done, lease=str(done.lease), by=ann), errors)
    wait_for(2)
    other.rollback()
    for thread in (step, undoing):
        thread.join(timeout=30)
    assert errors == []
    assert Slot.objects.in_hand_of(ann.pk).get() == done


def test_a_change_is_taken_where_its_tasks_cannot_be_held_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    queue, _, _ = scene(people=1, overlap=1)
    with monkeypatch.context() as patched:
        patched.setattr(seats, "_MISSED", "SELECT 1")
        queues.change(queue, overlap=2, by=make.manager(queue.project))
        assert seats.is_unfinished()
        seats.follow_all(seconds=1)
    seats.follow_all(seconds=10)
    assert not seats.is_unfinished()
    assert Slot.objects.filter(queue=queue).count() == 2


def test_a_webhook_is_deleted_beside_a_submit() -> None:
    queue, (slot,), _ = scene(people=1, overlap=1)
    boss = make.manager(queue.project)
    hook, _ = webhooks.create(queue.project, url="https://hooks.example.org/", types=["task.completed"], by=boss)
    assert slot.annotator is not None
    errors: list[Exception] = []
    with transaction.atomic():
        make.answered(slot, slot.annotator, {"response": {"text": "So."}})
        deleting = in_a_thread(lambda: webhooks.delete(hook, by=boss), errors)
        wait_for(1)  # the deletion, for the message that refers to the webhook
    deleting.join(timeout=30)
    assert errors == []
    assert not Webhook.objects.exists()


def test_a_submit_passes_over_a_webhook_that_goes(other: BaseDatabaseWrapper) -> None:
    queue, (slot,), _ = scene(people=1, overlap=1)
    boss = make.manager(queue.project)
    hook, _ = webhooks.create(queue.project, url="https://hooks.example.org/", types=["task.completed"], by=boss)
    assert slot.annotator is not None
    with other.cursor() as cursor:
        cursor.execute("DELETE FROM labeling_webhook WHERE id = %s", [hook.pk])
    make.answered(slot, slot.annotator, {"response": {"text": "So."}})
    other.commit()
    assert Task.objects.get(queue=queue).state == TaskState.DONE
