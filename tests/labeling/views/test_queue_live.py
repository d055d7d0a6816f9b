"""The live page of a queue, its skips, and what managers do with single tasks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.models import PersonCount, Project, Queue, Role, Slot, Task, User
from labeling.selectors import live as reads
from labeling.services import projects, queues, skips, slots, tasks
from tests import make


@pytest.fixture
def client(alice: User) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def ben(project: Project, alice: User) -> User:
    """A second annotator."""
    ben = make.person("ben")
    projects.add_member(project, email=ben.email, role=Role.ANNOTATOR, by=alice)
    return ben


def shown(answer: Any) -> str:
    return " ".join(unescape(answer.content.decode()).split())


def live(queue: Queue, query: str = "") -> str:
    return f"/projects/haiku/queues/{queue.pk}/live/{query}"


def act(client: Client, task: Task, /, **sent: Any) -> str:
    address = f"/projects/haiku/queues/{task.queue_id}/tasks/{task.pk}/act/"
    answer = client.post(address, sent, follow=True)
    assert answer.status_code == 200
    return shown(answer)


def skipped(queue: Queue, by: User, reason: str = "unclear", comment: str = "") -> Slot:
    slot = slots.take_next(queue, by=by)
    assert slot is not None
    return skips.skip(slot, lease=str(slot.lease), reason=reason, comment=comment, by=by)


# What happens now


def test_it_says_that_there_is_no_pace_to_go_by(client: Client, project: Project) -> None:
    queue = make.queue(project)
    assert "No task has come into this queue yet." in shown(client.get(live(queue)))
    make.imported(project, 2)
    page = shown(client.get(live(queue)))
    assert "There is no pace to go by yet" in page
    assert "Nobody holds a task at the moment." in page
    assert "No answers in the last 14 days." in page


def test_pace_and_cost_and_end_are_told(client: Client, project: Project, ann: User, ben: User) -> None:
    make.imported(project, 6)
    queue = make.queue(project, price="0.5", currency="EUR")
    for person in (ann, ann, ben):
        make.written(queue, person)
    early = Slot.objects.filter(annotator=ann).earliest("finished_at")
    Slot.objects.filter(pk=early.pk).update(finished_at=timezone.now() - timedelta(minutes=30))
    page = shown(client.get(live(queue)))
    assert "it takes <strong>about 1 h</strong> more" in page
    assert '<th scope="row">Ann</th><td class="number">1</td><td class="number">2</td>' in page
    assert '<th scope="row">Ben</th><td class="number">1</td><td class="number">1</td>' in page
    assert "1.50" in page
    assert "3.00 in all" in page


def test_the_pace_of_last_week_counts_where_the_last_hour_was_quiet(
    client: Client, project: Project, ann: User
) -> None:
    make.imported(project, 9)
    queue = make.queue(project)
    for _ in range(7):
        make.written(queue, ann)
    Slot.objects.filter(annotator=ann).update(finished_at=timezone.now() - timedelta(days=2))
    page = shown(client.get(live(queue)))
    assert "Nobody has answered in the last hour." in page
    assert "<strong>about a day</strong>" in page  # 7 on two days of work, and 2 are left
    best = timezone.now().astimezone(UTC) - timedelta(days=2)
    assert f"7 answers in the last 14 days: 0 today, most on {best:%-d %B} with 7." in page


def test_a_young_queue_is_judged_by_the_days_that_it_has(client: Client, project: Project, ann: User) -> None:
    make.imported(project, 60)
    queue = make.queue(project)
    for _ in range(10):
        make.written(queue, ann)
    Slot.objects.filter(annotator=ann).update(finished_at=timezone.now() - timedelta(days=1))
    assert "<strong>about 5 days</strong>" in shown(client.get(live(queue)))


def test_where_work_has_just_begun_the_last_quarter_of_an_hour_counts(
    client: Client, project: Project, ann: User
) -> None:
    make.imported(project, 10)
    queue = make.queue(project)
    make.written(queue, ann)
    make.written(queue, ann)
    assert "At the pace of the last 15 minutes it takes <strong>about 1 h</strong> more" in shown(
        client.get(live(queue))
    )


def test_what_people_hold_comes_in_pages_what_is_in_hand_first(
    client: Client, project: Project, ann: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "SHOWN", 2)
    make.imported(project, 4)
    queue = make.queue(project)
    in_hand = [slots.take_next(queue, by=person) for person in (ann, ben)]
    ahead = [slots.take_ahead(queue, by=person) for person in (ann, ben)]
    for page, held, others in ((1, in_hand, ahead), (2, ahead, in_hand), (99, ahead, in_hand)):
        told = shown(client.get(live(queue, f"?held={page}")))
        assert all(slot and f'id="release-{slot.pk}"' in told for slot in held)
        assert not any(slot and f'id="release-{slot.pk}"' in told for slot in others)
        assert f"Page {min(page, 2)} of 2: 4 tasks" in told
        assert f"part=now&held={min(page, 2)}" in told


def test_everything_answered_is_said(client: Client, project: Project, ann: User) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    make.written(queue, ann)
    assert "Every answer that was asked for is there." in shown(client.get(live(queue)))


def test_leases_stand_by_their_end_in_words(client: Client, project: Project, ann: User, ben: User) -> None:
    make.imported(project, 4)
    queue = make.queue(project)
    first, second = slots.take_next(queue, by=ann), slots.take_next(queue, by=ben)
    assert first is not None
    assert second is not None
    now = timezone.now()
    Slot.objects.filter(pk=first.pk).update(lease_expires_at=now + timedelta(minutes=3, seconds=30))
    Slot.objects.filter(pk=second.pk).update(lease_expires_at=now - timedelta(minutes=4, seconds=30))
    page = shown(client.get(live(queue)))
    assert "Runs out in 3 min" in page
    assert "Ran out 4 min ago" in page
    assert page.index(f"release-{second.pk}") < page.index(f"release-{first.pk}")


def test_the_part_that_is_fetched_again_is_only_that(client: Client, project: Project) -> None:
    make.imported(project, 1)
    part = client.get(live(make.queue(project), "?part=now"))
    assert b"<html" not in part.content
    assert b"Answers left" in part.content
    assert "no-cache" in part.headers["Cache-Control"]


def test_it_costs_the_same_for_many_people_and_tasks(client: Client, project: Project, ann: User, ben: User) -> None:
    queue = make.queue(project, overlap=3)
    make.imported(project, 2)
    make.written(queue, ann)
    client.get(live(queue))
    with CaptureQueriesContext(connection) as few:
        client.get(live(queue, "?part=now"))
    make.imported(project, 30, start=50)
    for person in (ann, ben, ann, ben):
        make.written(queue, person)
    slots.take_next(queue, by=ann)
    with CaptureQueriesContext(connection) as many:
        client.get(live(queue, "?part=now"))
    assert len(many) == len(few)


def test_reviewers_look_and_touch_nothing(project: Project, ann: User, alice: User) -> None:
    make.imported(project, 2)
    queue = make.queue(project, price="1")
    slots.take_next(queue, by=ann)
    rita = make.person("rita")
    projects.add_member(project, email=rita.email, role=Role.REVIEWER, by=alice)
    client = Client()
    client.force_login(rita)
    page = shown(client.get(live(queue, f"?task={queue.tasks.earliest('pk').pk}")))
    assert "Who holds what" in page
    for word in ("Release", "Retire it", "Cost so far", "Number of the task"):
        assert word not in page
    task = queue.tasks.earliest("pk")
    for address in (f"tasks/{task.pk}/act/", "skips/"):
        assert client.post(f"/projects/haiku/queues/{queue.pk}/{address}").status_code == 403


def test_outsiders_and_annotators_see_nothing(project: Project, ann: User) -> None:
    queue = make.queue(project)
    for user, status in ((ann, 403), (make.person("charlie"), 404)):
        client = Client()
        client.force_login(user)
        for address in ("live/", "live/?part=now", "skips/"):
            assert client.get(f"/projects/haiku/queues/{queue.pk}/{address}").status_code == status


def test_a_release_from_the_live_page_leads_back_to_it(client: Client, project: Project, ann: User) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    answer = client.post(f"/projects/haiku/queues/{queue.pk}/slots/{slot.pk}/release/", {"live": "1"})
    assert answer.headers["Location"] == live(queue)
    assert Slot.objects.get(pk=slot.pk).state == "open"


# One task


def test_a_task_is_found_by_its_number(client: Client, project: Project) -> None:
    make.imported(project, 1)
    queue, other = make.queue(project), make.queue(project)
    task = queue.tasks.get()
    assert "Question 0?" in shown(client.get(live(queue, f"?task={task.pk}")))
    for wrong in (str(other.tasks.get().pk), "x", "-1", "9" * 40, "%00", ""):
        answer = client.get(live(queue, f"?task={wrong}"))
        assert answer.status_code == 200
        assert "in this queue." in shown(answer)


def test_a_task_is_handed_to_somebody_and_to_anybody_again(
    client: Client, project: Project, ann: User, ben: User
) -> None:
    make.imported(project, 3)
    queue = make.queue(project)
    task = queue.tasks.latest("pk")
    assert f"Task {task.pk} waits for Ben: it is what they get next." in act(client, task, deed="hand", to=ben.pk)
    page = shown(client.get(live(queue)))
    assert "Handed to somebody, and waiting" in page
    assert "It is what they get next" in page
    slot = task.slots.get()
    assert slot.reserved_for == ben
    assert "waits for nobody any more" in act(client, task, deed="anybody", slot=slot.pk)
    assert "This seat waits for nobody." in act(client, task, deed="anybody", slot=slot.pk)
    act(client, task, deed="hand", to=ben.pk)
    taken = slots.take_next(queue, by=ben)
    assert taken is not None
    assert taken.task_id == task.pk


def test_only_those_are_offered_who_have_not_met_it(client: Client, project: Project, ann: User, ben: User) -> None:
    make.imported(project, 1)
    queue = make.queue(project, overlap=3)
    make.written(queue, ann)
    queues.change(queue, open_to="people", people=[ann], by=make.manager(project))
    task = queue.tasks.get()
    page = shown(client.get(live(queue, f"?task={task.pk}")))
    assert f'<option value="{ann.pk}">' not in page
    assert f'<option value="{ben.pk}">Ben: not named</option>' in page
    assert "Ann has met this task already." in act(client, task, deed="hand", to=ann.pk)
    act(client, task, deed="hand", to=ben.pk)
    page = shown(client.get(live(queue)))
    assert "They cannot take it now" in page


@pytest.mark.parametrize("to", ["", "x", "9" * 40, "0"])
def test_a_task_is_handed_to_nobody_unknown(client: Client, project: Project, to: str) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    assert "Choose somebody of the project." in act(client, queue.tasks.get(), deed="hand", to=to)


def test_a_task_is_retired_and_opened_again(client: Client, project: Project, ann: User) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    task = queue.tasks.get()
    assert f"Task {task.pk} is retired." in act(client, task, deed="retire")
    assert slots.take_next(queue, by=ann) is None
    assert "it asks for 1 answer now" in act(client, task, deed="reopen")
    make.written(queue, ann)
    page = shown(client.get(live(queue, f"?task={task.pk}")))
    assert "Ask for one answer more" in page
    assert "it asks for 2 answers now" in act(client, task, deed="reopen")
    assert "This task is open." in act(client, task, deed="reopen")
    assert "Press one of the buttons." in act(client, task, deed="eat")


def test_the_prompt_s_page_has_the_deeds_too(client: Client, project: Project, ann: User) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    task = queue.tasks.get()
    page = shown(client.get(f"/projects/haiku/prompts/{task.prompt_id}/"))
    assert "Retire it" in page
    assert f'<option value="{ann.pk}">' in page
    answer = client.post(f"/projects/haiku/queues/{queue.pk}/tasks/{task.pk}/act/", {"deed": "retire", "prompt": "1"})
    assert answer.headers["Location"] == f"/projects/haiku/prompts/{task.prompt_id}/#task-{task.pk}"
    assert "Open it again" in shown(client.get(f"/projects/haiku/prompts/{task.prompt_id}/"))


def test_a_task_of_another_queue_is_not_found_here(client: Client, project: Project) -> None:
    make.imported(project, 1)
    here, there = make.queue(project), make.queue(project)
    task = there.tasks.get()
    answer = client.post(f"/projects/haiku/queues/{here.pk}/tasks/{task.pk}/act/", {"deed": "retire"})
    assert answer.status_code == 404
    assert Task.objects.get(pk=task.pk).state == "open"


# Skips


def where(queue: Queue, query: str = "") -> str:
    return f"/projects/haiku/queues/{queue.pk}/skips/{query}"


def settle(client: Client, queue: Queue, /, **sent: Any) -> str:
    answer = client.post(where(queue), sent, follow=True)
    assert answer.status_code == 200
    return shown(answer)


def test_skips_are_listed_by_reason_with_their_comments(client: Client, project: Project, ann: User, ben: User) -> None:
    make.imported(project, 3)
    queue = make.queue(project, skip_rules={"broken": {"then": "retire", "after": 3}})
    assert "Nothing was skipped" in shown(client.get(where(queue)))
    skipped(queue, ann, "broken", "The <b>table</b> is cut off.")
    skipped(queue, ben, "broken")
    skipped(queue, ann, "unclear", "What is meant?")
    page = shown(client.get(where(queue)))
    assert "retired after 3 skips" in page
    assert "The <b>table</b> is cut off." in page
    assert "&lt;b&gt;table" in client.get(where(queue)).content.decode()
    one = shown(client.get(where(queue, "?reason=unclear")))
    assert "What is meant?" in one
    assert "is cut off" not in one
    assert shown(client.get(where(queue, "?reason=nonsense&after=x"))).count('name="slot"') == 3


def test_skips_come_in_pages(client: Client, project: Project, ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make.imported(project, 5)
    queue = make.queue(project)
    for _ in range(5):
        skipped(queue, ann)
    monkeypatch.setattr("labeling.views.paging.key_page.__kwdefaults__", {"newest_first": False, "size": 2})
    first = shown(client.get(where(queue, "?reason=unclear")))
    assert first.count('name="slot"') == 2
    assert "?reason=unclear&after=" in first


def test_ticked_tasks_are_retired_and_the_rest_is_said(client: Client, project: Project, ann: User) -> None:
    make.imported(project, 3)
    queue = make.queue(project)
    one, two, three = (skipped(queue, ann) for _ in range(3))
    tasks.retire(two.task, by=make.manager(project))
    said = settle(client, queue, deed="retire", which="ticked", slot=[one.pk, two.pk, "x", "9" * 40])
    assert "1 task is retired. 1 task was retired already." in said
    states = list(Task.objects.filter(queue=queue).order_by("pk").values_list("state", flat=True))
    assert states == ["retired", "retired", "open"]
    assert Task.objects.get(pk=three.task_id).state == "open"


def test_all_for_a_reason_are_settled_a_bounded_number_at_a_time(
    client: Client, project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.views.queue_live.BULK", 2)
    make.imported(project, 4)
    queue = make.queue(project)
    for reason in ("broken", "broken", "broken", "unclear"):
        skipped(queue, ann, reason)
    said = settle(client, queue, deed="retire", which="all", reason="broken")
    assert "2 tasks are retired. These were 2 of them. There are more: press again." in said
    assert "1 task is retired." in settle(client, queue, deed="retire", which="all", reason="broken")
    assert "There is none left to do it with." in settle(client, queue, deed="retire", which="all", reason="broken")
    assert Task.objects.filter(queue=queue, state="open").count() == 1


def test_skipped_tasks_ask_for_one_answer_more(client: Client, project: Project, ann: User, ben: User) -> None:
    make.imported(project, 2)
    queue = make.queue(project)
    one, two = skipped(queue, ann), skipped(queue, ann)
    make.written(queue, ben)
    said = settle(client, queue, deed="reopen", which="ticked", slot=[one.pk, two.pk])
    assert "1 task is open again, for one answer more." in said
    assert "1 task was open already: another person gets it." in said
    assert sorted(Task.objects.filter(queue=queue).values_list("overlap", flat=True)) == [1, 2]


def test_skipped_tasks_move_to_another_queue(client: Client, project: Project, ann: User) -> None:
    make.imported(project, 2)
    queue = make.queue(project)
    experts = make.queue(project, slug="experts")
    Task.objects.filter(queue=experts).order_by("pk")[:1].get().delete()
    make.written(experts, ann)
    one, two = skipped(queue, ann), skipped(queue, ann)
    said = settle(client, queue, deed="move", queue=experts.pk, which="ticked", slot=[one.pk, two.pk])
    assert "1 task is retired here and open in Experts." in said
    assert "1 task is retired here; in Experts the prompt has its answers already." in said
    assert set(Task.objects.filter(queue=queue).values_list("state", flat=True)) == {"retired"}
    assert Task.objects.filter(queue=experts).count() == 2


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"deed": "move", "which": "all"}, "Choose the queue that the tasks go to. Nothing was moved."),
        ({"deed": "move", "which": "all", "queue": "999999"}, "Choose the queue"),
        ({"deed": "burn", "which": "all"}, "Press one of the buttons."),
        ({"deed": "retire", "which": "ticked"}, "Tick the tasks first."),
        ({}, "Press one of the buttons."),
    ],
)
def test_what_cannot_be_done_is_said(
    client: Client, project: Project, ann: User, sent: dict[str, str], said: str
) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    skipped(queue, ann)
    assert said in settle(client, queue, **sent)
    assert Task.objects.get(queue=queue).state == "open"


def test_ticks_of_another_queue_do_nothing_here(client: Client, project: Project, ann: User) -> None:
    make.imported(project, 1)
    here, there = make.queue(project), make.queue(project)
    slot = skipped(there, ann)
    settle(client, here, deed="retire", which="ticked", slot=[slot.pk])
    assert Task.objects.get(pk=slot.task_id).state == "open"


def test_days_of_people_who_left_the_project_count(client: Client, project: Project, ann: User) -> None:
    make.imported(project, 2)
    queue = make.queue(project)
    make.written(queue, ann)
    projects.remove_member(ann.memberships.get(), by=make.manager(project))
    assert PersonCount.objects.get(queue=queue).day == datetime.now(UTC).date()
    page = shown(client.get(live(queue)))
    assert "1 answer in the last 14 days: 1 today" in page
    assert '<th scope="row">Ann</th>' in page
