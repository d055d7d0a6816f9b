"""Asking for a release, strictly; and those that would have nothing in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labeling.errors import Conflict, Invalid
from labeling.exports import plans
from labeling.exports.models import Release
from labeling.exports.services import releases
from labeling.models import Project, User
from tests import make
from tests.labeling.exports.releasing import asked, failed, haiku

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home")]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 3)


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return haiku(ann, ben)


# --- Strict asking ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"formats": []}, ["formats"]),
        ({"formats": "sft"}, ["formats"]),
        ({"formats": ["sft", "xml"]}, ["formats.1"]),
        ({"formats": ["sft", "sft"]}, ["formats.1"]),
        ({"formats": ["sft", 3]}, ["formats.1"]),
        ({"formats": ["sft", "kto"], "filters": {"pairs": "some"}}, ["filters.pairs"]),
        ({"filters": {"pair": "all", "queue": "nowhere"}}, ["filters.pair", "filters.queue"]),
        ({"filters": {"split": "train"}}, ["filters.split"]),
        ({"filters": {"format": "sft"}}, ["filters.format"]),
        ({"filters": {"queue": ["write"]}}, ["filters.queue"]),
        ({"filters": ["pairs"]}, ["filters"]),
        ({"files": "xml"}, ["files"]),
        ({"splits": "train"}, ["splits"]),
        ({"splits": {"dev": 10, "train": 90}}, ["splits.dev"]),
        ({"splits": {"train": "80", "test": -1}}, ["splits.train", "splits.test"]),
        ({"splits": {"train": 80, "test": 10}}, ["splits"]),
        ({"splits": {"train": 99.5, "test": 0.5}}, ["splits.train"]),
        ({"splits": ["train", "test"]}, ["splits"]),
        ({"title": 3}, ["title"]),
        ({"title": "x" * 201}, ["title"]),
        ({"splits": {}, "files": "xml", "filters": {"pairs": "x"}}, ["files", "splits", "filters.pairs"]),
    ],
)
def test_every_mistake_is_named_with_its_path(project: Project, given: dict[str, Any], paths: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        releases.ask(project, **{"formats": ["sft"], "by": make.manager(project), **given})
    assert [fault.path for fault in refused.value.errors] == paths
    assert not Release.objects.exists()


def test_only_so_many_wait(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "MOST_WAITING", 2)
    asked(project)
    asked(project)
    with pytest.raises(Conflict, match="2 releases wait"):
        asked(project)


# --- Nothing empty ---------------------------------------------------------------------------------------------------


def test_a_release_without_rows_fails_and_leaves_nothing(project: Project, tmp_path: Path) -> None:
    release = asked(project, "sft", "preference", filters={"queue": "rank", "responses": "human"})
    releases.work()
    said = failed(release, tmp_path)
    assert "“sft” has no row. Left out: 10 prompts with no response" in said
    assert "“preference”" not in said
    assert "Ask again" in said
    nothing = make.project()
    empty = asked(nothing, "sft")
    releases.work()
    assert "“sft” has no row." in failed(empty, tmp_path)
    assert asked(nothing).number == 2, "a number is never given twice"


def test_a_part_without_rows_fails(project: Project, tmp_path: Path) -> None:
    release = asked(project, "prompts", "kto", splits={"train": 99, "validation": 1})
    releases.work()
    said = failed(release, tmp_path)
    assert "“prompts” has no row in “validation”, of 18 in all." in said
    assert "“kto” has no row in “validation”, of 12 in all." in said
