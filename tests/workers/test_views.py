"""The pages of generators."""

from __future__ import annotations

import html

import pytest
from django.test import Client

from labeling.models import Project, User
from labeling.services import projects
from tests import make
from workers.models import Generation, Generator
from workers.services import generations, generators

pytestmark = pytest.mark.django_db

FIELDS = {
    "name": "Echo",
    "backend": "echo",
    "model": "echo",
    "candidates_per_prompt": "2",
    "max_new_tokens": "20",
    "temperature": "0.5",
    "top_p": "0.9",
    "seed": "1",
}


@pytest.fixture
def alice() -> User:
    return make.person("alice")


@pytest.fixture
def project(alice: User) -> Project:
    return make.project(alice, slug="haiku")


@pytest.fixture
def page(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def test_it_works(page: Client, project: Project) -> None:
    make.imported(project, 2)
    assert "No generator yet" in page.get("/projects/haiku/generators/").content.decode()
    page.get("/projects/haiku/generators/new/")
    made = page.post("/projects/haiku/generators/new/", FIELDS, follow=True)
    assert "Echo is set up" in made.content.decode()
    assert Generator.objects.get().sampling == {"max_new_tokens": 20, "temperature": 0.5, "top_p": 0.9, "seed": 1}
    generators.plan_all()
    generations.work(generations.Worker(name="w"), seconds=30)
    assert "4 of 4" in page.get("/projects/haiku/generators/").content.decode()


def test_mistakes_stand_at_their_fields_and_what_was_typed_stays(page: Client, project: Project) -> None:
    answer = page.post("/projects/haiku/generators/new/", FIELDS | {"model": "abacus", "system": "Kept text"})
    assert answer.status_code == 422
    assert "must be echo" in str(answer.context["form"].errors["model"])
    assert "Kept text" in answer.content.decode()
    assert not Generator.objects.exists()


def test_what_failed_is_shown_with_its_reason_and_can_be_tried_again(page: Client, project: Project) -> None:
    make.imported(project, 2)
    generator = generators.create(
        project, name="Echo", backend="echo", model="echo?fail=Question+1", by=make.manager(project)
    )
    generators.plan_all()
    generations.work(generations.Worker(name="w"), seconds=30)
    where = f"/projects/haiku/generators/{generator.pk}/"
    shown = page.get(where).content.decode()
    failed = Generation.objects.get(state="failed")
    assert failed.error in html.unescape(shown)
    assert "Question 1?" in shown
    page.post(f"{where}act/", {"action": "retry"})
    failed.refresh_from_db()
    assert failed.state == "pending"
    page.post(f"{where}act/", {"action": "pause"})
    generator.refresh_from_db()
    assert generator.state == "paused"
    assert "no such action" in page.post(f"{where}act/", {"action": "explode"}, follow=True).content.decode()


def test_pages_are_for_managers(client: Client, project: Project) -> None:
    ann = make.person("ann")
    client.force_login(ann)
    assert client.get("/projects/haiku/generators/").status_code == 404
    projects.add_member(project, email=ann.email, role="annotator", by=make.manager(project))
    assert client.get("/projects/haiku/generators/").status_code == 403
    assert client.post("/projects/haiku/generators/new/", FIELDS).status_code == 403
