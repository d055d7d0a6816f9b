"""Prompts in an order that a seed draws: the same rows, and the same order wherever and whenever it is drawn."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from itertools import pairwise
from typing import Any

import pytest

from labeling.exports import choices, stream
from labeling.exports.models import Shard
from labeling.exports.selectors import comparisons
from labeling.exports.selectors import rows as read
from labeling.exports.services import rebuilding
from labeling.models import Project, User
from tests import make
from tests.labeling.exports.releasing import asked, built, haiku, rows
from tests.labeling.exports.test_release_disturbed import broken_off_and_taken_up

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home", "small_shards")]

FORMATS = ("sft", "preference", "kto", "prompts")
SHUFFLED = {"order": "shuffled"}


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return haiku(ann, ben)


def exported(project: Project, format: str = "sft", **given: str) -> bytes:
    with closing(stream.Export(choices.parse(project, {"format": format, **given}))) as export:
        return b"".join(export)


def prompts_in(data: bytes) -> list[int]:
    """The prompts of rows in their order, each once."""
    found = [json.loads(line)["metadata"]["prompt_id"] for line in data.split(b"\n")[:-1]]
    return list(map(int, dict.fromkeys(found)))


def test_a_seed_draws_an_order_and_nothing_else(project: Project) -> None:
    plain = exported(project)
    drawn = exported(project, order="shuffled")
    assert Counter(plain.split(b"\n")) == Counter(drawn.split(b"\n"))
    assert exported(project, order="imported") == plain
    assert prompts_in(plain)[1:] == sorted(prompts_in(plain)[1:]), "but for the one that leads"
    assert prompts_in(drawn)[1:] != sorted(prompts_in(drawn)[1:])
    assert exported(project, order="shuffled", seed="0") == drawn
    assert prompts_in(exported(project, order="shuffled", seed="7")) != prompts_in(drawn)


def test_the_report_tells_the_seed(project: Project) -> None:
    report = stream.measure(choices.parse(project, {"format": "sft", "order": "shuffled"}))
    assert {"order": "shuffled", "seed": "0"}.items() <= report.choice.items()
    assert choices.parse(project, report.choice).as_dict == report.choice
    assert "seed" not in stream.measure(choices.parse(project, {"format": "sft"})).choice


def test_prompts_that_come_later_take_their_places_among_the_others(project: Project, ann: User) -> None:
    before = prompts_in(exported(project, "prompts", order="shuffled"))
    make.imported(project, 12, start=60)
    for n in range(6):
        make.written(project.queues.get(slug="write"), ann, f"Later {n}.")
    after = prompts_in(exported(project, "prompts", order="shuffled"))
    assert len(after) > len(before)
    assert [prompt for prompt in after if prompt in before] == before
    assert after[: len(before)] != before


def test_labelled_rows_of_a_prompt_are_no_neighbours_in_any_order(project: Project) -> None:
    for seed in range(4):
        found = [
            json.loads(line)["metadata"]["prompt_id"]
            for line in exported(project, "kto", order="shuffled", seed=str(seed)).split(b"\n")[:-1]
        ]
        assert len(found) == 12
        assert all(one != other for one, other in pairwise(found))


def test_a_release_has_the_order_of_an_export(project: Project) -> None:
    release = built(project, *FORMATS, filters=SHUFFLED | {"seed": "3"})
    assert Shard.objects.filter(release=release).count() > 3
    for format in ("sft", "preference", "prompts"):
        data = exported(project, format, order="shuffled", seed="3")
        found = [int(row["metadata"]["prompt_id"]) for row in rows(release, format)]
        led = set(Shard.objects.get(release=release, number=0).leaders)
        assert [p for p in dict.fromkeys(found) if p not in led] == [p for p in prompts_in(data) if p not in led], (
            format
        )
    assert release.manifest
    for kind in release.manifest["formats"]:
        assert {"order": "shuffled", "seed": "3"}.items() <= kind["choice"].items()
    assert {file.differs for file in rebuilding.rebuild(release)} == {""}


def test_another_worker_goes_on_where_the_order_was_left(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = built(project, *FORMATS, filters=SHUFFLED)
    release = asked(project, *FORMATS, filters=SHUFFLED)
    broken_off_and_taken_up(release, monkeypatch)
    assert release.state == "done", release.reason
    assert {file.differs for file in rebuilding.rebuild(release)} == {""}
    for format in FORMATS:
        assert [without_people(row) for row in rows(release, format)] == [
            without_people(row) for row in rows(usual, format)
        ]


def without_people(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"metadata": {name: value for name, value in row["metadata"].items() if name != "annotator"}}


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_releases_in_different_orders_are_compared(project: Project, ann: User, kind: str) -> None:
    orders: list[dict[str, str]] = [{}, SHUFFLED, SHUFFLED | {"seed": "5"}]
    made = [built(project, "sft", "preference", filters=order, files=kind) for order in orders]
    for one, other in ((made[0], made[1]), (made[1], made[2])):
        for format in ("sft", "preference"):
            found = comparisons.compare(comparisons.pair_of(one, other), format)
            assert (found.added.count, found.removed.count, found.changed.count) == (0, 0, 0)
            assert found.same == {"sft": 14, "preference": 10}[format]
    make.written(project.queues.get(slug="write"), ann, "Late.")
    late = built(project, "sft", filters=SHUFFLED, files=kind)
    found = comparisons.compare(comparisons.pair_of(made[1], late), "sft")
    assert (found.added.count, found.removed.count, found.same) == (1, 0, 14)
    (row,) = read.find(late, "sft", found.added.first).values()
    assert row["messages"][-1]["content"] == "Late."
    every = comparisons.compare(comparisons.pair_of(made[0], late), "sft").added.first
    assert len(read.find(late, "sft", every)) == len(every)
