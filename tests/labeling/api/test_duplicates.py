"""Duplicates by API: a search, what it found, and what a manager says to it."""

from __future__ import annotations

import pytest

from labeling.importing.base import parse
from labeling.models import DuplicateGroup, Project, Prompt, Task, User
from labeling.services import duplicates, imports
from tests import make
from tests.labeling.api.checked import CheckedClient, Speaker

AT = "/api/projects/haiku/duplicates/"


@pytest.fixture
def manager(as_: Speaker, alice: User) -> CheckedClient:
    return as_(alice)


def prompts(project: Project, *texts: str) -> None:
    lines = [parse({"prompt": text, "external_id": f"q{n}"}, n + 1) for n, text in enumerate(texts)]
    imports.import_lines(project, lines, source="jsonl", by=make.manager(project))


def judged_as(manager: CheckedClient, **said: object) -> tuple[int, dict[str, object]]:
    answer = manager.post(f"{AT}{DuplicateGroup.objects.get().pk}/judge/", said)
    return answer.status_code, answer.json()


def retired() -> list[str]:
    found = Task.objects.filter(state="retired").order_by("prompt")
    return list(found.values_list("prompt__external_id", flat=True))


@pytest.fixture
def found(manager: CheckedClient, project: Project) -> None:
    """Three prompts that say the same, each with a task, and another prompt."""
    make.queue(project)
    prompts(project, "Why?", "why?", "WHY?", "How?")
    manager.post(f"{AT}search/", {})
    duplicates.work()


def test_a_search_and_what_it_found(manager: CheckedClient, project: Project, alice: User) -> None:
    assert manager.get(f"{AT}search/").status_code == 404
    prompts(project, "Why?", "why?", "How?")
    asked = manager.post(f"{AT}search/", {"likeness": 80})
    assert (asked.status_code, asked.json()["state"], asked.json()["by"]) == (202, "waiting", alice.email)
    assert manager.post(f"{AT}search/", {"likeness": 80}).status_code == 409
    duplicates.work()
    done = manager.get(f"{AT}search/").json()
    assert (done["state"], done["prompts"], done["groups"], done["likeness"]) == ("done", 3, 1, 80)
    (group,) = manager.get(AT).json()["results"]
    assert (group["kind"], group["size"], group["state"], group["likeness"]) == ("same", 2, "open", 100)
    assert [(one["external_id"], one["opening"], one["tasks"]) for one in group["members"]] == [
        ("q0", "Why?", 0),
        ("q1", "why?", 0),
    ]
    assert manager.get(f"{AT}?judged=1").json()["results"] == []


def test_a_search_is_called_off(manager: CheckedClient, project: Project) -> None:
    assert manager.post(f"{AT}search/cancel/").status_code == 404
    manager.post(f"{AT}search/", {"likeness": None})
    assert manager.post(f"{AT}search/cancel/").json()["state"] == "cancelled"
    assert manager.post(f"{AT}search/cancel/").status_code == 409


@pytest.mark.parametrize("likeness", [75, "alike", -1])
def test_only_some_likenesses_are_looked_for(manager: CheckedClient, project: Project, likeness: object) -> None:
    refused = manager.post(f"{AT}search/", {"likeness": likeness})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "likeness")


def test_all_stay(manager: CheckedClient, found: None) -> None:
    assert judged_as(manager, stays="all") == (200, {"left": 0})
    assert retired() == []
    assert judged_as(manager, stays="first")[0] == 409
    assert [group["state"] for group in manager.get(f"{AT}?judged=1").json()["results"]] == ["kept"]


def test_the_first_stays(manager: CheckedClient, found: None) -> None:
    assert judged_as(manager, stays="first") == (200, {"left": 0})
    assert retired() == ["q1", "q2"]


def test_others_than_those_that_are_named_stay(manager: CheckedClient, found: None) -> None:
    second = Prompt.objects.get(external_id="q1").pk
    stranger = Prompt.objects.get(external_id="q3").pk
    for wrong in ({"stays": "others"}, {"stays": "others", "retire": [stranger]}, {"stays": "all", "retire": [second]}):
        status, error = judged_as(manager, **wrong)
        assert (status, error["errors"][0]["path"]) == (400, "retire")  # type: ignore[index]
    assert judged_as(manager, stays="some")[0] == 400
    assert judged_as(manager, stays="others", retire=[second]) == (200, {"left": 0})
    assert retired() == ["q1"]


def test_it_is_for_managers(as_: Speaker, found: None, ann: User, charlie: User) -> None:
    group = DuplicateGroup.objects.get()
    for person, status in ((ann, 403), (charlie, 404)):
        for call in (AT, f"{AT}search/"):
            assert as_(person).get(call).status_code == status
        for call in (f"{AT}search/", f"{AT}search/cancel/", f"{AT}{group.pk}/judge/"):
            assert as_(person).post(call, {"stays": "all"} if "judge" in call else {}).status_code == status
