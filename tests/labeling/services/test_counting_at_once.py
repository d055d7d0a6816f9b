"""Many write at once on one queue: what is kept stays exact, nobody waits for a count, and nothing locks up."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random

import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from labeling.errors import Conflict, LeaseLost
from labeling.models import PersonCount, Queue, QueueCount, Slot, SlotState, Task, User
from labeling.selectors import counts
from labeling.services import annotations, queues, skips, slots
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)

THREADS, PEOPLE, TASKS, OVERLAP = 6, 6, 30, 3
SUBMIT = """
UPDATE labeling_slot SET state = 'submitted', annotator_id = %s, lease = gen_random_uuid(), finished_at = now()
WHERE id = %s"""


@pytest.fixture
def others() -> Iterator[list[BaseDatabaseWrapper]]:
    """Two more connections, each in a transaction of its own that waits for nobody for more than a moment."""
    with closing(connection.copy()) as one, closing(connection.copy()) as two:
        for other in (one, two):
            other.set_autocommit(False)
            with other.cursor() as cursor:
                cursor.execute("SET lock_timeout = '3s'")
        yield [one, two]


def test_nobody_waits_for_somebody_elses_count(others: list[BaseDatabaseWrapper]) -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 4)
    here, there = make.queue(project), make.queue(project)
    slots_here, slots_there = (list(queue.slots.order_by("pk").values_list("pk", flat=True)) for queue in (here, there))

    def submit(other: BaseDatabaseWrapper, slot: int) -> None:
        with other.cursor() as cursor:
            cursor.execute(SUBMIT, [ann.pk, slot])

    # Each holds the rows of its own count in one queue, and then counts in the other's: of the same person as well.
    one, two = others
    submit(one, slots_here[0])
    submit(two, slots_there[0])
    submit(one, slots_there[1])
    submit(two, slots_here[1])
    submit(one, slots_here[2])
    one.commit()
    assert counts.of_queues([here.pk])[here.pk]["slot.submitted"] == 2
    two.rollback()
    assert counts.of_queues([here.pk])[here.pk]["slot.submitted"] == 2
    submit(two, slots_here[3])
    two.commit()
    assert counts.of_person(ann, [here.pk, there.pk]) == {
        here.pk: counts.Finished(submitted=3),
        there.pk: counts.Finished(submitted=1),
    }
    assert counts.differences() == []
    # No more shards than wrote at once.
    assert set(QueueCount.objects.values_list("shard", flat=True)) <= {0, 1}
    assert set(PersonCount.objects.values_list("shard", flat=True)) <= {0, 1}


def test_a_long_transaction_keeps_nobody_from_counting(others: list[BaseDatabaseWrapper]) -> None:
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 3)
    queue = make.queue(project)
    long, _ = others
    with long.cursor() as cursor:
        cursor.execute("UPDATE labeling_task SET state = 'retired' WHERE id = (SELECT max(id) FROM labeling_task)")
        with connection.cursor() as mine:
            mine.execute("SET lock_timeout = '3s'")
        make.written(queue, ann)
        slots.take_next(queue, by=ben)
    assert counts.of_queues([queue.pk])[queue.pk]["task.retired"] == 0
    long.commit()
    assert counts.of_queues([queue.pk])[queue.pk]["task.retired"] == 1
    assert counts.differences() == []


def test_many_at_once_on_one_queue() -> None:
    people = [make.person() for _ in range(PEOPLE)]
    project = make.project(annotators=people)
    make.imported(project, TASKS)
    queue = make.queue(project, overlap=OVERLAP)
    boss = make.manager(project)
    with ThreadPoolExecutor(THREADS + 1) as pool:
        working = [pool.submit(_work, queue.pk, people, seed) for seed in range(THREADS)]
        managing = pool.submit(_manage, queue.pk, boss)
        for one in (*working, managing):
            one.result(timeout=120)
    assert counts.differences() == []
    kept = counts.of_queues([queue.pk])[queue.pk]
    assert kept["slot.submitted"] == Slot.objects.filter(state=SlotState.SUBMITTED).count() > TASKS
    assert kept["slot.skipped"] == Slot.objects.filter(state=SlotState.SKIPPED).count() > 0


def _work(queue_id: int, people: list[User], seed: int) -> None:
    """Everybody's turn comes at random, in every thread."""
    dice = Random(seed)
    with closing(connection):
        queue = Queue.objects.select_related("project").get(pk=queue_id)
        waiting = list(people)
        while waiting:
            person = dice.choice(waiting)
            try:
                slot = slots.take_next(queue, by=person)
                if slot is None:
                    waiting.remove(person)
                elif dice.random() < 0.2:
                    skips.skip(slot, lease=str(slot.lease), reason="other", by=person)
                else:
                    make.answered(slot, person, {"response": {"text": "So."}})
                    if dice.random() < 0.2:
                        slot = annotations.undo(slot, lease=str(slot.lease), by=person)
                        make.answered(slot, person, {"response": {"text": "Better so."}})
            except (LeaseLost, Conflict):
                continue  # Another thread works for the same person and was here first.


def _manage(queue_id: int, boss: User) -> None:
    """Meanwhile the overlap goes up and down, tasks are touched in bulk, and more prompts come in."""
    with closing(connection):
        queue = Queue.objects.select_related("project").get(pk=queue_id)
        for turn, overlap in enumerate((2, 4, OVERLAP)):
            queues.change(queue, overlap=overlap, by=boss)
            make.imported(queue.project, 3, start=TASKS + 3 * turn)
            with transaction.atomic():
                Task.objects.filter(pk__in=list(queue.tasks.order_by("pk").values_list("pk", flat=True)[:5])).update(
                    overlap=overlap
                )
