"""The page that compares two releases: the picture, its table, and rows read back from the files."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from labeling.exports import differing, plans, stored
from labeling.exports.files import KINDS
from labeling.exports.models import Release
from labeling.exports.selectors import rows as found_rows
from labeling.models import Project, User
from labeling.services import annotations
from tests import make
from tests.labeling.exports.releasing import asked, built, haiku

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home")]

AT = "/projects/haiku/releases/"


@pytest.fixture
def project(ann: User) -> Project:
    return haiku(ann, make.person("ben"))


@pytest.fixture
def client(project: Project) -> Client:
    """The manager's browser."""
    client = Client()
    client.force_login(make.manager(project))
    return client


def shown(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


@pytest.fixture
def two(project: Project, ann: User) -> list[Release]:
    """Two releases, between which an answer came and another was corrected."""
    first = built(project, "sft", "preference")
    write = project.queues.get(slug="write")
    slot = write.tasks.earliest("pk").slots.get()
    said = {"response": {"text": "Response 20, **corrected** <b>."}}
    annotations.revise(slot, said, lease=str(slot.lease), version=1, by=ann)
    make.written(write, ann, "A new response.")
    return [first, built(project, "sft", "preference", "raw")]


def test_two_releases_are_compared(client: Client, two: list[Release]) -> None:
    answer = client.get(f"{AT}2/compare/")
    page = unescape(answer.content.decode())
    assert "From release 1 to release 2" in page
    assert 'aria-label="sft: 1 added, 0 removed, 1 changed, 13 unchanged"' in page
    assert 'aria-label="preference: 0 added, 0 removed, 0 changed, 10 unchanged"' in page
    assert "A new response." in page
    assert "<ins>" in page
    assert "corrected** <b>" in page
    assert "<b>" not in answer.content.decode()
    assert "raw is in release 2 alone" in re.sub("<[^>]+>", "", page)
    assert "No row of preference differs" in shown(client, f"{AT}2/compare/?with=1&format=preference")
    assert "From release 1 to release 2" in shown(client, f"{AT}1/compare/?with=2")
    assert client.get(f"{AT}2/compare/?with=7").status_code == 404
    for query in ("with=x", "format=%00", "with=2&format=raw"):
        assert client.get(f"{AT}2/compare/?{query}").status_code == 200


@pytest.mark.parametrize("files", list(KINDS))
def test_rows_are_found_in_files_of_every_kind(
    client: Client, project: Project, ann: User, files: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 4)
    built(project, "sft", "openai-sft", files=files, splits={"train": 50, "test": 50})
    make.written(project.queues.get(slug="write"), ann, "A late response.")
    built(project, "sft", "openai-sft", files=files, splits={"train": 50, "test": 50})
    assert "A late response." in shown(client, f"{AT}2/compare/?with=1&format=sft")
    page = shown(client, f"{AT}2/compare/?with=1&format=openai-sft")
    assert ("A late response." in page) == (files != "parquet"), "these rows do not name their prompt"


def test_what_is_not_found_quickly_is_told_so(
    client: Client, two: list[Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found_rows, "MOST_BYTES", 10)
    page = shown(client, f"{AT}2/compare/")
    assert "The row itself was not found quickly." in page


@pytest.mark.parametrize("files", list(KINDS))
def test_damaged_files_take_the_examples_away_alone(
    client: Client, project: Project, ann: User, files: str, tmp_path: Path, settings: Any
) -> None:
    built(project, "sft", files=files)
    make.written(project.queues.get(slug="write"), ann, "A late response.")
    release = built(project, "sft", files=files)
    path = f"sft/all-00000.{KINDS[files].ending}"
    with stored.opened(release, path) as file:
        whole = file.read()
    for left in (whole[: len(whole) // 2], whole[:20] + b"\xff" * 20 + whole[40:], b"", b"no such file"):
        stored.put_bytes(release, path, left)
        assert "1 added" in shown(client, f"{AT}2/compare/")
    stored.delete(release, path)
    assert "1 added" in shown(client, f"{AT}2/compare/")


def test_of_large_releases_one_format_is_compared(
    client: Client, two: list[Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differing, "QUICK", 10)
    page = shown(client, f"{AT}2/compare/?with=1&format=sft")
    assert "There are many rows: choose this format" in page
    assert "1 added" in page


def test_what_cannot_be_compared_is_told(client: Client, project: Project) -> None:
    first = built(project, "sft")
    assert "No other release of this project is done." in shown(client, f"{AT}1/compare/")
    built(project, "preference")
    assert "They have no format in common" in shown(client, f"{AT}2/compare/")
    asked(project, "sft")
    assert "Release 3 is waiting" in shown(client, f"{AT}3/compare/?with=1")
    second = built(project, "sft")
    (index,) = stored.indexes(second, "sft")
    stored.put_bytes(second, index, b"2\ta\tx\n1\ta\tx\n")
    assert "An index is not in order" in shown(client, f"{AT}{second.number}/compare/?with=1")
    (index,) = stored.indexes(first, "sft")
    stored.delete(first, index)
    assert "Release 1 has no index of “sft”" in shown(client, f"{AT}{second.number}/compare/?with=1")
