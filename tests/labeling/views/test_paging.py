"""Long lists: every row once, forwards and backwards, and from indexes however long they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.models import Annotation, Project, Prompt, User
from labeling.selectors import annotations as annotation_reads
from labeling.selectors import events as event_reads
from labeling.selectors import prompts as reads
from labeling.selectors.prompts import Stand
from labeling.views import paging
from labeling.views.paging import KeyPage, key_page, search_page
from tests import make

Turn = Callable[[QueryDict], KeyPage[Prompt]]


@pytest.fixture
def stood(ann: User, project: Project) -> Project:
    """Prompts that stand everywhere, in no order: 24 of them, with those of another project between."""
    for start in range(0, 24, 6):
        make.imported(project, 6, start=start)
        make.imported(make.project(), 2)
    queue = make.queue(project)
    ids = list(Prompt.objects.filter(project=project).order_by("pk").values_list("pk", flat=True))
    others = make.queue(project)
    queue.tasks.filter(prompt__in=ids[0::4]).update(state="done")
    for tasks in (queue.tasks, others.tasks):
        tasks.filter(prompt__in=ids[1::4]).delete()
    Prompt.objects.filter(pk__in=ids[3::4]).update(candidates_awaited=2)
    # A second task that is open keeps the first prompt from being done.
    others.tasks.exclude(prompt=ids[0]).update(state="done")
    return project


def walked(turn: Turn, link: str, way: str) -> tuple[list[list[int]], list[int]]:
    """The pages from the one at a link on, as keys, and how many rows were looked at for each."""
    pages, looked = [], []
    while link:
        page = turn(QueryDict(link.removeprefix("?")))
        pages.append([row.pk for row in page.rows])
        looked.append(page.looked_at)
        link = getattr(page, way)
        assert len(pages) < 100
    return pages, looked


def flat(pages: list[list[int]]) -> list[int]:
    return [pk for page in pages for pk in page]


@pytest.mark.parametrize("stand", [Stand.UNUSED, Stand.WORKING, Stand.DONE, Stand.WAITING])
@pytest.mark.parametrize("looked_at", [1, 3, 5, 24, 100])
@pytest.mark.parametrize("size", [1, 2, 50])
def test_a_search_finds_every_row_once_whichever_way(
    stood: Project, monkeypatch: pytest.MonkeyPatch, stand: Stand, looked_at: int, size: int
) -> None:
    monkeypatch.setattr(paging, "LOOKED_AT", looked_at)
    prompts = reads.filtered(stood)
    expected = [row.prompt.pk for row in reads.rows(list(prompts.order_by("pk"))) if row.stand == stand]
    find = partial(reads.standing, prompts, stood, stand)

    def turn(query: QueryDict) -> KeyPage[Prompt]:
        return search_page(prompts, find, query, size=size)

    pages, looked = walked(turn, "?state=x", "after")
    assert expected
    assert flat(pages) == expected
    assert all(len(page) <= size for page in pages)
    assert turn(QueryDict("")).before == ""
    assert looked[-1] == 0
    assert all(number in (0, looked_at) for number in looked)
    assert turn(QueryDict("")).further in ("", turn(QueryDict("")).after)
    # A page that is not full says that it went through so many rows, unless it is the last one.
    assert all(number for page, number in zip(pages[:-1], looked, strict=False) if len(page) < size)
    last = Prompt.objects.order_by("-pk")[:1].get().pk
    back, _ = walked(turn, f"?before={last + 1}", "before")
    assert flat(back[::-1]) == expected
    # There and back again: the page before the second one ends where that begins.
    if len(pages) > 1:
        second = turn(QueryDict(turn(QueryDict("")).after.removeprefix("?")))
        before = turn(QueryDict(second.before.removeprefix("?")))
        assert before.after
        if second.rows:
            end = expected.index(second.rows[0].pk)
            assert [row.pk for row in before.rows] == expected[end - len(before.rows) : end]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_list_has_every_row_once_whichever_way(stood: Project, newest_first: bool) -> None:
    rows = Prompt.objects.filter(project=stood)
    expected = list(rows.order_by("-pk" if newest_first else "pk").values_list("pk", flat=True))

    def turn(query: QueryDict) -> KeyPage[Prompt]:
        return key_page(rows, query, newest_first=newest_first, size=7)

    pages, _ = walked(turn, "?batch=x", "after")
    assert flat(pages) == expected
    beyond = 0 if newest_first else 10**9
    back, _ = walked(turn, f"?before={beyond}", "before")
    assert flat(back[::-1]) == expected


def test_nonsense_in_an_address_shows_the_first_page(stood: Project) -> None:
    prompts = reads.filtered(stood)
    find = partial(reads.standing, prompts, stood, Stand.WORKING)
    first = search_page(prompts, find, QueryDict("")).rows
    for nonsense in ("after=x", "before=-3", f"after={'9' * 30}", "before=٣"):
        assert search_page(prompts, find, QueryDict(nonsense)).rows == first


def test_a_page_says_when_there_is_more_to_look_through(
    alice: User, stood: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "LOOKED_AT", 2)
    client = Client()
    client.force_login(alice)
    ids = list(Prompt.objects.filter(project=stood).order_by("pk").values_list("pk", flat=True))
    page = client.get("/projects/haiku/prompts/?state=done").content.decode()
    assert "None fits so far" in page
    assert "2 prompts were looked through" in page
    assert f'href="?state=done&amp;after={ids[1]}">Look further' in page
    page = client.get(f"/projects/haiku/prompts/?state=done&after={ids[3]}").content.decode()
    assert "These are all that fit among 2 prompts, and there are more." in page
    page = client.get(f"/projects/haiku/prompts/?state=done&before={ids[8]}").content.decode()
    assert f'href="?state=done&amp;before={ids[6]}">Look further' in page
    page = client.get(f"/projects/haiku/prompts/?state=done&after={ids[-1]}").content.decode()
    assert "No prompt fits" in page


# --- What serves them ---


def plan(rows: QuerySet[Any]) -> str:
    """How PostgreSQL would read them if nothing but an index could save it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    return rows.explain()


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        ("prompt_by_project", lambda project, who: reads.filtered(project)),
        ("prompt_by_batch", lambda project, who: reads.filtered(project, batch="first")),
        ("prompt_waiting", lambda project, who: reads.filtered(project, waiting=True)),
    ],
)
def test_every_filter_of_prompts_has_an_index_in_its_order(
    project: Project, ann: User, index: str, rows: Callable[[Project, User], QuerySet[Prompt]]
) -> None:
    make.imported(project, 3, batch="first")
    found = plan(rows(project, ann).order_by("pk")[:51])
    assert index in found
    assert "Sort" not in found


