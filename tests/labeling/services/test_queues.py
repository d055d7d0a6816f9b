"""Queues: which prompts become tasks, and changing the overlap while people work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from labeling.errors import Conflict, Invalid
from labeling.importing import PromptLine, Rejected
from labeling.models import Annotation, Draft, Event, Slot, SlotState, Task, TaskState
from labeling.services import drafts, prompts, queues, slots
from tests import make

pytestmark = pytest.mark.django_db


def seats(task: Task) -> int:
    return Slot.objects.filter(task=task).exclude(state=SlotState.SKIPPED).count()


def test_it_works() -> None:
    project = make.project()
    make.imported(project, 2)
    queue = make.queue(project, overlap=3)
    assert Task.objects.filter(queue=queue).count() == 2
    assert Slot.objects.filter(queue=queue, state="open").count() == 6
    make.imported(project, 1, start=2)
    assert Task.objects.filter(queue=queue).count() == 3


def test_a_ranking_queue_waits_for_enough_candidates() -> None:
    project = make.project()
    make.imported(project, 1, candidates=1)
    make.imported(project, 1, start=1, candidates=2)
    make.imported(project, 1, start=2, candidates=12)
    queue = make.queue(project, preset="ranking")
    assert sorted(len(task.candidate_ids) for task in Task.objects.filter(queue=queue)) == [2, 9]


def test_a_ranking_queue_waits_for_candidates_that_are_on_their_way() -> None:
    project = make.project()
    prompts.expect_candidates(project, 2)
    (prompt,) = make.imported(project, 1, candidates=2)
    ranking, writing = make.queue(project, preset="ranking"), make.queue(project)
    assert not ranking.tasks.exists()
    assert writing.tasks.count() == 1
    prompts.lock([prompt.pk])
    prompts.add_generated(project, [], {prompt.pk: 0})
    assert ranking.tasks.count() == 1


def test_a_closed_queue_gets_its_tasks_when_it_opens_again() -> None:
    project = make.project()
    queue = make.queue(project, state="closed")
    make.imported(project, 2)
    assert not queue.tasks.exists()
    queues.change(queue, state="open", by=make.manager(project))
    assert queue.tasks.count() == 2


def test_raising_the_overlap_opens_seats_on_finished_tasks_too() -> None:
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 2)
    queue = make.queue(project, overlap=1)
    make.written(queue, ann)
    assert Task.objects.filter(state=TaskState.DONE).count() == 1
    queue = queues.change(queue, overlap=2, by=make.manager(project))
    assert all(seats(task) == 2 for task in queue.tasks.all())
    assert not Task.objects.filter(state=TaskState.DONE).exists()
    for _ in range(2):
        make.written(queue, ben)
    assert Task.objects.filter(state=TaskState.DONE).count() == 1


def test_lowering_the_overlap_closes_untouched_seats_and_loses_nothing() -> None:
    people = [make.person() for _ in range(3)]
    project = make.project(annotators=people)
    make.imported(project, 1)
    queue = make.queue(project, overlap=3)
    make.written(queue, people[0])
    held = slots.take_next(queue, by=people[1])
    assert held is not None
    queue = queues.change(queue, overlap=1, by=make.manager(project))
    task = queue.tasks.get()
    assert sorted(task.slots.values_list("state", flat=True)) == ["leased", "submitted"]
    make.answered(held, people[1], {"response": {"text": "In time."}})
    assert Annotation.objects.count() == 2
    task.refresh_from_db()
    assert task.state == TaskState.DONE
    # Two seats are used, so two more people are not asked for when only two are wanted in all.
    queues.change(queue, overlap=2, by=make.manager(project))
    assert slots.take_next(queue, by=people[2]) is None
    queues.change(queue, overlap=3, by=make.manager(project))
    assert slots.take_next(queue, by=people[2]) is not None


def test_a_skip_after_the_overlap_was_lowered_opens_no_seat_too_many() -> None:
    people = [make.person() for _ in range(2)]
    project = make.project(annotators=people)
    make.imported(project, 1)
    queue = make.queue(project, overlap=2)
    make.written(queue, people[0])
    held = slots.take_next(queue, by=people[1])
    assert held is not None
    queues.change(queue, overlap=1, by=make.manager(project))
    slots.skip(held, lease=str(held.lease), reason="other", by=people[1])
    assert seats(queue.tasks.get()) == 1
    assert queue.tasks.get().state == TaskState.DONE


def test_a_change_leaves_one_event_and_no_change_leaves_none() -> None:
    project = make.project()
    queue = make.queue(project)
    queues.change(queue, priority=3, by=make.manager(project))
    queues.change(queue, priority=3, by=make.manager(project))
    assert Event.objects.filter(verb="queue.changed").count() == 1


def test_a_slug_is_taken_once_in_a_project() -> None:
    project = make.project()
    make.queue(project, slug="rank")
    with pytest.raises(Conflict):
        make.queue(project, slug="rank")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"overlap": 0}, "overlap"),
        ({"overlap": True}, "overlap"),
        ({"lease_minutes": 0}, "lease_minutes"),
        ({"state": "ajar"}, "state"),
        ({"preset": "nothing"}, "preset"),
        ({"form": []}, "form"),
        ({"form": [{"name": "a", "type": "write"}, {"name": "a", "type": "write"}]}, "form[1].name"),
        ({"form": [{"name": "a", "type": "write", "min_chars": "3"}]}, "form[0].min_chars"),
        ({"form": [{"name": "a", "type": "rank", "tie": True}]}, "form[0].tie"),
        ({"preset": "ranking", "candidates_min": 1}, "candidates_min"),
    ],
)
def test_a_mistake_is_refused_with_its_path(fields: dict[str, object], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        make.queue(make.project(), **fields)  # type: ignore[arg-type]
    assert [fault.path for fault in refused.value.errors] == [path]


def test_a_closed_seat_hands_its_draft_to_the_log() -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    queue = make.queue(project, overlap=2)
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    drafts.save(slot, {"response": {"text": "Half a"}}, lease=str(slot.lease), revision=0, by=ann)
    slots.give_back(slot, lease=str(slot.lease), by=ann)
    queue = queues.change(queue, overlap=1, by=make.manager(project))
    assert Slot.objects.get().pk == slot.pk  # the seat without a draft went first
    make.written(queue, make.person("ben"))
    queue = queues.change(queue, overlap=2, by=make.manager(project))
    other = Slot.objects.get(state="open")
    Draft.objects.create(slot=other, annotator=ann, answers={"response": {"text": "More"}})
    queues.change(queue, overlap=1, by=make.manager(project))
    event = Event.objects.filter(verb="queue.changed").latest("pk")
    assert event.data["closed_drafts"] == [{"annotator": ann.pk, "answers": {"response": {"text": "More"}}}]


@pytest.mark.parametrize("how", ["given back", "run out"])
def test_a_seat_too_many_is_nobody_elses(how: str) -> None:
    people = [make.person() for _ in range(3)]
    project = make.project(annotators=people)
    make.imported(project, 1)
    queue = make.queue(project, overlap=2)
    make.written(queue, people[0])
    held = slots.take_next(queue, by=people[1])
    assert held is not None
    queue = queues.change(queue, overlap=1, by=make.manager(project))
    if how == "given back":
        slots.give_back(held, lease=str(held.lease), by=people[1])
        assert queue.tasks.get().state == TaskState.DONE
    else:
        Slot.objects.filter(pk=held.pk).update(lease_expires_at=timezone.now() - timedelta(hours=1))
    assert slots.take_next(queue, by=people[2]) is None
    assert Annotation.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_queue_made_while_prompts_come_in_misses_none_of_them() -> None:
    project = make.project()
    made: list[Thread] = []

    def lines_with_a_queue_in_between() -> Iterator[PromptLine | Rejected]:
        yield from make.lines(3)

    def make_queue() -> None:
        try:
            make.queue(project, slug="meanwhile")
        finally:
            connection.close()

    real = queues.open_tasks

    def slow_open_tasks(*args: Any, **kwargs: Any) -> int:
        # The batch has looked for queues and is not committed yet: now somebody makes one.
        opened = real(*args, **kwargs)
        if not made:
            made.append(Thread(target=make_queue))
            made[0].start()
            made[0].join(0.5)
        return opened

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queues, "open_tasks", slow_open_tasks)
        prompts.import_lines(project, lines_with_a_queue_in_between(), source="jsonl", by=make.manager(project))
        made[0].join(20)
    assert Task.objects.count() == 3
