from __future__ import annotations

from urllib.parse import urlencode

import pytest

from labeling.models import Annotation, Candidate, Project, User
from tests import make
from tests.labeling.api.checked import Speaker

ADDRESS = "/api/projects/haiku/annotations/"


def test_it_works(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    make.imported(project, 1, candidates=2)
    queue = make.queue(project, preset="ranking", slug="rank")
    made = make.ranked(queue, ann, [["Answer 1 to 0"], ["Answer 0 to 0"]])
    (found,) = as_(alice).get(ADDRESS).json()["results"]
    assert (found["annotation"], found["version"], found["annotator"]) == (made.pk, 1, ann.email)
    assert (found["queue"]["slug"], found["prompt"]["external_id"]) == ("rank", "p0")
    candidates = {shown["key"]: shown["candidate"] for shown in found["candidates"]}
    best = found["answers"]["ranking"]["groups"][0][0]
    assert Candidate.objects.get(pk=candidates[best]).text == "Answer 1 to 0"


def test_pages_hold_every_annotation_once(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    make.imported(project, 5)
    queue = make.queue(project)
    made = [make.written(queue, ann).pk for _ in range(5)]
    client, seen, address = as_(alice), [], f"{ADDRESS}?limit=2"
    while address:
        answer = client.get(address).json()
        seen += [found["annotation"] for found in answer["results"]]
        address = answer["next"]
    assert seen == made


def test_one_queue_by_slug_or_number(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    make.imported(project, 1)
    first, second = make.queue(project, slug="first"), make.queue(project, slug="second")
    make.written(first, ann)
    wanted = make.written(second, ann).pk
    for name in ("second", second.pk):
        found = as_(alice).get(f"{ADDRESS}?queue={name}").json()["results"]
        assert [annotation["annotation"] for annotation in found] == [wanted]
    elsewhere = make.queue(make.project(), slug="elsewhere")
    for name in ("third", elsewhere.pk, "elsewhere", "9" * 30):
        answer = as_(alice).get(f"{ADDRESS}?queue={name}")
        assert answer.status_code == 400
        assert "first" in answer.json()["errors"][0]["message"]


def test_since_is_a_time_with_any_offset(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    make.imported(project, 2)
    queue = make.queue(project)
    old, new = make.written(queue, ann), make.written(queue, ann)
    Annotation.objects.filter(pk=old.pk).update(created_at="2024-03-01T11:59:59Z")
    Annotation.objects.filter(pk=new.pk).update(created_at="2024-03-01T12:00:00Z")
    for since in ("2024-03-01T12:00:00Z", "2024-03-01T14:00:00+02:00", "2024-03-01T12:00"):
        for query in (urlencode({"since": since}), f"since={since}"):
            found = as_(alice).get(f"{ADDRESS}?{query}").json()["results"]
            assert [annotation["annotation"] for annotation in found] == [new.pk]


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "since=%00", "queue=%00", "cursor=x", "cursor=-1", f"cursor={2**63}", "limit=0", "limit=9999"],
)
def test_a_query_that_is_none_is_400(as_: Speaker, alice: User, project: Project, query: str) -> None:
    answer = as_(alice).get(f"{ADDRESS}?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == query.split("=")[0]


def test_they_are_for_managers(as_: Speaker, ann: User, charlie: User, project: Project) -> None:
    assert as_(ann).get(ADDRESS).status_code == 403
    assert as_(charlie).get(ADDRESS).status_code == 404


def test_a_page_costs_the_same_number_of_statements_however_long_it_is(
    as_: Speaker, alice: User, ann: User, project: Project, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    make.imported(project, 6, candidates=2)
    queue = make.queue(project)
    for _ in range(6):
        make.written(queue, ann)
    client = as_(alice)
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        assert len(client.get(ADDRESS).json()["results"]) == 6
