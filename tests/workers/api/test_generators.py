"""Generators over JSON: Alice manages, Ann annotates, Charlie is outside."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from labeling.models import Project, User
from labeling.services import people
from tests import make
from workers.models import Generation, Generator
from workers.services import generations, planning

pytestmark = pytest.mark.django_db

ECHO = {
    "name": "echo",
    "backend": "echo",
    "model": "echo",
    "candidates_per_prompt": 2,
    "sampling": {"max_new_tokens": 20, "temperature": 0.5, "top_p": 0.9, "seed": 4},
    "system": "Be kind.",
}
WHERE = "/api/projects/haiku/generators/"


def speak(user: User) -> APIClient:
    _, key = people.create_token(user, by=user)
    return APIClient(headers={"Authorization": f"Token {key}"})


@pytest.fixture
def ann() -> User:
    return make.person("ann")


@pytest.fixture
def project(ann: User) -> Project:
    return make.project(make.person("alice"), annotators=[ann], slug="haiku")


@pytest.fixture
def alice(project: Project) -> APIClient:
    return speak(make.manager(project))


def test_it_works(alice: APIClient, project: Project) -> None:
    make.imported(project, 3)
    made = alice.post(WHERE, ECHO)
    assert made.status_code == 201
    assert made.json()["state"] == "active"
    assert made.json()["sampling"] == ECHO["sampling"]
    planning.plan_all()
    generations.work(generations.Worker(name="w"), seconds=30)
    (found,) = alice.get(WHERE).json()["results"]
    assert (found["pending"], found["running"], found["done"], found["failed"]) == (0, 0, 6, 0)
    assert found["tokens_per_second"] > 0
    assert found["last_error"] == ""
    assert alice.get(f"{WHERE}{found['id']}/").json() == found


def test_it_can_be_paused_and_set_going(alice: APIClient, project: Project) -> None:
    where = f"{WHERE}{alice.post(WHERE, ECHO).json()['id']}/"
    assert alice.patch(where, {"state": "paused"}).json()["state"] == "paused"
    assert alice.patch(where, {"state": "active"}).json()["state"] == "active"
    assert alice.patch(where, {"state": "broken"}).status_code == 400
    assert alice.patch(where, {"speed": 9}).status_code == 400


def test_waiting_rows_can_be_called_off_and_tried_again(alice: APIClient, project: Project) -> None:
    make.imported(project, 3)
    where = f"{WHERE}{alice.post(WHERE, ECHO).json()['id']}/"
    planning.plan_all()
    assert alice.post(f"{where}cancel/").json() == {"moved": 6}
    assert alice.get(where).json()["cancelled"] == 6
    assert alice.post(f"{where}retry/").json() == {"moved": 6}
    assert set(Generation.objects.values_list("state", flat=True)) == {"pending"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"backend": "abacus"}, "backend"),
        ({"model": ""}, "model"),
        ({"sampling": {"temperature": "hot"}}, "sampling.temperature"),
        ({"sampling": 3}, "sampling"),
        ({"candidates_per_prompt": 10**30}, "candidates_per_prompt"),
        ({"nmae": "x"}, "nmae"),
    ],
)
def test_a_mistake_is_answered_with_its_path(
    alice: APIClient, project: Project, change: dict[str, Any], path: str
) -> None:
    answer = alice.post(WHERE, ECHO | change)
    assert answer.status_code == 400
    assert path in [error["path"] for error in answer.json()["errors"]]
    assert not Generator.objects.exists()


def test_a_name_is_taken_once(alice: APIClient, project: Project) -> None:
    alice.post(WHERE, ECHO)
    assert alice.post(WHERE, ECHO).status_code == 409


def test_generators_are_for_managers(alice: APIClient, ann: User, project: Project) -> None:
    where = f"{WHERE}{alice.post(WHERE, ECHO).json()['id']}/"
    charlie = speak(make.person("charlie"))
    other = make.project(make.person("olga"), slug="other")
    olga = speak(make.manager(other))
    for client, status in ((speak(ann), 403), (charlie, 404), (olga, 404), (APIClient(), 401)):
        assert client.get(WHERE).status_code == status
        assert client.post(WHERE, ECHO).status_code == status
        assert client.patch(where, {"state": "paused"}).status_code == status
        assert client.post(f"{where}cancel/").status_code == status
    # A generator is found only below its own project.
    assert olga.get(where.replace("haiku", "other")).status_code == 404


def test_everything_that_can_be_set_comes_back_as_it_was_sent(alice: APIClient, project: Project) -> None:
    given: dict[str, Any] = ECHO | {
        "sampling": {"max_new_tokens": 40, "min_new_tokens": 2, "stop": ["END"], "seed": 3},
        "variants": [{"temperature": 0.2}, {"temperature": 1.1}],
        "options": {},
        "weight": 2.5,
        "group": "big",
        "hygiene": {"looping": "mark"},
        "replacements": 1,
        "max_tokens": 100_000,
        "max_cost": "12.500000",
    }
    made = alice.post(WHERE, given)
    assert made.status_code == 201
    found = made.json()
    assert found["sampling"] == given["sampling"] | {"temperature": 0.8, "top_p": 0.95}
    assert found["hygiene"]["looping"] == "mark"
    for name in ("variants", "options", "weight", "group", "replacements", "max_tokens", "max_cost"):
        assert found[name] == given[name]
    changed = alice.patch(f"{WHERE}{found['id']}/", {"weight": None, "group": "", "max_cost": None, "state": "paused"})
    assert changed.status_code == 200
    assert (changed.json()["weight"], changed.json()["group"], changed.json()["state"]) == (None, "", "paused")


def test_a_change_that_is_refused_changes_nothing(alice: APIClient, project: Project) -> None:
    where = f"{WHERE}{alice.post(WHERE, ECHO).json()['id']}/"
    refused = alice.patch(where, {"state": "paused", "replacements": 99})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "replacements"
    assert alice.get(where).json()["state"] == "active"
    assert alice.patch(where, {"model": "other"}).status_code == 400


def test_a_report_says_what_was_found_and_why_rows_failed(alice: APIClient, project: Project) -> None:
    make.imported(project, 3)
    model = {"model": "echo?fail=Question+1", "hygiene": {"near_duplicate": "off"}}
    where = f"{WHERE}{alice.post(WHERE, ECHO | model).json()['id']}/"
    planning.plan_all()
    generations.work(generations.Worker(name="w"), seconds=30)
    report = alice.get(f"{where}report/").json()
    (failure,) = report["failures"]
    assert failure["number"] == 2
    assert "told to fail" in failure["error"]
    assert {one["check"] for one in report["findings"]} >= {"empty", "looping", "near_duplicate", "wrong_language"}
    assert next(one for one in report["findings"] if one["check"] == "near_duplicate")["action"] == "off"


def test_a_candidate_can_be_made_anew(alice: APIClient, project: Project) -> None:
    (prompt,) = make.imported(project, 1)
    alice.post(WHERE, ECHO)
    planning.plan_all()
    generations.work(generations.Worker(name="w"), seconds=30)
    first = prompt.candidates.order_by("pk")[0]
    where = f"/api/projects/haiku/candidates/{first.pk}/regenerate/"
    assert alice.post(where).status_code == 202
    assert alice.post(where).status_code == 409
    assert alice.post("/api/projects/haiku/candidates/0/regenerate/").status_code == 404


def test_what_generators_share_is_set_for_the_project(alice: APIClient, project: Project) -> None:
    where = "/api/projects/haiku/generation/"
    assert alice.get(where).json() == {"drawn_per_prompt": 0, "budget": None, "currency": "USD", "cost": "0.000000"}
    changed = alice.patch(where, {"drawn_per_prompt": 3, "budget": "20", "currency": "EUR"}).json()
    assert changed == {"drawn_per_prompt": 3, "budget": "20.000000", "currency": "EUR", "cost": "0.000000"}
    assert alice.patch(where, {"drawn_per_prompt": 65}).status_code == 400
    assert alice.get(where).json() == changed


def test_a_queue_is_kept_ahead_by_water_marks(alice: APIClient, project: Project) -> None:
    queue = make.queue(project, preset="ranking", overlap=1)
    where = f"/api/queues/{queue.pk}/water-marks/"
    assert alice.get(where).status_code == 404
    assert alice.put(where, {"low": 3, "high": 2}).status_code == 400
    alice.post(WHERE, ECHO)
    make.imported(project, 6)
    found = alice.put(where, {"low": 2, "high": 4}).json()
    assert (found["low"], found["high"], found["lead_minutes"], found["ready"]) == (2, 4, 60, 0)
    planning.plan_all()
    assert alice.get(where).json()["making"] == 4
    assert alice.delete(where).status_code == 204
    assert alice.get(where).status_code == 404


def test_supply_is_for_managers(alice: APIClient, ann: User, project: Project) -> None:
    queue = make.queue(project, preset="ranking")
    (prompt,) = make.imported(project, 1, candidates=1)
    candidate = prompt.candidates.get()
    for client, status in ((speak(ann), 403), (speak(make.person("charlie")), 404), (APIClient(), 401)):
        assert client.get("/api/projects/haiku/generation/").status_code == status
        assert client.patch("/api/projects/haiku/generation/", {"budget": "1"}).status_code == status
        assert client.put(f"/api/queues/{queue.pk}/water-marks/", {"low": 1, "high": 2}).status_code == status
        assert client.post(f"/api/projects/haiku/candidates/{candidate.pk}/regenerate/").status_code == status
