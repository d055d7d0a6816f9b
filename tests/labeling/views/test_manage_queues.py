from __future__ import annotations

import json
from html import unescape
from typing import Any

import pytest
from django.test import Client

from labeling.models import Project, Queue, Slot, User
from labeling.questions import PRESETS
from labeling.services import locks, skips, slots
from tests import make

NEW = {"name": "Write", "preset": "demonstrations", "overlap": 2, "lease_minutes": 20, "priority": 0, "state": "open"}


@pytest.fixture
def client(alice: User) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice)
    return client


def settings(queue: Queue, **changes: Any) -> dict[str, Any]:
    names = ("name", "overlap", "lease_minutes", "priority", "state")
    return {name: getattr(queue, name) for name in names} | changes


def test_a_queue_is_made_from_a_preset(client: Client, project: Project) -> None:
    make.imported(project, 2)
    offered = unescape(client.get("/projects/haiku/queues/new/").content.decode())
    for preset in PRESETS.values():
        assert preset.source in offered
    made = client.post("/projects/haiku/queues/new/", NEW)
    queue = Queue.objects.get(project=project)
    assert made.headers["Location"] == f"/projects/haiku/queues/{queue.pk}/"
    assert (queue.slug, queue.overlap, queue.lease_minutes) == ("write", 2, 20)
    assert queue.form is not None
    assert queue.form.preset == "demonstrations"
    assert Slot.objects.filter(queue=queue).count() == 4


def test_a_queue_is_made_from_questions_of_ones_own(client: Client, project: Project) -> None:
    form = json.dumps([{"name": "best", "type": "rank", "ties": False}])
    client.post("/projects/haiku/queues/new/", {**NEW, "preset": "own", "form": form})
    queue = Queue.objects.get(project=project)
    assert queue.form is not None
    assert (queue.form.questions[0]["ties"], queue.form.preset) == (False, "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preset": "own", "form": '[{"name": "best", "type": "guess"}]'}, "form[0].type: There is no question type"),
        ({"preset": "own", "form": "[{]"}, "This is not JSON"),
        ({"preset": "own", "form": "[" * 100_000}, "nested too deep"),
        ({"preset": "own", "form": "NaN"}, "NaN is not JSON"),
        ({"preset": "own", "form": '[{"name": "a", "type": "write", "title": "\\u0000"}]'}, "NUL"),
        ({"preset": "own", "form": ""}, "Give at least one question."),
        ({"preset": "none"}, "Select a valid choice"),
        ({"overlap": "0"}, "greater than or equal to 1"),
        ({"overlap": "x"}, "Enter a whole number"),
        ({"lease_minutes": "9" * 40}, "less than or equal to"),
        ({"preset": "ranking", "candidates_min": "12"}, "whole number from 2 to 9"),
        ({"slug": "Not a slug"}, "small letters"),
        ({"name": ""}, "This field is required"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_the_rest_is_kept(
    client: Client, project: Project, changes: dict[str, str], said: str
) -> None:
    answer = client.post("/projects/haiku/queues/new/", {**NEW, "priority": "7", **changes})
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert said in shown
    assert 'name="priority" value="7"' in shown
    assert not Queue.objects.exists()


def test_a_queue_shows_how_far_it_is_and_who_holds_what(
    client: Client, ann: User, alice: User, project: Project
) -> None:
    make.imported(project, 3)
    queue = make.queue(project, overlap=2)
    make.written(queue, ann)
    held = slots.take_next(queue, by=ann)
    skipped = slots.take_next(queue, by=alice)
    assert held is not None
    assert skipped is not None
    skips.skip(skipped, lease=str(skipped.lease), reason="expertise", by=alice)
    shown = client.get(f"/projects/haiku/queues/{queue.pk}/").content.decode()
    assert "1 of 6 submitted, 1 in hand, 4 open" in shown
    assert "I do not know enough about this" in shown
    assert f"/slots/{held.pk}/release/" in shown
    assert "Ran out" not in shown
    Slot.objects.filter(pk=held.pk).update(lease_expires_at="2020-01-01T00:00Z")
    assert "Ran out" in client.get(f"/projects/haiku/queues/{queue.pk}/").content.decode()


def test_settings_change_while_people_work(client: Client, ann: User, project: Project) -> None:
    make.imported(project, 2)
    queue = make.queue(project)
    make.written(queue, ann)
    client.post(f"/projects/haiku/queues/{queue.pk}/settings/", settings(queue, overlap=3, name="More", priority=4))
    queue.refresh_from_db()
    assert (queue.overlap, queue.name, queue.priority) == (3, "More", 4)
    assert Slot.objects.filter(queue=queue).count() == 6


def test_a_button_undoes_nothing_that_another_manager_changes_meanwhile(
    client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = make.queue(project)
    hold = locks.hold_queues

    def meanwhile(held: Project) -> None:
        Queue.objects.filter(pk=queue.pk).update(overlap=3, name="More")
        hold(held)

    monkeypatch.setattr(locks, "hold_queues", meanwhile)
    client.post(f"/projects/haiku/queues/{queue.pk}/settings/", {"state": "paused"})
    queue.refresh_from_db()
    assert (queue.state, queue.overlap, queue.name) == ("paused", 3, "More")


def test_one_button_pauses_and_leaves_the_rest_alone(client: Client, project: Project) -> None:
    queue = make.queue(project, overlap=3, lease_minutes=7)
    client.post(f"/projects/haiku/queues/{queue.pk}/settings/", {"state": "paused"})
    queue.refresh_from_db()
    assert (queue.state, queue.overlap, queue.lease_minutes) == ("paused", 3, 7)
    wrong = client.post(f"/projects/haiku/queues/{queue.pk}/settings/", {"state": "ajar"}, follow=True)
    assert "Choose one of: open, paused, closed." in wrong.content.decode()
    queue.refresh_from_db()
    assert queue.state == "paused"


def test_a_wrong_setting_changes_nothing_and_is_kept_in_its_field(client: Client, project: Project) -> None:
    queue = make.queue(project)
    answer = client.post(f"/projects/haiku/queues/{queue.pk}/settings/", settings(queue, overlap=500, name="New name"))
    assert answer.status_code == 422
    assert 'value="500"' in answer.content.decode()
    queue.refresh_from_db()
    assert (queue.overlap, queue.name) == (1, queue.slug.title())


def test_only_managers_change_a_queue(ann: User, project: Project) -> None:
    queue = make.queue(project)
    for user, status in ((ann, 403), (make.person("charlie"), 404)):
        client = Client()
        client.force_login(user)
        assert client.post(f"/projects/haiku/queues/{queue.pk}/settings/", {"state": "closed"}).status_code == status
        assert client.post("/projects/haiku/queues/new/", NEW).status_code == status
    assert Queue.objects.get().state == "open"


def test_a_queue_of_another_project_is_not_found_here(client: Client, ann: User, alice: User, project: Project) -> None:
    other = make.project(alice, slug="other")
    make.imported(other, 1)
    there, here = make.queue(other), make.queue(project)
    slot = slots.take_next(there, by=alice)
    assert slot is not None
    assert client.get(f"/projects/haiku/queues/{there.pk}/").status_code == 404
    assert client.post(f"/projects/haiku/queues/{there.pk}/settings/", {"state": "closed"}).status_code == 404
    for queue in (there, here):
        assert client.post(f"/projects/haiku/queues/{queue.pk}/slots/{slot.pk}/release/").status_code == 404
    assert Slot.objects.get(pk=slot.pk).state == "leased"
