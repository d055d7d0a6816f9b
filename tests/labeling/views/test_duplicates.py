"""The page of duplicates: having the project searched, and judging what was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from labeling.importing.base import parse
from labeling.models import DuplicateGroup, DuplicateSearch, Project, Prompt, Task, User
from labeling.services import background, duplicates, imports
from tests import make

AT = "/projects/haiku/duplicates/"


@pytest.fixture
def client(alice: User) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice)
    return client


def prompts(project: Project, *texts: str) -> None:
    lines = [parse({"prompt": text, "external_id": f"q{n}"}, n + 1) for n, text in enumerate(texts)]
    imports.import_lines(project, lines, source="jsonl", by=make.manager(project))


@pytest.fixture
def group(client: Client, project: Project) -> DuplicateGroup:
    """Three prompts that say the same, each with a task, and another prompt."""
    make.queue(project)
    prompts(project, "Why?", "why?", "WHY?", "How?")
    client.post(AT, {"alike": "same"})
    duplicates.work()
    return DuplicateGroup.objects.get()


def test_it_works(client: Client, project: Project) -> None:
    assert "Nobody has looked yet" in client.get(AT).content.decode()
    prompts(project, "<b>Why</b>?", "<b>why</b>?", "How?")
    shown = client.post(AT, {"alike": "80"}, follow=True).content.decode()
    assert "The search waits for its turn." in shown
    assert 'data-controller="refresh"' in shown
    assert "under way" in client.post(AT, {"alike": "same"}).content.decode()
    duplicates.work()
    shown = client.get(AT).content.decode()
    assert "2 prompts that say the same" in shown
    assert "&lt;b&gt;Why&lt;/b&gt;?" in shown
    assert "<b>Why" not in shown
    assert 'data-controller="refresh"' not in shown


def test_all_are_kept(client: Client, group: DuplicateGroup) -> None:
    shown = client.post(f"{AT}{group.pk}/", {"stays": "all"}, follow=True).content.decode()
    assert "All of them stay." in shown
    assert "No duplicates" in shown
    assert "All kept, said Alice" in client.get(f"{AT}?judged=1").content.decode()


def test_the_ticked_ones_are_retired(client: Client, group: DuplicateGroup) -> None:
    second = Prompt.objects.get(external_id="q1")
    assert f'name="retire" value="{second.pk}"' in client.get(AT).content.decode()
    shown = client.post(f"{AT}{group.pk}/", {"stays": "unticked", "retire": [second.pk, "x"]}, follow=True)
    assert "Their tasks are retired." in shown.content.decode()
    assert list(Task.objects.filter(state="retired").values_list("prompt", flat=True)) == [second.pk]


def test_all_but_the_first_are_retired(client: Client, group: DuplicateGroup) -> None:
    client.post(f"{AT}{group.pk}/", {"stays": "first"})
    assert set(Task.objects.filter(state="open").values_list("prompt__external_id", flat=True)) == {"q0", "q3"}
    assert "Some retired" in client.get(f"{AT}?judged=1").content.decode()


@pytest.mark.parametrize("sent", [{}, {"stays": "unticked"}, {"retire": ["999999"]}, {"retire": ["-1", "٣", "9" * 30]}])
def test_nothing_is_retired_where_nothing_of_the_group_is_ticked(
    client: Client, group: DuplicateGroup, sent: dict[str, Any]
) -> None:
    shown = client.post(f"{AT}{group.pk}/", sent, follow=True)
    assert "Tick at least one of them." in shown.content.decode()
    assert not Task.objects.filter(state="retired").exists()
    group.refresh_from_db()
    assert group.state == "open"


def test_a_search_is_called_off(client: Client, project: Project) -> None:
    assert "There is no search." in client.post(f"{AT}cancel/", follow=True).content.decode()
    client.post(AT, {"alike": "90"})
    shown = client.post(f"{AT}cancel/", follow=True).content.decode()
    assert "Alice called it off." in shown
    assert "Look for duplicates" in shown


def test_how_far_a_search_is_stands_there(client: Client, alice: User, project: Project) -> None:
    DuplicateSearch.objects.create(
        project=project, by=alice, likeness=80, prompts=23_700, looked_at=1500, **background.claimed()
    )
    assert "1,500 of 23,700 prompts looked at." in client.get(AT).content.decode()


@pytest.mark.parametrize("sent", [{"alike": "75"}, {"alike": "x"}, {}])
def test_an_unknown_likeness_is_refused(client: Client, project: Project, sent: dict[str, str]) -> None:
    assert client.post(AT, sent).status_code == 422
    assert not DuplicateSearch.objects.exists()


def test_it_is_for_managers_of_the_project(
    client: Client, alice: User, ann: User, charlie: User, group: DuplicateGroup
) -> None:
    for user, status in ((ann, 403), (charlie, 404)):
        other = Client()
        other.force_login(user)
        answers = [other.get(AT), other.post(AT), other.post(f"{AT}cancel/"), other.post(f"{AT}{group.pk}/")]
        assert [answer.status_code for answer in answers] == [status] * 4
    make.project(alice, slug="other")
    assert client.post(f"/projects/other/duplicates/{group.pk}/", {"stays": "all"}).status_code == 404
    group.refresh_from_db()
    assert group.state == "open"


def test_a_page_of_groups_costs_a_handful_of_statements(
    client: Client, project: Project, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    prompts(project, *[f"Question {n // 8}?" for n in range(8 * 25)])
    client.post(AT, {"alike": "same"})
    duplicates.work()
    with django_assert_max_num_queries(10):
        page = client.get(AT)
    assert len(page.context["rows"]) == 20
    assert [len(row.looks) for row in page.context["rows"]] == [6] * 20
    assert "and 2 more." in page.content.decode()
    assert len(client.get(AT + page.context["page"].after).context["rows"]) == 5


def test_a_group_that_somebody_has_judged_meanwhile_stays_as_it_is(client: Client, group: DuplicateGroup) -> None:
    duplicates.keep(group, by=make.manager(group.project))
    shown = client.post(f"{AT}{group.pk}/", {"stays": "first"}, follow=True).content.decode()
    assert "Somebody has judged this group already." in shown
    assert not Task.objects.filter(state="retired").exists()
