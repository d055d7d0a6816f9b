"""The slot for after the one in hand: kept for a short time, brought up in its turn, given back quickly."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.models import Event, Membership, Queue, QueueState, Slot, SlotState, Task, User
from labeling.selectors import work
from labeling.services import annotations, drafts, queues, slots, tasks
from tests import make

pytestmark = pytest.mark.django_db
ANSWER = {"response": {"text": "So."}}


@pytest.fixture
def queue(ann: User, ben: User) -> Queue:
    project = make.project(annotators=[ann, ben])
    make.imported(project, 3)
    return make.queue(project, lease_minutes=10)


def took(queue: Queue, by: User) -> Slot:
    slot = slots.take_next(queue, by=by)
    assert slot is not None
    return slot


def kept(queue: Queue, by: User) -> Slot:
    slot = slots.take_ahead(queue, by=by)
    assert slot is not None
    return slot


def test_it_works(queue: Queue, ann: User) -> None:
    first = took(queue, ann)
    second = kept(queue, ann)
    assert second.ahead
    assert second.task_id != first.task_id
    assert second.lease_expires_at is not None
    assert second.lease_expires_at < timezone.now() + timedelta(minutes=3)
    assert took(queue, ann).pk == first.pk
    annotations.submit(first, ANSWER, lease=str(first.lease), by=ann)
    brought = took(queue, ann)
    assert (brought.pk, brought.lease, brought.ahead) == (second.pk, second.lease, False)
    assert brought.lease_expires_at is not None
    assert brought.lease_expires_at > timezone.now() + timedelta(minutes=9)
    verbs = Event.objects.filter(actor=ann, target_id=second.pk, target_type="slot").order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == ["slot.kept", "slot.taken"]


def test_asking_again_keeps_the_same_one_and_renews_it(queue: Queue, ann: User) -> None:
    took(queue, ann)
    second = kept(queue, ann)
    Slot.objects.filter(pk=second.pk).update(lease_expires_at=timezone.now() + timedelta(seconds=5))
    again = kept(queue, ann)
    assert (again.pk, again.lease) == (second.pk, second.lease)
    assert again.lease_expires_at is not None
    assert again.lease_expires_at > timezone.now() + timedelta(seconds=90)


def test_nothing_is_kept_for_who_has_nothing_in_hand(queue: Queue, ann: User) -> None:
    assert slots.take_ahead(queue, by=ann) is None


def test_nothing_is_kept_where_nothing_is_left(queue: Queue, ann: User, ben: User) -> None:
    took(queue, ann)
    kept(queue, ann)
    took(queue, ben)
    assert slots.take_ahead(queue, by=ben) is None
    assert work.left_for(queue, ann).number == 2
    assert work.left_for(queue, ben).number == 1


def test_what_is_kept_is_nobody_elses_until_its_short_lease_ends(queue: Queue, ann: User, ben: User) -> None:
    took(queue, ann)
    second = kept(queue, ann)
    theirs = took(queue, ben)
    assert theirs.pk != second.pk
    annotations.submit(theirs, ANSWER, lease=str(theirs.lease), by=ben)
    assert slots.take_next(queue, by=ben) is None
    Slot.objects.filter(pk=second.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    taken = took(queue, ben)
    assert (taken.pk, taken.annotator_id, taken.ahead) == (second.pk, ben.pk, False)
    assert slots.take_ahead(queue, by=ann) is None


def test_an_overdue_slot_in_hand_is_not_kept_for_after_itself(queue: Queue, ann: User) -> None:
    first = took(queue, ann)
    Slot.objects.filter(pk=first.pk).update(lease_expires_at=timezone.now() - timedelta(minutes=1))
    assert kept(queue, ann).pk != first.pk
    assert took(queue, ann).pk == first.pk


def test_whoever_leaves_gives_back_what_was_kept_at_once(queue: Queue, ann: User, ben: User) -> None:
    first = took(queue, ann)
    second = kept(queue, ann)
    slots.give_back_ahead(queue, lease="some other lease", by=ann)
    assert Slot.objects.get(pk=second.pk).ahead
    slots.give_back_ahead(queue, lease=str(second.lease), by=ann)
    second.refresh_from_db()
    assert (second.state, second.ahead, second.annotator_id) == (SlotState.OPEN, False, None)
    assert took(queue, ann).pk == first.pk
    assert took(queue, ben).pk == second.pk


# Committed: in one transaction a bookmark knows too little to pass over anything.
@pytest.mark.django_db(transaction=True)
def test_whoever_gave_a_task_back_is_offered_its_other_seats_though_they_have_gone_on(ann: User, ben: User) -> None:
    project = make.project(annotators=[ann, ben])
    make.imported(project, 3)
    queue = make.queue(project, overlap=2)
    first, second = took(queue, ann), kept(queue, ann)
    slots.give_back(first, lease=str(first.lease), by=ann)
    assert took(queue, ben).pk == first.pk
    assert took(queue, ann).pk == second.pk
    annotations.submit(second, ANSWER, lease=str(second.lease), by=ann)
    again = took(queue, ann)
    assert (again.task_id, again.seat) == (first.task_id, 2)


def test_a_paused_queue_gives_out_nothing_that_was_only_kept(queue: Queue, ann: User) -> None:
    first = took(queue, ann)
    kept(queue, ann)
    queue = queues.change(queue, state=QueueState.PAUSED, by=make.manager(queue.project))
    annotations.submit(first, ANSWER, lease=str(first.lease), by=ann)
    assert slots.take_next(queue, by=ann) is None
    assert work.left_for(queue, ann).number == 0
    queue = queues.change(queue, state=QueueState.OPEN, by=make.manager(queue.project))
    assert slots.take_next(queue, by=ann) is not None


def test_a_lowered_overlap_leaves_no_seat_too_many(ann: User, ben: User) -> None:
    project = make.project(annotators=[ann, ben])
    make.imported(project, 2)
    queue = make.queue(project, overlap=2)
    took(queue, ann)
    kept(queue, ann)
    took(queue, ben)
    kept(queue, ben)
    queue = queues.change(queue, overlap=1, by=make.manager(project))
    slots.give_back_ahead(queue, by=ann)
    slots.give_back_ahead(queue, by=ben)
    for person in (ann, ben):
        slot = took(queue, person)
        annotations.submit(slot, ANSWER, lease=str(slot.lease), by=person)
    # Both had a task in hand when the overlap was lowered, and finished it.
    counts = [Slot.objects.filter(task=task).count() for task in queue.tasks.all()]
    assert sum(counts) <= 3
    assert all(count >= 1 for count in counts)


def test_the_database_allows_one_in_hand_and_one_kept(queue: Queue, ann: User) -> None:
    took(queue, ann)
    kept(queue, ann)
    third = Slot.objects.get(state=SlotState.OPEN)
    for ahead in (False, True):
        with pytest.raises(IntegrityError, match="slot_one_lease_per_person_and_queue"), transaction.atomic():
            Slot.objects.filter(pk=third.pk).update(
                state=SlotState.LEASED,
                annotator=ann,
                ahead=ahead,
                lease="00000000-0000-0000-0000-000000000000",
                lease_expires_at=timezone.now(),
            )
    with pytest.raises(IntegrityError, match="slot_ahead_is_leased"), transaction.atomic():
        Slot.objects.filter(pk=third.pk).update(ahead=True)


def finished(queue: Queue, by: User) -> Slot:
    """What is kept for somebody who has just submitted what they had in hand."""
    first, second = took(queue, by), kept(queue, by)
    annotations.submit(first, ANSWER, lease=str(first.lease), by=by)
    return second


def test_what_was_retired_meanwhile_does_not_come_up(queue: Queue, ann: User) -> None:
    second = finished(queue, ann)
    tasks.retire(second.task, by=make.manager(queue.project))
    assert took(queue, ann).task_id not in {second.task_id}
    assert not Slot.objects.filter(pk=second.pk).exists()


def test_the_next_is_kept_in_the_place_of_what_was_retired(queue: Queue, ann: User) -> None:
    took(queue, ann)
    second = kept(queue, ann)
    tasks.retire(second.task, by=make.manager(queue.project))
    assert kept(queue, ann).task_id != second.task_id
    assert not Slot.objects.filter(pk=second.pk).exists()


def test_what_is_one_too_many_since_does_not_come_up(queue: Queue, ann: User, ben: User) -> None:
    queue = queues.change(queue, overlap=2, by=make.manager(queue.project))
    for _ in range(3):
        make.written(queue, ben)
    second = finished(queue, ann)
    queue = queues.change(queue, overlap=1, by=make.manager(queue.project))
    assert slots.take_next(queue, by=ann) is None
    assert Task.objects.get(pk=second.task_id).state == "done"


@pytest.mark.parametrize("setting", [{"open_to": "people"}, {"skills": {"law": 2}}, {"by_language": True}])
def test_who_may_take_nothing_more_gets_nothing_more(queue: Queue, ann: User, setting: dict[str, Any]) -> None:
    Membership.objects.filter(user=ann).update(languages=["fr"])
    Slot.objects.update(language="de")
    second = finished(queue, ann)
    queue = queues.change(queue, **setting, by=make.manager(queue.project))
    assert slots.take_next(queue, by=ann) is None
    assert Slot.objects.get(pk=second.pk).state == SlotState.OPEN


def test_what_is_kept_is_part_of_a_share(queue: Queue, ann: User) -> None:
    queue = queues.change(queue, most_in_all=2, by=make.manager(queue.project))
    second = finished(queue, ann)
    assert took(queue, ann).pk == second.pk
    queue = queues.change(queue, most_in_all=1, by=make.manager(queue.project))
    assert took(queue, ann).pk == second.pk  # it is in hand by now


def test_what_was_begun_may_be_finished_in_any_case(queue: Queue, ann: User) -> None:
    second = finished(queue, ann)
    drafts.save(second, ANSWER, lease=str(second.lease), revision=0, by=ann)
    tasks.retire(second.task, by=make.manager(queue.project))
    queue = queues.change(queue, open_to="people", by=make.manager(queue.project))
    assert took(queue, ann).pk == second.pk


def test_what_was_handed_comes_before_what_was_kept(queue: Queue, ann: User) -> None:
    second = finished(queue, ann)
    last = Task.objects.order_by("pk").reverse()[0]
    tasks.hand(last, to=ann, by=make.manager(queue.project))
    handed = took(queue, ann)
    assert handed.task_id == last.pk
    annotations.submit(handed, ANSWER, lease=str(handed.lease), by=ann)
    assert took(queue, ann).pk == second.pk


def test_what_was_handed_comes_first_also_where_what_was_kept_filled_a_share(queue: Queue, ann: User) -> None:
    second = finished(queue, ann)
    queue = queues.change(queue, most_in_all=2, by=make.manager(queue.project))
    last = Task.objects.order_by("pk").reverse()[0]
    tasks.hand(last, to=ann, by=make.manager(queue.project))
    assert took(queue, ann).task_id == last.pk
    assert Slot.objects.get(pk=second.pk).state == SlotState.OPEN
