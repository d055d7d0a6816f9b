from __future__ import annotations

from typing import Any

import pytest

from labeling.models import Event, Project, Queue, Slot, User
from tests import make
from tests.labeling.api.checked import Speaker

ADDRESS = "/api/projects/haiku/queues/"


def test_it_works(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    make.imported(project, 2)
    sent = {"slug": "write", "name": "Write", "preset": "demonstrations", "overlap": 2, "lease_minutes": 15}
    made = as_(alice).post(ADDRESS, sent)
    assert made.status_code == 201
    assert made.json()["form"][0]["type"] == "write"
    assert Slot.objects.filter(queue=made.json()["id"]).count() == 4
    listed = as_(ann).get(ADDRESS).json()["results"]
    assert [(queue["slug"], queue["state"], queue["counts"]["tasks"]) for queue in listed] == [("write", "open", 2)]


def test_a_form_of_ones_own_is_kept_with_its_defaults(as_: Speaker, alice: User, project: Project) -> None:
    form = [{"name": "best", "type": "rank", "ties": False}, {"name": "why", "type": "comment", "required": False}]
    made = as_(alice).post(ADDRESS, {"slug": "rank", "name": "Rank", "form": form, "overlap": 3, "lease_minutes": 30})
    assert made.status_code == 201
    assert [question["name"] for question in made.json()["form"]] == ["best", "why"]
    assert made.json()["form"][0]["ties"] is False
    assert as_(alice).get(f"/api/queues/{made.json()['id']}/").json() == made.json()


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({"preset": "nonsense"}, "preset"),
        ({"form": [{"name": "a", "type": "guess"}]}, "form[0].type"),
        ({"form": [{"name": "a", "type": "rank"}, {"name": "a", "type": "rank"}]}, "form[1].name"),
        ({"form": []}, "form"),
        ({"form": "rank"}, "form"),
        ({"form": {"name": "a"}}, "form"),
        ({}, "form"),
        ({"preset": "ranking", "form": [{"name": "a", "type": "rank"}]}, "form"),
        ({"preset": "ranking", "overlap": 0}, "overlap"),
        ({"preset": "ranking", "overlap": 10**30}, "overlap"),
        ({"preset": "ranking", "overlap": "many"}, "overlap"),
        ({"preset": "ranking", "overlap": [1]}, "overlap"),
        ({"preset": "ranking", "lease_minutes": 0}, "lease_minutes"),
        ({"preset": "ranking", "priority": 10**9}, "priority"),
        ({"preset": "ranking", "state": "ajar"}, "state"),
        ({"preset": "ranking", "candidates_min": 1}, "candidates_min"),
        ({"preset": "ranking", "slug": "Not a slug"}, "slug"),
        ({"preset": "ranking", "overlp": 2}, "overlp"),
    ],
)
def test_a_mistake_is_answered_with_its_place(
    as_: Speaker, alice: User, project: Project, sent: dict[str, Any], path: str
) -> None:
    answer = as_(alice).post(ADDRESS, {"name": "Queue", **sent})
    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]
    assert not Queue.objects.filter(project=project).exists()


def test_a_taken_slug_is_a_conflict(as_: Speaker, alice: User, project: Project) -> None:
    make.queue(project, slug="write")
    assert as_(alice).post(ADDRESS, {"slug": "write", "name": "W", "preset": "write"}).status_code == 409


def test_a_queue_changes_while_people_work(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    make.imported(project, 2)
    queue = make.queue(project)
    make.written(queue, ann)
    changed = as_(alice).patch(f"/api/queues/{queue.pk}/", {"overlap": 3, "priority": 5, "name": "More"})
    assert changed.status_code == 200
    assert (changed.json()["overlap"], changed.json()["priority"], changed.json()["name"]) == (3, 5, "More")
    assert changed.json()["counts"]["slots"] == {"open": 5, "leased": 0, "submitted": 1, "skipped": 0}
    assert Event.objects.filter(verb="queue.changed", actor=alice, target_id=queue.pk).count() == 1


def test_a_paused_queue_gives_nothing_and_an_open_one_does(
    as_: Speaker, alice: User, ann: User, project: Project
) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    as_(alice).patch(f"/api/queues/{queue.pk}/", {"state": "paused"})
    assert as_(ann).post(f"/api/queues/{queue.pk}/next/").status_code == 204
    as_(alice).patch(f"/api/queues/{queue.pk}/", {"state": "open"})
    assert as_(ann).post(f"/api/queues/{queue.pk}/next/").status_code == 200


def test_a_patch_with_an_unknown_field_changes_nothing(as_: Speaker, alice: User, project: Project) -> None:
    queue = make.queue(project)
    answer = as_(alice).patch(f"/api/queues/{queue.pk}/", {"overlap": 2, "overlp": 3})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "overlp")
    queue.refresh_from_db()
    assert queue.overlap == 1


def test_ann_may_look_and_charlie_may_not(as_: Speaker, ann: User, charlie: User, project: Project) -> None:
    told: dict[str, Any] = {
        "price": "0.5000",
        "currency": "EUR",
        "skip_rules": {"broken": {"then": "retire", "after": 2}},
    }
    queue = make.queue(project, **told, open_to="people", people=[ann])
    seen, managed = (as_(person).get(f"/api/queues/{queue.pk}/").json() for person in (ann, make.manager(project)))
    assert {name for name in seen if seen[name] != managed[name]} == {*told, "people"}
    assert {name: managed[name] for name in (*told, "people")} == {**told, "people": [ann.email]}
    assert (seen["people"], seen["skip_rules"], seen["price"], seen["currency"]) == ([], {}, None, "")
    assert as_(ann).post(ADDRESS, {"slug": "x", "name": "X", "preset": "write"}).status_code == 403
    assert as_(ann).patch(f"/api/queues/{queue.pk}/", {"state": "closed"}).status_code == 403
    for answer in (
        as_(charlie).get(ADDRESS),
        as_(charlie).get(f"/api/queues/{queue.pk}/"),
        as_(charlie).patch(f"/api/queues/{queue.pk}/", {"state": "closed"}),
        as_(charlie).post(f"/api/queues/{queue.pk}/next/"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
