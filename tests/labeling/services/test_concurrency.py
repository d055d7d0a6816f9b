"""Many processes at once on one queue: the counts stay exact."""

import contextlib
import threading
import time
from collections import Counter
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count, Sum

from labeling.models import Annotation, PersonCount, Queue, Slot, SlotState, Task, TaskState, User
from labeling.services import annotations, skips, slots
from tests import make, process

PROCESSES, PEOPLE, TASKS, OVERLAP = 6, 8, 40, 3


@pytest.mark.django_db(transaction=True)
def test_several_processes_taking_at_once_keep_every_promise() -> None:
    project = make.project(annotators=[make.person() for _ in range(PEOPLE)])
    make.imported(project, TASKS)
    queue = make.queue(project, overlap=OVERLAP)
    # Each process works for all people, so the same person is at work in several processes at once.
    takers = [process.start("tests.labeling.services.taker", queue.pk, seed) for seed in range(PROCESSES)]
    process.finish(takers, seconds=120)

    assert not Slot.objects.filter(state=SlotState.LEASED).exists()
    live = Slot.objects.exclude(state=SlotState.SKIPPED).values("task").annotate(seats=Count("pk"))
    assert {row["seats"] for row in live} == {OVERLAP}
    met = Counter(Slot.objects.exclude(annotator=None).values_list("task", "annotator"))
    assert max(met.values()) == 1
    submitted = Slot.objects.filter(state=SlotState.SUBMITTED)
    # Every submitted slot has one annotation that stands, by its own annotator, and there is no other.
    answers = Annotation.objects.filter(undone_at=None)
    assert Counter(answers.values_list("slot", "annotator")) == Counter(submitted.values_list("pk", "annotator"))
    assert submitted.count() > TASKS * OVERLAP * 0.8
    done = Task.objects.filter(state=TaskState.DONE).count()
    assert done == TASKS - Slot.objects.filter(state=SlotState.OPEN).values("task").distinct().count()
    # What is open is open because everybody has met it.
    for slot in Slot.objects.filter(state=SlotState.OPEN):
        assert Slot.objects.filter(task=slot.task).exclude(annotator=None).count() == PEOPLE


@pytest.mark.django_db(transaction=True)
def test_two_who_take_back_on_each_others_tasks_do_not_block_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    ann, ben, cleo, dan = (make.person(name) for name in ("ann", "ben", "cleo", "dan"))
    project = make.project(annotators=[ann, ben, cleo, dan])
    make.imported(project, 4)
    queue = make.queue(project, overlap=2)
    one, others = taken(queue, ann), taken(queue, cleo)
    other, others_too = taken(queue, ben), taken(queue, dan)
    make.answered(one, ann, {"response": {"text": "x"}})
    make.answered(other, ben, {"response": {"text": "x"}})
    assert (others.task_id, others_too.task_id) == (one.task_id, other.task_id)
    # Both have something in hand, and keep a seat of the other one's task for after it.
    taken(queue, ann), taken(queue, ben)
    skips.skip(others_too, lease=str(others_too.lease), reason="other", by=dan)
    kept = slots.take_ahead(queue, by=ann)
    skips.skip(others, lease=str(others.lease), reason="other", by=cleo)
    kept_too = slots.take_ahead(queue, by=ben)
    assert kept
    assert kept_too
    assert (kept.task_id, kept_too.task_id) == (other.task_id, one.task_id)

    meeting = threading.Barrier(2, timeout=5)
    give_back_ahead = slots.give_back_ahead

    def together(queue: Queue, **rest: Any) -> None:
        give_back_ahead(queue, **rest)
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait()

    monkeypatch.setattr(slots, "give_back_ahead", together)
    outcomes: list[object] = []

    def take_back(slot: Slot, by: User) -> None:
        try:
            outcomes.append(annotations.undo(slot, lease=str(slot.lease), by=by).state)
        except Exception as error:  # whatever it is, the test says it
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=take_back, args=pair) for pair in ((one, ann), (other, ben))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [SlotState.LEASED, SlotState.LEASED]


def until_it_waits(thread: threading.Thread) -> None:
    """Waits until a thread has ended, or its connection waits for what this one has locked."""
    while thread.is_alive():
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
            if cursor.fetchone() == (True,):
                return
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("caps", [{"most_in_all": 2}, {"most_per_day": 2}])
def test_one_fetched_ahead_beside_a_submit_goes_over_no_cap(caps: dict[str, Any]) -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 4)
    queue = make.queue(project, **caps)
    in_hand = taken(queue, ann)
    got: list[object] = []

    def goes_on() -> None:
        try:
            make.answered(in_hand, ann, {"response": {"text": "x"}})
            got.append(slots.take_next(queue, by=ann))
        except Exception as error:  # whatever it is, the test says it
            got.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=goes_on)
    with transaction.atomic():
        kept = slots.take_ahead(queue, by=ann)
        thread.start()
        until_it_waits(thread)
    thread.join()
    # One was submitted and one is held: the one that was kept, and no third.
    assert got == [kept]
    assert PersonCount.objects.aggregate(n=Sum("submitted"))["n"] == 1
    assert Slot.objects.filter(state=SlotState.LEASED).count() == 1


def taken(queue: Queue, by: User) -> Slot:
    slot = slots.take_next(queue, by=by)
    assert slot is not None
    return slot
