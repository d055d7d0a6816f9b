"""The pages of generators."""

from __future__ import annotations

import html

import pytest
from django.test import Client

from labeling.models import Project, User
from labeling.services import projects
from tests import make
from workers.models import Finding, Generation, Generator, WaterMarks
from workers.services import generations, generators, planning

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
    planning.plan_all()
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
    planning.plan_all()
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


def test_options_of_another_backend_do_not_matter(page: Client, project: Project) -> None:
    made = page.post("/projects/haiku/generators/new/", FIELDS | {"causal.dtype": "bfloat16"})
    assert made.status_code == 302
    assert Generator.objects.get().options == {}


def test_what_can_be_drawn_and_checked_is_set_on_the_page(page: Client, project: Project) -> None:
    more = {
        "stop": "END\r\nSTOP",
        "min_new_tokens": "3",
        "variants": '[{"temperature": 0.1}]',
        "weight": "2",
        "hygiene.looping": "mark",
        "replacements": "0",
        "max_tokens": "5000",
    }
    assert page.post("/projects/haiku/generators/new/", FIELDS | more).status_code == 302
    made = Generator.objects.get()
    assert (made.sampling["stop"], made.sampling["min_new_tokens"]) == (["END", "STOP"], 3)
    assert (made.variants, made.weight, made.replacements, made.max_tokens) == ([{"temperature": 0.1}], 2, 0, 5000)
    assert made.hygiene["looping"] == "mark"


@pytest.mark.parametrize(
    ("typed", "field"),
    [({"variants": "[{"}, "variants"), ({"variants": '[{"temperature": 9}]'}, "variants"), ({"group": "A B"}, "group")],
)
def test_mistakes_in_what_unfolds_stand_there_too(
    page: Client, project: Project, typed: dict[str, str], field: str
) -> None:
    answer = page.post("/projects/haiku/generators/new/", FIELDS | typed)
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]


def test_settings_are_changed_on_a_page_of_their_own(page: Client, project: Project) -> None:
    generator = generators.create(project, name="Echo", backend="echo", model="echo", by=make.manager(project))
    where = f"/projects/haiku/generators/{generator.pk}/settings/"
    assert 'value="Echo"' in page.get(where).content.decode()
    assert page.post(where, {"name": "Echo", "candidates_per_prompt": "0"}).status_code == 422
    typed = {"name": "Louder", "candidates_per_prompt": "3", "hygiene.truncated": "off"}
    assert "Saved" in page.post(where, typed, follow=True).content.decode()
    generator.refresh_from_db()
    assert (generator.name, generator.candidates_per_prompt, generator.hygiene["truncated"]) == ("Louder", 3, "off")


def test_what_was_found_is_shown_escaped(page: Client, project: Project) -> None:
    (prompt,) = make.imported(project, 1)
    generator = generators.create(project, name="Echo", backend="echo", model="echo", by=make.manager(project))
    planning.plan_all()
    row = Generation.objects.get()
    Finding.objects.create(
        generator=generator,
        generation=row,
        found_by="looping",
        reason="It says <b>so</b>.",
        dropped=True,
        text="<i>x</i>",
    )
    shown = page.get(f"/projects/haiku/generators/{generator.pk}/found/?check=looping").content.decode()
    assert "&lt;b&gt;so&lt;/b&gt;" in shown
    assert "&lt;i&gt;x&lt;/i&gt;" in shown
    assert prompt.opening in shown


def test_the_draw_the_budget_and_the_water_marks_have_a_page(page: Client, project: Project) -> None:
    queue = make.queue(project, preset="ranking")
    where = "/projects/haiku/generators/shared/"
    assert page.get(where).status_code == 200
    saved = page.post(where, {"drawn_per_prompt": "2", "budget": "9.5", "currency": "EUR"}, follow=True)
    assert "Saved." in saved.content.decode()
    assert page.post(where, {"drawn_per_prompt": "2", "currency": "euro"}).status_code == 422
    marks = {f"{queue.pk}-low": "3", f"{queue.pk}-high": "2", f"{queue.pk}-lead_minutes": "60"}
    refused = page.post(f"{where}{queue.pk}/", marks)
    assert refused.status_code == 422
    assert "Must not be lower than the low mark." in refused.content.decode()
    page.post(f"{where}{queue.pk}/", marks | {f"{queue.pk}-high": "8"})
    assert WaterMarks.objects.get(queue=queue).high == 8
    page.post(f"{where}{queue.pk}/", {"clear": "1"})
    assert not WaterMarks.objects.exists()


def test_a_candidate_is_put_aside_on_the_page_of_its_prompt(page: Client, project: Project) -> None:
    (prompt,) = make.imported(project, 1)
    generators.create(project, name="Echo", backend="echo", model="echo", by=make.manager(project))
    planning.plan_all()
    generations.work(generations.Worker(name="w"), seconds=30)
    candidate = prompt.candidates.get()
    assert "make another" in page.get(f"/projects/haiku/prompts/{prompt.pk}/").content.decode()
    told = page.post(f"/projects/haiku/candidates/{candidate.pk}/regenerate/", follow=True).content.decode()
    assert "another one is on its way" in told
    assert "put aside" in told
    again = page.post(f"/projects/haiku/candidates/{candidate.pk}/regenerate/", follow=True).content.decode()
    assert "It was put aside already." in again


def test_rows_that_no_worker_makes_are_said_to_wait_for_one(page: Client, project: Project) -> None:
    make.imported(project, 1)
    generator = generators.create(
        project, name="Echo", backend="echo", model="echo", group="big", by=make.manager(project)
    )
    planning.plan_all()
    assert "-Q generation.big" in page.get(f"/projects/haiku/generators/{generator.pk}/").content.decode()
    assert "Waiting for a worker" in page.get("/projects/haiku/generators/").content.decode()
