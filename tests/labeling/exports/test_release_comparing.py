"""Comparing two releases over the API: who may, what comes, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from labeling.exports import plans, stored
from labeling.exports.comparing import compare, entries
from labeling.exports.models import Release
from labeling.exports.selectors import comparisons
from labeling.models import Annotation, Project, Role, User
from labeling.services import people, projects, queues
from tests import make
from tests.labeling.exports.answering import answered
from tests.labeling.exports.releasing import asked, built, haiku

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home")]

AT = "/api/projects/haiku/releases/"


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 3)


@pytest.fixture
def project(ann: User) -> Project:
    return haiku(ann, make.person("ben"))


@pytest.fixture
def two(project: Project, ann: User) -> list[Release]:
    """Two releases of several shards, the second with two answers more and a format of its own."""
    first = built(project, "sft", "preference")
    for _ in range(2):
        make.written(project.queues.get(slug="write"), ann, "Late.")
    return [first, built(project, "raw", "sft", "preference")]


def client(user: User) -> APIClient:
    _, key = people.create_token(user, by=user)
    return APIClient(headers={"Authorization": f"Token {key}"})


def test_it_works(project: Project, two: list[Release]) -> None:
    speaker = client(make.manager(project))
    said = speaker.get(f"{AT}2/compare/1/").json()
    assert (said["old"], said["new"]) == (1, 2)
    assert said["alone"] == [{"format": "raw", "number": 2}]
    sft, preference = said["formats"]
    assert (sft["format"], sft["added"]["count"], sft["removed"]["count"], sft["same"]) == ("sft", 2, 0, 14)
    assert [row["key"].split("|")[0] for row in sft["added"]["first"]] == [
        row["prompt_id"] for row in sft["added"]["first"]
    ]
    assert (preference["same"], preference["changed"]) == (10, {"count": 0, "first": []})
    assert speaker.get(f"{AT}1/compare/2/").json() == said, "the older one is the older one"
    assert speaker.get(f"{AT}2/compare/1/?format=sft").json()["formats"] == [sft]
    assert speaker.get(f"{AT}2/compare/2/").json()["alone"] == []


def test_files_are_read_as_one_index(two: list[Release]) -> None:
    """Against the plainest way: all files of an index at once, in memory."""
    for name in ("sft", "preference"):
        whole = []
        for release in two:
            paths = stored.indexes(release, name)
            assert len(paths) > 2
            lines = []
            for path in paths:
                with stored.opened(release, path) as file:
                    lines.append(file.read().splitlines())
            whole.append(list(entries(lines)))
        found = comparisons.compare(comparisons.pair_of(*two), name)
        assert found.as_dict == compare(*whole).as_dict


def test_few_files_are_open_at_a_time(two: list[Release], monkeypatch: pytest.MonkeyPatch) -> None:
    real, now, most = stored.opened, 0, 0

    @contextmanager
    def opened(release: Release, path: str) -> Iterator[BinaryIO]:
        nonlocal now, most
        with real(release, path) as file:
            now += 1
            most = max(most, now)
            yield file
            now -= 1

    monkeypatch.setattr(stored, "opened", opened)
    assert comparisons.compare(comparisons.pair_of(*two), "sft").same == 14
    assert (most, now) == (4, 0)


def test_what_cannot_be_compared_says_why(project: Project, two: list[Release]) -> None:
    speaker = client(make.manager(project))
    asked(project, "sft")
    waits = speaker.get(f"{AT}3/compare/1/")
    assert (waits.status_code, waits.json()["code"]) == (409, "conflict")
    assert "Release 3 is waiting" in waits.json()["detail"]
    unknown = speaker.get(f"{AT}2/compare/1/?format=raw")
    assert (unknown.status_code, unknown.json()["errors"][0]["path"]) == (400, "format")
    assert speaker.get(f"{AT}2/compare/9/").status_code == 404
    assert speaker.get(f"{AT}2/compare/{10**30}/").status_code == 404
    for index in stored.indexes(two[0], "sft"):
        stored.delete(two[0], index)
    missing = speaker.get(f"{AT}2/compare/1/")
    assert missing.status_code == 409
    assert "no index of “sft”" in missing.json()["detail"]
    assert speaker.get(f"{AT}2/compare/1/?format=preference").status_code == 200


def test_only_managers_may(project: Project, two: list[Release], ann: User) -> None:
    reviewer = make.person("rita")
    projects.add_member(project, email=reviewer.email, role=Role.REVIEWER, by=make.manager(project))
    for user, status in ((reviewer, 403), (ann, 403), (make.person("zoe"), 404)):
        assert client(user).get(f"{AT}2/compare/1/").status_code == status
    assert APIClient().get(f"{AT}2/compare/1/").status_code == 401


@pytest.mark.parametrize("format", ["raw", "openai-sft", "openai-preference"])
def test_an_answer_that_went_changes_no_other_row_of_its_prompt(project: Project, ann: User, format: str) -> None:
    """Of the answers to one prompt the first is taken back."""
    write = project.queues.get(slug="write")
    cora = make.person("cora")
    projects.add_member(project, email=cora.email, role=Role.ANNOTATOR, by=make.manager(project))
    queues.change(write, overlap=2, by=make.manager(project))
    make.written(write, cora, "Another one.")
    edit = make.queue(project, slug="edit", form=[{"name": "edited", "type": "edit"}])
    answered(edit, ann, edited={"candidate": "Answer 0 to 20", "text": "Better."})
    filters = {"responses": "human"} if format == "openai-sft" else {}
    built(project, format, filters=filters)
    first = Annotation.objects.filter(queue__slug="rank" if format == "openai-preference" else "write").earliest("pk")
    Annotation.objects.filter(pk=first.pk).update(undone_at=timezone.now())
    built(project, format, filters=filters)
    (found,) = client(make.manager(project)).get(f"{AT}1/compare/2/").json()["formats"]
    assert (found["added"]["count"], found["changed"]["count"], found["removed"]["count"]) == (0, 0, 1)
    assert found["removed"]["first"][0]["prompt_id"] == str(first.slot.task.prompt_id)
