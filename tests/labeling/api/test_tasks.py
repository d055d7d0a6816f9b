"""Tasks, members' skills and batches by API; who may, and what a mistake says."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.models import Membership, Project, Queue, Slot, SlotState, Task, TaskState, User
from labeling.services import slots
from tests import make
from tests.labeling.api.checked import Speaker


@pytest.fixture
def task(project: Project) -> Task:
    make.imported(project, 1)
    make.queue(project, overlap=2)
    return Task.objects.get()


def test_retiring_and_reopening(as_: Speaker, alice: User, task: Task) -> None:
    done = as_(alice).post(f"/api/tasks/{task.pk}/retire/", {"reason": "a duplicate"})
    assert (done.status_code, done.json()["state"]) == (200, "retired")
    again = as_(alice).post(f"/api/tasks/{task.pk}/reopen/", {})
    assert (again.status_code, again.json()["state"]) == (200, "open")
    assert as_(alice).post(f"/api/tasks/{task.pk}/reopen/", {}).status_code == 409
    assert Slot.objects.filter(state=SlotState.OPEN).count() == 2


def test_handing_to_a_member(as_: Speaker, alice: User, ann: User, task: Task) -> None:
    assert as_(alice).post(f"/api/tasks/{task.pk}/hand/", {"to": ann.email.upper()}).status_code == 200
    slot = Slot.objects.get(reserved_for=ann)
    assert as_(alice).post(f"/api/slots/{slot.pk}/free/", {}).status_code == 204
    assert as_(alice).post(f"/api/slots/{slot.pk}/free/", {}).status_code == 409
    unknown = as_(alice).post(f"/api/tasks/{task.pk}/hand/", {"to": "nobody@example.org"})
    assert (unknown.status_code, unknown.json()["errors"][0]["path"]) == (400, "to")


def test_moving_to_another_queue(as_: Speaker, alice: User, project: Project, task: Task) -> None:
    other = make.queue(project, only_moved=True)
    moved = as_(alice).post(f"/api/tasks/{task.pk}/move/", {"queue": other.pk})
    assert (moved.status_code, moved.json()) == (200, {"opened": 1, "task": other.tasks.get().pk})
    task.refresh_from_db()
    assert task.state == TaskState.RETIRED
    assert as_(alice).post(f"/api/tasks/{task.pk}/move/", {"queue": task.queue_id}).status_code == 400
    assert as_(alice).post(f"/api/tasks/{task.pk}/move/", {"queue": 10**12}).status_code == 404
    assert as_(alice).post(f"/api/tasks/{task.pk}/move/", {"queue": -(10**30)}).status_code == 404


@pytest.mark.parametrize("deed", ["retire", "reopen", "hand", "move"])
def test_only_managers_do_this(as_: Speaker, ann: User, charlie: User, task: Task, deed: str) -> None:
    body = {"hand": {"to": ann.email}, "move": {"queue": task.queue_id}}.get(deed, {})
    assert as_(ann).post(f"/api/tasks/{task.pk}/{deed}/", body).status_code == 403
    assert as_(charlie).post(f"/api/tasks/{task.pk}/{deed}/", body).status_code == 404


def test_what_a_member_can_do(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    member = Membership.objects.get(project=project, user=ann)
    address = f"/api/projects/{project.slug}/members/{member.pk}/"
    sent = {"skills": {"medicine": 2}, "languages": ["en", "pt-BR"]}
    changed = as_(alice).patch(address, sent)
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in sent} == sent
    for wrong, path in (
        ({"skills": {"medicine": 0}}, "skills.medicine"),
        ({"skills": "medicine"}, "skills"),
        ({"languages": "en"}, "languages"),
        ({"languages": ["english please"]}, "languages"),
    ):
        refused = as_(alice).patch(address, wrong)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, path)
    assert as_(ann).patch(address, sent).status_code == 403


def test_a_batch_comes_first(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    make.imported(project, 2)
    make.imported(project, 1, start=2, batch="urgent")
    queue = make.queue(project)
    put = as_(alice).put(f"/api/projects/{project.slug}/batches/", {"batch": "urgent", "priority": 3})
    assert put.status_code == 200
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    assert slot.task.prompt.external_id == "p2"
    refused = as_(alice).put(f"/api/projects/{project.slug}/batches/", {"batch": "", "priority": 3})
    assert refused.status_code == 400


def test_batches_with_a_priority_are_listed(
    as_: Speaker, alice: User, ann: User, charlie: User, project: Project
) -> None:
    at = f"/api/projects/{project.slug}/batches/"
    make.imported(project, 1, batch="of no matter")
    for batch, priority in (("urgent", 3), ("later", -2), ("no more", 5), ("no more", 0)):
        as_(alice).put(at, {"batch": batch, "priority": priority})
    first = as_(alice).get(f"{at}?limit=1").json()
    assert first["results"] == [{"batch": "urgent", "priority": 3}]
    assert as_(alice).get(first["next"]).json() == {"results": [{"batch": "later", "priority": -2}], "next": None}
    assert as_(ann).get(at).status_code == 403
    assert as_(charlie).get(at).status_code == 404


def test_settings_come_back_as_they_were_sent(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    sent: dict[str, Any] = {
        "ordering": "spread",
        "open_to": "people",
        "people": [ann.email],
        "skills": {"law": 1},
        "by_language": True,
        "most_in_hand": 1,
        "most_per_day": 50,
        "most_in_all": None,
        "opens_at": "2026-01-01T00:00:00Z",
        "closes_at": "2027-01-01T00:00:00Z",
        "hours": {"timezone": "Europe/Berlin", "week": [{"days": ["mon"], "from": "09:00", "to": "17:00"}]},
        "skip_rules": {"broken": {"then": "retire", "after": 2}},
        "price": "0.2500",
        "currency": "EUR",
    }
    address = f"/api/projects/{project.slug}/queues/"
    made = as_(alice).post(address, {"name": "Write", "preset": "demonstrations", **sent})
    assert made.status_code == 201
    assert {name: made.json()[name] for name in sent} == sent
    assert made.json()["settled"] is True
    queue = Queue.objects.get()
    changed = as_(alice).patch(f"/api/queues/{queue.pk}/", {"people": [], "price": None, "hours": {}})
    assert (changed.json()["people"], changed.json()["price"], changed.json()["hours"]) == ([], None, {})
    refused = as_(alice).patch(f"/api/queues/{queue.pk}/", {"people": ["nobody@example.org"]})
    assert refused.json()["errors"][0]["path"] == "people"
