"""Reviewing by API: what comes next, verdicts and what they are refused for, and who may do it."""

from __future__ import annotations

import pytest

from labeling.models import Candidate, Project, Queue, Review, Role, Task, User
from labeling.services import projects
from tests import make
from tests.labeling.api.checked import Speaker


@pytest.fixture
def rita(project: Project, alice: User) -> User:
    rita = make.person("rita")
    projects.add_member(project, email=rita.email, role=Role.REVIEWER, by=alice)
    return rita


@pytest.fixture
def queue(project: Project) -> Queue:
    make.imported(project, 3, candidates=2)
    return make.queue(project, preset="ranking", slug="rank")


def test_it_works(as_: Speaker, ann: User, rita: User, queue: Queue) -> None:
    first = make.ranked(queue, ann, [["Answer 0 to 0"], ["Answer 1 to 0"]])
    second = make.ranked(queue, ann, [["Answer 0 to 1"], ["Answer 1 to 1"]])
    reviewer = as_(rita)
    found = reviewer.post(f"/api/queues/{queue.pk}/reviews/next/").json()
    assert (found["annotation"], found["version"], found["answers"]) == (first.pk, 1, first.answers)
    texts = {pk: one.text for pk, one in Candidate.objects.in_bulk(first.slot.candidate_order).items()}
    assert [one["text"] for one in found["candidates"]] == [texts[pk] for pk in first.slot.candidate_order]
    assert "ann@example.org" not in str(found)
    assert "model-0" not in str(found)
    at = f"/api/annotations/{first.pk}/reviews/"
    given = reviewer.post(at, {"verdict": "accepted", "seen": 0})
    assert (given.status_code, given.json()["verdict"], given.json()["reviewer"]) == (201, "accepted", rita.email)
    assert reviewer.post(at, {"verdict": "accepted", "seen": 0}).status_code == 200
    found = reviewer.post(f"/api/queues/{queue.pk}/reviews/next/").json()
    assert found["annotation"] == second.pk
    rejected = {"verdict": "rejected", "reason": "The wrong way round.", "again": True}
    assert reviewer.post(f"/api/annotations/{second.pk}/reviews/", rejected).status_code == 201
    assert reviewer.post(f"/api/queues/{queue.pk}/reviews/next/").status_code == 204
    assert Task.objects.get(pk=second.slot.task_id).overlap == 2
    assert reviewer.get(f"/api/queues/{queue.pk}/reviews/").json() == {
        "accepted": 1,
        "rejected": 1,
        "waiting": 0,
        "people": [{"annotator": ann.email, "accepted": 1, "rejected": 1}],
    }


def test_what_is_passed_over(as_: Speaker, ann: User, rita: User, queue: Queue) -> None:
    first = make.ranked(queue, ann, [["Answer 0 to 0"], ["Answer 1 to 0"]])
    second = make.ranked(queue, ann, [["Answer 0 to 1"], ["Answer 1 to 1"]])
    assert as_(rita).post(f"/api/queues/{queue.pk}/reviews/next/").json()["annotation"] == first.pk
    later = as_(rita).post(f"/api/queues/{queue.pk}/reviews/next/?after={first.pk}").json()
    assert later["annotation"] == second.pk


def test_the_verdicts_of_a_project(as_: Speaker, alice: User, ann: User, rita: User, queue: Queue) -> None:
    annotation = make.ranked(queue, ann, [["Answer 0 to 0"], ["Answer 1 to 0"]])
    other = make.written(make.queue(queue.project, slug="write"), ann)
    for verdict in ({"verdict": "rejected", "reason": "No."}, {"verdict": "accepted"}):
        as_(rita).post(f"/api/annotations/{annotation.pk}/reviews/", verdict)
    as_(alice).post(f"/api/annotations/{other.pk}/reviews/", {"verdict": "accepted"})
    found = as_(alice).get("/api/projects/haiku/reviews/").json()["results"]
    assert [(one["annotation"], one["verdict"], one["reason"]) for one in found] == [
        (annotation.pk, "rejected", "No."),
        (annotation.pk, "accepted", ""),
        (other.pk, "accepted", ""),
    ]
    found = as_(rita).get("/api/projects/haiku/reviews/?queue=write").json()["results"]
    assert [one["annotation"] for one in found] == [other.pk]
    (since,) = as_(rita).get(f"/api/projects/haiku/reviews/?since={found[0]['created_at']}").json()["results"]
    assert since == found[0]
    listed = as_(alice).get("/api/projects/haiku/annotations/").json()["results"]
    assert [one["verdict"] for one in listed] == ["accepted", "accepted"]


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({}, "verdict"),
        ({"verdict": "good"}, "verdict"),
        ({"verdict": "rejected"}, "reason"),
        ({"verdict": "rejected", "reason": " "}, "reason"),
        ({"verdict": "accepted", "reason": "a\u0000b"}, "reason"),
        ({"verdict": "accepted", "reason": "x" * 5000}, "reason"),
        ({"verdict": "accepted", "reason": 7.5, "seen": -1}, "seen"),
        ({"verdict": "accepted", "why": "?"}, "why"),
    ],
)
def test_what_cannot_be_taken(
    as_: Speaker, ann: User, rita: User, queue: Queue, sent: dict[str, object], path: str
) -> None:
    annotation = make.ranked(queue, ann, [["Answer 0 to 0"], ["Answer 1 to 0"]])
    answer = as_(rita).post(f"/api/annotations/{annotation.pk}/reviews/", sent)
    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]
    assert not Review.objects.exists()


def test_a_verdict_that_came_meanwhile(as_: Speaker, alice: User, ann: User, rita: User, queue: Queue) -> None:
    annotation = make.ranked(queue, ann, [["Answer 0 to 0"], ["Answer 1 to 0"]])
    at = f"/api/annotations/{annotation.pk}/reviews/"
    as_(alice).post(at, {"verdict": "accepted"})
    refused = as_(rita).post(at, {"verdict": "rejected", "reason": "No.", "seen": 0})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "Alice has accepted" in refused.json()["detail"]


def test_who_may(as_: Speaker, ann: User, charlie: User, rita: User, queue: Queue) -> None:
    annotation = make.ranked(queue, ann, [["Answer 0 to 0"], ["Answer 1 to 0"]])
    calls = [
        ("post", f"/api/queues/{queue.pk}/reviews/next/"),
        ("get", f"/api/queues/{queue.pk}/reviews/"),
        ("get", "/api/projects/haiku/reviews/"),
        ("post", f"/api/annotations/{annotation.pk}/reviews/"),
    ]
    for method, where in calls:
        assert getattr(as_(ann), method)(where).status_code == 403, where
        assert getattr(as_(charlie), method)(where).status_code == 404, where
    assert as_(rita).post("/api/annotations/0/reviews/", {"verdict": "accepted"}).status_code == 404
    assert as_(rita).post(f"/api/annotations/{2**63}/reviews/", {"verdict": "accepted"}).status_code == 404
