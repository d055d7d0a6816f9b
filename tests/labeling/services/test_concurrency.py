"""Many processes at once on one queue: the counts stay exact."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db.models import Count

from labeling.models import Annotation, Slot, SlotState, Task, TaskState
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