@pytest.mark.parametrize(
    ("index", "asked"),
    [
        ("event_of_managing", {}),
        ("event_of_managing", {"about": "queue"}),
        ("event_by_project", {"about": "all"}),
        ("event_by_actor", {"about": "all", "actor": "ann@example.org"}),
    ],
)
def test_every_filter_of_the_log_has_an_index_in_its_order(
    project: Project, ann: User, index: str, asked: dict[str, str]
) -> None:
    make.imported(project, 1)
    make.queue(project)
    with connection.cursor() as cursor:
        # Others have done far more here and elsewhere, and the planner knows it: of a table that it takes for empty,
        # any index will do.
        for of, number in ((project, 2000), (make.project(), 20_000)):
            cursor.execute(
                "INSERT INTO labeling_event (project_id, actor_id, verb, target_type, target_id, data, created_at) "
                "SELECT %s, %s, 'annotation.submitted', 'annotation', n, '{}', now() FROM generate_series(1, %s) n",
                [of.pk, make.person().pk, number],
            )
        cursor.execute("ANALYZE labeling_event")
    assert index in plan(event_reads.of_project(project, **asked).order_by("-pk")[:51])


def test_what_somebody_has_done_has_an_index_in_its_order(project: Project, ann: User) -> None:
    make.imported(project, 2)
    queue = make.queue(project)
    make.written(queue, ann)
    assert "annotation_by_annotator" in plan(annotation_reads.done_by(ann, queue).order_by("-pk")[:51])


def test_what_came_since_a_moment_has_an_index(project: Project) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "annotation_by_time" in Annotation.objects.filter(created_at__gte="2030-01-01T00:00:00Z").explain()


@pytest.mark.parametrize("standing", [Stand.UNUSED, Stand.WORKING, Stand.DONE])
def test_a_search_among_ids_opens_no_prompt(stood: Project, standing: Stand) -> None:
    found = reads.standing(reads.filtered(stood), stood, standing, 1, 10**9).order_by("pk").values_list("pk", flat=True)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        # As after a VACUUM: before one, both ways cost the same.
        cursor.execute("UPDATE pg_class SET relpages = 100, relallvisible = 100 WHERE relname = 'labeling_prompt'")
    for line in found[:51].explain().splitlines():
        assert "on labeling_prompt" not in line or "Index Only Scan" in line, line


@pytest.mark.parametrize(
    "address",
    ["/", "/projects/haiku/", "/projects/haiku/queues/", "/projects/haiku/queues/{}/", "/api/projects/haiku/"],
)
def test_pages_with_numbers_count_nothing(alice: User, ann: User, project: Project, address: str) -> None:
    make.imported(project, 3, candidates=1)
    queue = make.queue(project, overlap=2)
    make.written(queue, ann)
    client = Client()
    client.force_login(alice)
    with CaptureQueriesContext(connection) as asked:
        page = client.get(address.format(queue.pk))
    assert page.status_code == 200
    counting = re.compile(r"(COUNT|SUM)\(.*FROM \"?labeling_(?!count|project_count|person_count)", re.DOTALL)
    statements = [one["sql"] for one in asked]
    # What somebody did today is counted from an index of their own work.
    assert [one for one in statements if counting.search(one) and '"finished_at" >= ' not in one] == []
