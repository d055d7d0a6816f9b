"""Generators over JSON: Alice manages, Ann annotates, Charlie is outside."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from labeling.models import Project, User
from labeling.services import people
from tests import make
from workers.models import Generation, Generator
from workers.services import generations, generators

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
    generators.plan_all()
    generations.work(generations.Worker(name="w", batch_size=4), seconds=30)
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
    generators.plan_all()
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
