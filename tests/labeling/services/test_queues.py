"""Queues: which prompts become tasks, and changing the overlap while people work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from labeling import questions
from labeling.errors import Conflict, Invalid
from labeling.importing import PromptLine, Rejected
from labeling.models import Annotation, Draft, Event, Slot, SlotState, Task, TaskState
from labeling.services import drafts, prompts, queues, skips, slots
from tests import make

pytestmark = pytest.mark.django_db


def seats(task: Task) -> int:
    return Slot.objects.filter(task=task).exclude(state=SlotState.SKIPPED).count()


def test_it_works() -> None:
    project = make.project()
    make.imported(project, 2)
    queue = make.queue(project, slug="writing", overlap=3)
    assert Task.objects.filter(queue=queue).count() == 2
    assert Slot.objects.filter(queue=queue, state="open").count() == 6
    event = Event.objects.get(verb="queue.created")
    assert (event.actor, event.project) == (make.manager(project), project)
    assert (event.target_type, event.target_id) == ("queue", queue.pk)
    assert event.data == {"name": "Writing", "preset": "demonstrations", "overlap": 3}
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
    skips.skip(held, lease=str(held.lease), reason="other", by=people[1])
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
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 1)
    queue = make.queue(project, overlap=2)
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    drafts.save(slot, {"response": {"text": "Half a"}}, lease=str(slot.lease), revision=0, by=ann)
    slots.give_back(slot, lease=str(slot.lease), by=ann)
    queue = queues.change(queue, overlap=1, by=make.manager(project))
    assert Slot.objects.get().pk == slot.pk  # the seat without a draft went first
    make.written(queue, ben)
    queue = queues.change(queue, overlap=2, by=make.manager(project))
    other = Slot.objects.get(state="open")
    Draft.objects.create(slot=other, annotator=ann, answers={"response": {"text": "More"}})
    queues.change(queue, overlap=1, by=make.manager(project))
    event = Event.objects.filter(verb="queue.seats_closed").latest("pk")
    assert event.data["drafts"] == [{"annotator": ann.pk, "answers": {"response": {"text": "More"}}}]


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


RANK_AND_SAY_WHY = [
    {"name": "ranking", "type": "rank", "title": "Rank the responses, best first"},
    {"name": "why", "type": "comment", "required": False},
]


def questions_of(slot: Slot | None) -> list[str]:
    assert slot is not None
    assert slot.form is not None
    return [question["name"] for question in slot.form.questions]


def test_another_form_is_a_new_version_and_the_old_one_stays() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    old = queue.form
    queue = queues.change(queue, form=RANK_AND_SAY_WHY, by=make.manager(project))
    assert old is not None
    assert queue.form is not None
    assert (queue.form.number, queue.form.preset) == (2, "")
    old.refresh_from_db()
    assert (old.number, [question["name"] for question in old.questions]) == (1, ["ranking"])
    event = Event.objects.filter(verb="queue.changed").get()
    assert event.data["changed"] == {"form": [1, 2]}


def test_the_same_questions_are_no_change() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    short = [{"name": "ranking", "type": "rank", "title": "Rank the responses, best first"}]
    same: list[dict[str, Any]] = [{"preset": "ranking"}, {"form": short}]
    for sent in same:
        queue = queues.change(queue, **sent, by=make.manager(project))
    assert queue.form_versions.count() == 1
    assert not Event.objects.filter(verb="queue.changed").exists()


def test_a_form_that_is_a_preset_word_for_word_carries_its_name() -> None:
    project = make.project()
    queue = make.queue(project, form=questions.preset_form("kto"))
    assert queue.form is not None
    assert queue.form.preset == "kto"
    queue = queues.change(queue, form=questions.preset_form("helpsteer2"), by=make.manager(project))
    assert queue.form is not None
    assert (queue.form.number, queue.form.preset) == (2, "helpsteer2")


def test_who_holds_a_task_finishes_the_form_they_were_shown_and_the_next_one_gets_the_new() -> None:
    people = [make.person() for _ in range(3)]
    project = make.project(annotators=people)
    make.imported(project, 1, candidates=2)
    queue = make.queue(project, preset="ranking", overlap=3)
    held = slots.take_next(queue, by=people[0])
    queue = queues.change(queue, form=RANK_AND_SAY_WHY, by=make.manager(project))
    again = slots.take_next(queue, by=people[0])
    assert questions_of(again) == questions_of(held) == ["ranking"]
    assert held is not None
    annotation = make.answered(held, people[0], {"ranking": {"groups": [["a"], ["b"]]}})
    assert annotation.form.number == 1
    fresh = slots.take_next(queue, by=people[1])
    assert questions_of(fresh) == ["ranking", "why"]
    assert fresh is not None
    answers = {"ranking": {"groups": [["a"], ["b"]]}, "why": {"text": "A is true."}}
    assert make.answered(fresh, people[1], answers).form.number == 2
    # What was given back is taken anew, with what is asked by then.
    third = slots.take_next(queue, by=people[2])
    assert third is not None
    slots.give_back(third, lease=str(third.lease), by=people[2])
    queue = queues.change(queue, preset="ranking", by=make.manager(project))
    assert questions_of(slots.take_next(queue, by=people[2])) == ["ranking"]
    assert queue.form is not None
    assert queue.form.number == 3


def test_the_range_of_responses_follows_the_form_and_limits_that_were_chosen_stay() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking", candidates_max=4)
    change: dict[str, Any] = {"by": make.manager(project)}
    assert (queue.candidates_min, queue.candidates_max) == (2, 4)
    queue = queues.change(queue, preset="kto", **change)
    assert (queue.candidates_min, queue.candidates_max) == (1, 4)
    queue = queues.change(queue, preset="llama2-pairwise", **change)
    assert (queue.candidates_min, queue.candidates_max) == (2, 2)
    queue = queues.change(queue, preset="demonstrations", **change)
    assert (queue.candidates_min, queue.candidates_max) == (0, 0)
    queue = queues.change(queue, preset="ranking", **change)
    assert (queue.candidates_min, queue.candidates_max) == (2, 9)
    event = Event.objects.filter(verb="queue.changed").latest("pk")
    assert event.data["changed"] == {"form": [4, 5], "candidates_min": [0, 2], "candidates_max": [0, 9]}


def test_prompts_that_the_new_form_can_be_asked_about_become_tasks() -> None:
    project = make.project()
    make.imported(project, 2, candidates=1)
    queue = make.queue(project, preset="ranking")
    assert not queue.tasks.exists()
    queues.change(queue, preset="kto", by=make.manager(project))
    assert queue.tasks.count() == 2


@pytest.mark.parametrize(
    ("preset", "candidates", "wanted", "said"),
    [
        ("demonstrations", 2, {"preset": "ranking"}, "show no responses, and this form is about 2 to 9 responses"),
        ("ranking", 3, {"preset": "llama2-pairwise"}, "show 3 responses, and this form is about 2 responses"),
        ("ranking", 2, {"form": [{"name": "a", "type": "write"}]}, "show 2 responses, and this form is about no"),
        ("kto", 1, {"preset": "ranking"}, "show 1 response, and this form is about 2 to 9 responses"),
    ],
)
def test_a_form_that_open_tasks_cannot_be_asked_is_refused(
    preset: str, candidates: int, wanted: dict[str, Any], said: str
) -> None:
    project = make.project()
    make.imported(project, 2, candidates=candidates)
    queue = make.queue(project, preset=preset)
    with pytest.raises(Invalid) as refused:
        queues.change(queue, **wanted, name="Renamed", by=make.manager(project))
    (fault,) = refused.value.errors
    assert fault.path == next(iter(wanted))
    assert said in fault.message
    assert "Make a new queue" in fault.message
    queue.refresh_from_db()
    assert queue.form is not None
    assert (queue.form.number, queue.name) == (1, queue.slug.title())
    assert queue.form_versions.count() == 1


def test_finished_tasks_hold_no_form_up_but_are_not_opened_again_for_one_that_does_not_fit() -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 1, candidates=3)
    queue = make.queue(project, preset="ranking")
    make.ranked(queue, ann, [[f"Answer {number} to 0"] for number in range(3)])
    change: dict[str, Any] = {"by": make.manager(project)}
    queue = queues.change(queue, preset="llama2-pairwise", **change)
    assert queue.form is not None
    assert queue.form.number == 2
    with pytest.raises(Invalid) as refused:
        queues.change(queue, overlap=2, **change)
    assert [fault.path for fault in refused.value.errors] == ["overlap"]
    queue = queues.change(queue, preset="ranking", overlap=2, **change)
    assert Slot.objects.filter(queue=queue, state="open").count() == 1


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({"form": []}, "form"),
        ({"form": [{"name": "a", "type": "rank", "tie": True}]}, "form[0].tie"),
        ({"preset": "nothing"}, "preset"),
        ({"preset": "ranking", "form": RANK_AND_SAY_WHY}, "form"),
    ],
)
def test_a_mistaken_form_changes_nothing(sent: dict[str, Any], path: str) -> None:
    project = make.project()
    queue = make.queue(project)
    with pytest.raises(Invalid) as refused:
        queues.change(queue, **sent, overlap=3, by=make.manager(project))
    assert [fault.path for fault in refused.value.errors] == [path]
    queue.refresh_from_db()
    assert queue.overlap == 1


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
