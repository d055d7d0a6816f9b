"""The start page: what waits for whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Slot, User
from labeling.selectors import work
from labeling.services import queues, slots
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


def test_the_count_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SCAN", 3)
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 5)
    queue = make.queue(project)
    assert work.left_for(queue, ann) == work.Left(3, more=True)
    assert [str(work.Left(3)), str(work.Left(2000, more=True)), str(work.Left(0, more=True))] == ["3", "2,000+", "some"]
