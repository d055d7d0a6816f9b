"""Seats that nobody comes back to."""

from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.models import Draft, Event, Project, Queue, Slot, SlotState, Task, TaskState, User
from labeling.services import abandoned, annotations, drafts, queues, slots, tasks
from tests import make

pytestmark = pytest.mark.django_db
ANSWER = {"response": {"text": "Late."}}


@pytest.fixture
def queue(ann: User, ben: User) -> Queue:
    project = make.project(annotators=[ann, ben])
    make.imported(project, 1)
    return make.queue(project, overlap=2)


def left(queue: Queue, by: User, **ago: float) -> Slot:
    """A seat that somebody holds whose lease ran out so long ago."""
    slot = slots.take_next(queue, by=by)
    assert slot is not None
    Slot.objects.filter(pk=slot.pk).update(lease_expires_at=timezone.now() - timedelta(**ago))
    return slot


def too_many(queue: Queue, ann: User, ben: User, **ago: float) -> Slot:
    """Ben's seat, which is not asked for any more since Ann has answered."""
    make.written(queue, ann)
    slot = left(queue, ben, **ago)
    queues.change(queue, overlap=1, by=make.manager(queue.project))
    return slot


def test_a_task_does_not_wait_for_who_has_left(queue: Queue, ann: User, ben: User) -> None:
    slot = too_many(queue, ann, ben, minutes=1)
    assert Task.objects.get().state == TaskState.OPEN
    assert abandoned.reclaim() == 1
    assert not Slot.objects.filter(pk=slot.pk).exists()
    assert Task.objects.get().state == TaskState.DONE
    event = Event.objects.get(verb="slot.closed")
    assert (event.actor, event.data["holder"]) == (None, ben.pk)
    assert abandoned.reclaim() == 0


def test_a_retired_task_does_not_either(queue: Queue, ann: User) -> None:
    left(queue, ann, minutes=1)
    tasks.retire(Task.objects.get(), by=make.manager(queue.project))
    assert abandoned.reclaim() == 1
    assert Slot.objects.count() == 0


def test_who_has_written_something_may_come_back_for_a_day(queue: Queue, ann: User, ben: User) -> None:
    slot = too_many(queue, ann, ben, minutes=1)
    drafts.save(slot, ANSWER, lease=str(slot.lease), revision=0, by=ben)
    Slot.objects.update(lease_expires_at=timezone.now() - timedelta(hours=23))
    assert abandoned.reclaim() == 0
    Slot.objects.filter(pk=slot.pk).update(lease_expires_at=timezone.now() - timedelta(hours=25))
    assert abandoned.reclaim() == 1
    assert Draft.objects.get(annotator=ben).answers == ANSWER  # with another seat of the task


def test_what_is_wanted_stays_for_who_comes_late(queue: Queue, ann: User) -> None:
    slot = left(queue, ann, days=3)
    assert abandoned.reclaim() == 0
    assert annotations.submit(slot, ANSWER, lease=str(slot.lease), by=ann)[1]


def test_who_is_at_work_keeps_what_is_too_many(queue: Queue, ann: User, ben: User) -> None:
    slot = too_many(queue, ann, ben, minutes=-5)
    assert abandoned.reclaim() == 0
    assert annotations.submit(slot, ANSWER, lease=str(slot.lease), by=ben)[1]


def test_what_waits_for_a_closed_account_is_for_anybody(queue: Queue, ann: User, ben: User) -> None:
    project: Project = queue.project
    queues.change(queue, overlap=1, by=make.manager(project))
    slot = tasks.hand(Task.objects.get(), to=ben, by=make.manager(project))
    assert abandoned.reclaim() == 0
    User.objects.filter(pk=ben.pk).update(is_active=False)
    assert slots.take_next(queue, by=ann) is None
    assert abandoned.reclaim() == 1
    taken = slots.take_next(queue, by=ann)
    assert taken is not None
    assert (taken.pk, taken.state) == (slot.pk, SlotState.LEASED)
    assert Event.objects.get(verb="slot.freed").actor is None


def test_a_seat_that_somebody_else_has_freed_meanwhile_stops_nothing(
    queue: Queue, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = make.manager(queue.project)
    slot = tasks.hand(Task.objects.get(), to=ben, by=by)
    User.objects.filter(pk=ben.pk).update(is_active=False)
    free = tasks.hand_to_anybody

    def late(found: Slot, *, by: User | None) -> Slot:
        free(found, by=make.manager(queue.project))
        return free(found, by=by)

    monkeypatch.setattr(tasks, "hand_to_anybody", late)
    assert abandoned.reclaim() == 0
    assert Slot.objects.get(pk=slot.pk).reserved_for is None
