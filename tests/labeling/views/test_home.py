"""The start page: what waits for whom."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from random import Random

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Queue, Slot, Task, User
from labeling.selectors import work
from labeling.services import queues, skips, slots, tasks
from tests import make

pytestmark = pytest.mark.django_db


def home(user: User, **cookies: str) -> str:
    client = Client()
    client.force_login(user)
    for name, value in cookies.items():
        client.cookies[name] = value
    return client.get("/").content.decode()


def test_it_works() -> None:
    alice, ann = make.person("alice"), make.person("ann")
    project = make.project(alice, annotators=[ann])
    make.imported(project, 3)
    queue = make.queue(project)
    page = " ".join(home(ann).split())
    assert project.name in page
    assert '<span class="tile__number">3</span> left for you' in page
    assert f'href="/label/{queue.pk}/"' in page
    assert "Manage this project" not in page
    assert "Manage this project" in home(alice)


def test_a_task_in_hand_is_continued_and_a_finished_one_counted() -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 3)
    queue = make.queue(project)
    make.written(queue, ann)
    slots.take_next(queue, by=ann)
    page = home(ann)
    assert "1 done today" in page
    assert "Continue" in page
    assert '<span class="tile__number">2</span>' in page


def test_the_day_begins_where_the_person_is() -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 2)
    queue = make.queue(project)
    make.written(queue, ann)
    # In Kiritimati midnight is 14 hours before that of UTC, in Pago Pago 11 hours after it.
    long_ago = timezone.now() - timedelta(hours=25)
    Slot.objects.filter(annotator=ann).update(finished_at=long_ago)
    assert "None done today" in home(ann, annotate_zone="Pacific/Kiritimati")
    Slot.objects.filter(annotator=ann).update(finished_at=timezone.now())
    assert "1 done today" in home(ann, annotate_zone="Pacific/Pago_Pago")
    assert "1 done today" in home(ann, annotate_zone="../../etc/passwd")


def test_queues_with_a_higher_priority_stand_first() -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    first, last, urgent = (make.queue(project, priority=number) for number in (0, -1, 5))
    page = home(ann)
    assert sorted((first, last, urgent), key=lambda queue: page.index(f'href="/label/{queue.pk}/"')) == [
        urgent, first, last,
    ]  # fmt: skip


def test_a_seat_that_nobody_else_is_to_have_is_left_for_nobody() -> None:
    """A lease that ran out is left for others, but not where the task asks for fewer answers since."""
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 1)
    queue = make.queue(project)
    slots.take_next(queue, by=ben)
    Slot.objects.update(lease_expires_at=timezone.now() - timedelta(minutes=1))
    assert work.left_for(queue, ann).number == 1
    tasks.retire(Task.objects.get(), by=make.manager(project))
    assert work.left_for(queue, ann).number == 0


def test_a_closed_queue_is_not_offered_and_a_paused_one_says_so() -> None:
    alice, ann = make.person("alice"), make.person("ann")
    project = make.project(alice, annotators=[ann])
    make.imported(project, 1)
    closed, paused = make.queue(project, slug="closed-one"), make.queue(project, slug="paused-one")
    queues.change(closed, state="closed", by=alice)
    queues.change(paused, state="paused", by=alice)
    page = home(ann)
    assert closed.name not in page
    assert "a manager opens it again" in page


def test_people_without_projects_are_told_what_happens_next() -> None:
    assert "A manager adds you with your address" in home(make.person("ann"))
    root = make.person("root")
    User.objects.filter(pk=root.pk).update(is_superuser=True)
    assert "Make the first project" in home(root)


def test_tasks_are_counted_and_not_seats() -> None:
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 4)
    queue = make.queue(project, overlap=3)
    make.written(queue, ann)
    assert work.left_for(queue, ann) == work.Left(3)
    assert work.left_for(queue, ben) == work.Left(4)


def test_a_lease_of_another_that_ran_out_is_left_for_me() -> None:
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 1)
    queue = make.queue(project)
    slot = slots.take_next(queue, by=ben)
    assert slot
    assert not work.left_for(queue, ann)
    Slot.objects.filter(pk=slot.pk).update(lease_expires_at=timezone.now() - timedelta(minutes=1))
    assert work.left_for(queue, ann) == work.Left(1)


def test_of_many_seats_the_kept_numbers_say_how_many_tasks_there_are_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SCAN", 3)
    ann, ben, cleo = make.person("ann"), make.person("ben"), make.person("cleo")
    project = make.project(annotators=[ann, ben, cleo])
    make.imported(project, 12)
    queue = make.queue(project, overlap=2)
    assert work.left_for(queue, ann) == work.Left(12, more=True)
    # What she has met does not wait for her, whether others are asked for it or not.
    make.written(queue, ann)
    skipped = slots.take_next(queue, by=ann)
    assert skipped
    skips.skip(skipped, lease=str(skipped.lease), reason="other", by=ann)
    assert slots.take_next(queue, by=ann)
    assert work.left_for(queue, ann) == work.Left(10, more=True)  # the one in hand included
    # Nobody knows where the seats that others hold are the last ones of their tasks.
    assert slots.take_next(queue, by=cleo)
    assert work.left_for(queue, ann) == work.Left(9, more=True)
    assert work.left_for(queue, cleo) == work.Left(11, more=True)
    # A task that is done took its answers with it: they are on no open task.
    make.written(queue, cleo)
    assert work.left_for(queue, ann) == work.Left(10, more=True)
    assert work.left_for(queue, ben) == work.Left(10, more=True)


def test_what_is_left_at_least_is_never_more_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [make.person(name) for name in ("ann", "ben", "cleo")]
    project = make.project(annotators=people)
    make.imported(project, 9)
    queue = make.queue(project, overlap=2)
    dice = Random(7)
    for _ in range(40):
        person = dice.choice(people)
        slot = slots.take_next(queue, by=person)
        if slot is None:
            continue
        if dice.random() < 0.3:
            skips.skip(slot, lease=str(slot.lease), reason="other", by=person)
        elif dice.random() < 0.7:
            make.answered(slot, person, {"response": {"text": "So."}})
        for each in people:
            exactly = work.left_for(queue, each)
            assert not exactly.more
            with monkeypatch.context() as patched:
                patched.setattr(work, "SCAN", 1)
                at_least = work.left_for(queue, each)
            assert at_least.number <= exactly.number


def test_the_count_has_an_end_where_the_kept_numbers_do_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SCAN", 3)
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 5)
    queue = make.queue(project)
    Queue.objects.filter(pk=queue.pk).update(by_language=True)
    queue.refresh_from_db()
    assert work.left_for(queue, ann) == work.Left(3, more=True)


def test_what_is_left_at_least_is_said_in_three_digits() -> None:
    said = [str(work.Left(number, more=True)) for number in (354_729, 2000, 12, 0)]
    assert said == ["354,000+", "2,000+", "12+", "some"]
    assert str(work.Left(3)) == "3"


def test_more_queues_take_no_more_statements(
    django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    ann = make.person("ann")
    queues_made = []
    for _ in range(2):
        project = make.project(annotators=[ann])
        make.imported(project, 3)
        queues_made = [make.queue(project) for _ in range(6)]
    make.written(queues_made[0], ann)
    client = Client()
    client.force_login(ann)
    with django_assert_max_num_queries(12):
        page = client.get("/").content.decode()
    assert page.count("left for you") == 12
    for _ in range(2):
        make.written(queues_made[0], ann)
    client.get(f"/label/{queues_made[0].pk}/")  # the session's first page writes
    with django_assert_max_num_queries(20):
        page = client.get(f"/label/{queues_made[0].pk}/").content.decode()
    assert "That is all for now" in page
    assert page.count("left for you") == 5


def test_the_end_of_a_queue_offers_none_that_is_closed() -> None:
    alice, ann = make.person("alice"), make.person("ann")
    project = make.project(alice, annotators=[ann])
    make.imported(project, 1)
    here, closed, other = make.queue(project), make.queue(project, slug="closed-one"), make.queue(project, slug="open")
    queues.change(closed, state="closed", by=alice)
    make.written(here, ann)
    client = Client()
    client.force_login(ann)
    page = client.get(f"/label/{here.pk}/").content.decode()
    assert f'href="/label/{other.pk}/"' in page
    assert f'href="/label/{closed.pk}/"' not in page


def test_what_is_left_is_no_more_than_the_share_of_a_person() -> None:
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 9)
    queue = make.queue(project)

    def left(**caps: int | None) -> int:
        Queue.objects.filter(pk=queue.pk).update(**caps)
        queue.refresh_from_db()
        found = work.left_for(queue, ann)
        assert not found.more
        return found.number

    assert left(most_in_all=4) == 4
    make.written(queue, ann)
    Slot.objects.filter(annotator=ann).update(finished_at=timezone.now() - timedelta(days=2))
    make.written(queue, ann)
    assert left(most_in_all=4) == 2
    assert left(most_in_all=None, most_per_day=4) == 3
    assert left(most_in_all=2, most_per_day=4) == 0
    assert left(most_in_all=100, most_per_day=None) == 7
    # What is in hand may be finished, whatever the share is meanwhile.
    assert slots.take_next(queue, by=ann)
    assert left(most_in_all=1) == 1
    assert work.left_for(queue, ben).number == 1


def test_nothing_is_left_in_a_queue_that_gives_this_person_nothing() -> None:
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 3)
    queue = make.queue(project)
    assert slots.take_next(queue, by=ben)

    def left(**settings: object) -> list[int]:
        Queue.objects.filter(pk=queue.pk).update(**settings)
        queue.refresh_from_db()
        return [work.left_for(queue, person).number for person in (ann, ben)]

    assert left() == [2, 3]
    assert left(open_to="people") == [0, 1]
    assert left(open_to="members", opens_at=timezone.now() + timedelta(hours=1)) == [0, 1]
    assert left(opens_at=None, closes_at=timezone.now() - timedelta(hours=1)) == [0, 1]
    assert left(closes_at=None, skills={"verse": 1}) == [0, 1]
    assert left(skills={}) == [2, 3]


def test_seats_that_wait_for_somebody_else_are_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 5)
    queue = make.queue(project)
    first = queue.slots.order_by("place")[:1].get()
    Slot.objects.filter(pk=first.pk).update(reserved_for=ben)
    for scan in (2000, 3):
        monkeypatch.setattr(work, "SCAN", scan)
        assert (work.left_for(queue, ann).number, work.left_for(queue, ben).number) == (4, 5)
