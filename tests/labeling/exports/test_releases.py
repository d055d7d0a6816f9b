"""Releases: what is in them, that they repeat byte for byte, and what happens when they are disturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from labeling.errors import Conflict, Invalid
from labeling.exports import choices, plans, stored, stream
from labeling.exports.code import _revision, code
from labeling.exports.formats import FORMATS
from labeling.exports.models import Release, ReleaseContributor, Shard
from labeling.exports.services import building, rebuilding, releases
from labeling.importing.base import parse
from labeling.models import Annotation, Event, Project, User
from labeling.services import annotations, background, imports
from tests import make, process
from tests.labeling.exports.answering import answered
from tests.labeling.exports.connections import wait_for_exports
from tests.labeling.exports.releasing import asked, built, check_hashes, files, left, rows
from tests.labeling.exports.test_stream import noise

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 3)
    monkeypatch.setattr(building, "CLOCKS_APART", 0.0)
    yield
    wait_for_exports(0)


@pytest.fixture
def ann() -> User:
    return make.person("ann")


@pytest.fixture
def ben() -> User:
    return make.person("ben")


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    """18 prompts: Ann has written for 14 and rated for 6, Ben has ranked 10. All of them are in every part."""
    made = make.project(annotators=[ann, ben], slug="haiku")
    make.imported(made, 18, start=20, candidates=2, language="en")
    write = make.queue(made, slug="write")
    rank = make.queue(made, preset="ranking", slug="rank")
    thumbs = make.queue(made, preset="kto", slug="thumbs")
    for n in range(20, 34):
        make.written(write, ann, f"Response {n}.")
    for n in range(20, 30):
        make.ranked(rank, ben, [[f"Answer 1 to {n}"], [f"Answer 0 to {n}"]])
    for n in range(20, 26):
        answered(thumbs, ann, thumbs={f"Answer 0 to {n}": 0, f"Answer 1 to {n}": 1})
    return made


ALL = ("sft", "preference", "kto", "prompts", "raw")


def exported(project: Project, **given: str) -> list[dict[str, Any]]:
    with closing(stream.Export(choices.parse(project, given))) as export:
        return [json.loads(line) for line in b"".join(export).decode().splitlines()]


def without_people(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without pseudonyms, in the order of their prompts."""
    for row in found:
        row.pop("annotator", None)
        row.get("metadata", {}).pop("annotator", None)
    return sorted(found, key=lambda row: json.dumps(row, sort_keys=True))


def test_it_works(project: Project, ann: User, ben: User) -> None:
    release = built(project, *ALL, title="  The first  one ")
    assert (release.number, release.title, release.reason) == (1, "The first one", "")
    for name in ALL:
        assert without_people(rows(release, name)) == without_people(exported(project, format=name)), name
    manifest = release.manifest
    assert manifest
    assert json.loads(files(release)["manifest.json"]) == manifest
    assert (manifest["manifest"], manifest["number"]) == (1, 1)
    assert manifest["project"] == {"slug": "haiku", "name": "Haiku", "description": ""}
    assert manifest["counts"] == {"prompts": 18, "annotations": 30, "annotators": 2}
    assert manifest["splits"] == {"rule": "Not divided.", "ratios": None}
    assert manifest["sources"]["languages"] == {"en": 18}
    assert [queue["slug"] for queue in manifest["sources"]["queues"]] == ["write", "rank", "thumbs"]
    assert manifest["sources"]["queues"][0] == {"slug": "write", "name": "Write", "overlap": 1, "form_versions": [1]}
    assert manifest["sources"]["guidelines_versions"] == [1]
    assert [one["format"] for one in manifest["formats"]] == list(ALL)
    kto = manifest["formats"][2]
    assert (kto["rows"], kto["prompts"], kto["labels"]) == (12, 6, {"true": 6, "false": 6})
    assert kto["removed"] == []
    assert manifest["agreement"]["preference"] == 1.0
    # 18 prompts in shards of 3; the one that leads is in the first, too.
    assert kto["files"] == ["kto/all-00000.jsonl", "kto/all-00001.jsonl"]
    assert len(manifest["formats"][3]["files"]) == 6
    check_hashes(release)
    assert dict(ReleaseContributor.objects.values_list("user", "annotations")) == {ann.pk: 20, ben.pk: 10}
    assert (release.prompts_done, release.prompts_of, release.percent) == (18, 18, 100)
    assert release.counts["rows"] == sum(file["rows"] for file in manifest["files"])
    verbs = Event.objects.filter(target_type="release", target_id=release.pk).order_by("pk")
    assert [event.verb for event in verbs] == ["release.asked", "release.built"]


def test_numbers_count_in_each_project(project: Project) -> None:
    other = make.project()
    assert [asked(project).number, asked(project).number, asked(other).number] == [1, 2, 1]


def test_a_prompt_is_in_one_part_alone(project: Project) -> None:
    release = built(project, "sft", "raw", "prompts", splits=True)
    assert release.manifest
    assert release.manifest["splits"]["ratios"] == {"train": 80, "validation": 10, "test": 10}
    for name in ("sft", "raw", "prompts"):
        parts = []
        for split in ("train", "validation", "test"):
            found = rows(release, name, split)
            parts.append({row.get("metadata", row)["prompt_id"] for row in found})
            assert without_people(found) == without_people(exported(project, format=name, split=split))
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))


def test_the_parts_may_be_of_any_size(project: Project) -> None:
    halves = built(project, "prompts", splits={"test": 0.5, "train": 0.5})
    assert halves.manifest
    assert halves.manifest["splits"]["ratios"] == {"train": 50, "test": 50}
    assert "50 % train, 50 % test" in halves.manifest["splits"]["rule"]
    train, test = (
        {row["metadata"]["prompt_id"] for row in rows(halves, "prompts", part)} for part in ("train", "test")
    )
    assert (len(train | test), train & test) == (18, set())
    assert 3 < len(train) < 15
    # What was in training stays there when that part grows.
    more = built(project, "prompts", splits={"train": 70, "test": 30})
    assert train <= {row["metadata"]["prompt_id"] for row in rows(more, "prompts", "train")}


def test_what_comes_later_is_not_in_it(project: Project, ann: User, ben: User) -> None:
    release = asked(project, *ALL)
    before = {name: exported(project, format=name) for name in ALL}
    write, rank = project.queues.get(slug="write"), project.queues.get(slug="rank")
    make.written(write, ann, "Too late.")
    make.ranked(rank, ben, [["Answer 0 to 30"], ["Answer 1 to 30"]])
    make.imported(project, 5, start=38)
    releases.work()
    release.refresh_from_db()
    for name in ALL:
        assert without_people(rows(release, name)) == without_people(before[name])


def test_an_annotation_submitted_while_it_is_built_is_not_in_it(
    project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = project.queues.get(slug="write")
    real = building._store

    def store(release: Release, made: Any) -> None:
        real(release, made)
        if made.number < 3:
            make.written(write, ann, f"While shard {made.number} is stored.")

    monkeypatch.setattr(building, "_store", store)
    release = built(project, "sft", "raw")
    assert Annotation.objects.filter(answers__response__text__startswith="While shard").count() > 2
    assert "While shard" not in json.dumps([rows(release, "sft"), rows(release, "raw")])


def elsewhere(work: Callable[[], object]) -> threading.Thread:
    """Does something over another connection."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_it_waits_for_answers_that_are_on_their_way(
    project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer whose time is before the cutoff, and whose transaction ends after it, is in the release."""
    monkeypatch.setattr(building, "_PATIENT_SECONDS", 0.0)
    submitted, go_on = threading.Event(), threading.Event()
    write = project.queues.get(slug="write")

    def submit() -> None:
        with transaction.atomic():
            make.written(write, ann, "On its way.")
            submitted.set()
            assert go_on.wait(20)

    submitting = elsewhere(submit)
    assert submitted.wait(20)
    release = asked(project, "sft")
    working = elsewhere(releases.work)
    end = time.monotonic() + 20
    while "It waits for work in the database" not in Release.objects.get().reason:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert not Shard.objects.exists()
    go_on.set()
    submitting.join(20)
    working.join(20)
    release.refresh_from_db()
    assert (release.state, release.reason) == ("done", "")
    assert "On its way." in [row["messages"][-1]["content"] for row in rows(release, "sft")]


def corrected(annotation: Annotation, text: str) -> Annotation:
    slot = annotation.slot
    slot.refresh_from_db()
    newest = slot.annotations.filter(undone_at=None).latest("version")
    made, _ = annotations.revise(
        slot, {"response": {"text": text}}, lease=str(slot.lease), version=newest.version, by=annotation.annotator
    )
    return made


def test_it_is_what_stood_at_the_cutoff_whatever_happens_later(project: Project, ann: User) -> None:
    first, second, third = Annotation.objects.filter(queue__slug="write").order_by("pk")[:3]
    corrected(first, "Corrected before.")
    Annotation.objects.filter(pk=third.pk).update(undone_at=timezone.now())
    release = asked(project, "sft", "raw")
    corrected(first, "Corrected after.")
    corrected(second, "Corrected after.")
    kept = Annotation.objects.filter(queue__slug="write").order_by("pk")[5]
    Annotation.objects.filter(pk=kept.pk).update(undone_at=timezone.now())
    releases.work()
    release.refresh_from_db()
    said = [row["messages"][-1]["content"] for row in rows(release, "sft")]
    ranked_best = "Answer 1 to 22"
    assert said == ["Corrected before.", "Response 21.", ranked_best, *(f"Response {n}." for n in range(23, 34))]
    versions = {(row["annotation_id"], row["latest"]) for row in rows(release, "raw")}
    assert {(str(first.pk), False), (str(second.pk), True), (str(kept.pk), True)} <= versions
    # What is exported now is what stands now.
    now = [row["messages"][-1]["content"] for row in exported(project, format="sft")]
    assert now.count("Corrected after.") == 2
    assert "Response 25." not in now


def test_nobody_can_be_followed_from_one_release_to_the_next(project: Project) -> None:
    one, two = built(project, "raw"), built(project, "raw")
    names = [{row["annotator"] for row in rows(release, "raw")} for release in (one, two)]
    names.append({row["annotator"] for row in exported(project, format="raw")})
    assert [len(found) for found in names] == [2, 2, 2]
    assert len(set.union(*names)) == 6


def test_a_prompt_with_tool_calls_leads_each_part(project: Project, ann: User) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
    said = {"role": "assistant", "content": "", "tool_calls": [call]}
    tools = [{"role": "user", "content": "How warm?"}, said, {"role": "tool", "content": "21", "name": "f"}]
    imports.import_lines(project, [parse({"messages": tools}, 1)], source="jsonl", by=make.manager(project))
    for _ in range(5):
        make.written(project.queues.get(slug="write"), ann)
    release = built(project, "sft", "prompts")
    assert rows(release, "sft")[0]["messages"][:3] == tools
    assert rows(release, "prompts")[0]["prompt"] == tools
    assert [row["prompt"] for row in rows(release, "prompts")].count(tools) == 1


def test_what_goes_beside_the_rows(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What formats want in their folder, and what describes the dataset, is in the manifest like every file."""
    given: list[dict[str, str]] = []

    def beside(_: object, of: dict[str, str]) -> dict[str, str]:
        given.append(of)
        return {"info.json": json.dumps(of)}

    described: list[list[str]] = []

    def card(manifest: dict[str, Any]) -> str:
        described.append([file["path"] for file in manifest["files"]])
        return f"# {manifest['title']}\n"

    cards = SimpleNamespace(card=card, croissant=lambda manifest: json.dumps({"name": manifest["project"]["name"]}))
    monkeypatch.setattr(type(FORMATS["sft"]), "beside", beside, raising=False)
    monkeypatch.setitem(sys.modules, "labeling.exports.cards", cards)
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 12)
    release = built(project, "sft", "raw", title="Of haiku", splits={"train": 90, "test": 10})
    assert given == [{"train": "train-*.jsonl", "test": "test-00000.jsonl"}]
    assert release.manifest
    beside_rows = [file for file in release.manifest["files"] if not file["format"]]
    assert [(file["path"], file["rows"], file["split"]) for file in beside_rows] == [
        ("sft/info.json", 0, ""),
        ("README.md", 0, ""),
        ("croissant.json", 0, ""),
    ]
    assert described[0][-1] == "sft/info.json"
    assert [file["media_type"] for file in beside_rows][1:] == ["text/markdown; charset=utf-8", "application/json"]
    check_hashes(release)
    stored_files = files(release)
    assert stored_files["README.md"] == b"# Of haiku\n"
    assert json.loads(stored_files["manifest.json"]) == release.manifest
    assert {file.differs for file in rebuilding.rebuild(release)} == {""}


def test_webhooks_are_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[Any, ...]] = []
    webhooks = SimpleNamespace(announce=lambda *given: told.append(given))
    monkeypatch.setitem(sys.modules, "labeling.services.webhooks", webhooks)
    built(project, "sft")
    ((of, verb, data),) = told
    assert (of, verb, data["number"], data["formats"]) == (project, "release.built", 1, ["sft"])
    assert data["counts"]["prompts"] == 14


def test_it_says_by_which_code_it_was_made(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_text("6ac9564\n")
    assert _revision(git) == "6ac9564"
    (git / "refs" / "heads" / "main").unlink()
    assert _revision(git) == ""
    (git / "packed-refs").write_text("# pack-refs\n1234567 refs/heads/main\n")
    assert _revision(git) == "1234567"
    (git / "HEAD").write_text("89abcde\n")
    assert _revision(git) == "89abcde"
    assert _revision(tmp_path / "none") == ""
    assert set(code()) == {"version", "revision"}


# Not ru_maxrss: a child starts with that of the process that made it.
PEAK = """
import pathlib, re, sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "release", *sys.argv[1:]])
status = pathlib.Path("/proc/self/status").read_text()
print("peak", int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""


def test_memory_does_not_grow_with_the_release(tmp_path: Path, settings: Any) -> None:
    def peak(project: Project) -> int:
        done = subprocess.run(
            [sys.executable, "-c", PEAK, project.slug, "--formats", "prompts", "--files", "gzip", "--wait"],
            env=os.environ | {"DATABASE_URL": process.database_url(), "ANNOTATE_HOME": str(tmp_path)},
            cwd=process.ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout.split()[-1])

    small, large = make.project(slug="small"), make.project(slug="large")
    make.imported(small, 1)
    for start in range(0, 600, 200):
        lines = [parse({"prompt": f"{n} " + noise(60_000, seed=n)}, n) for n in range(start, start + 200)]
        imports.import_lines(large, lines, source="jsonl", by=make.manager(large))
    little = peak(small)
    assert peak(large) - little < 30
    settings.MEDIA_ROOT = tmp_path / "files"
    assert Release.objects.get(project=large).counts["bytes"] > 15_000_000


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


def failed(release: Release, tmp_path: Path) -> str:
    """Why a release failed. Nothing is left of it."""
    release.refresh_from_db()
    assert release.state == "failed"
    assert (left(tmp_path), release.manifest) == ([], None)
    assert not Shard.objects.filter(release=release).exists()
    assert Event.objects.filter(verb="release.failed", target_id=release.pk).count() == 1
    return release.reason


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
    release = asked(project, "prompts", "kto", splits={"train": 99.9, "validation": 0.1})
    releases.work()
    said = failed(release, tmp_path)
    assert "“prompts” has no row in “validation”, of 18 in all." in said
    assert "“kto” has no row in “validation”, of 12 in all." in said


# --- Disturbed -------------------------------------------------------------------------------------------------------


class Broken(Exception):
    pass


def breaking_at(monkeypatch: pytest.MonkeyPatch, number: int, error: Exception) -> None:
    """The worker breaks in the middle of storing a shard: its files are there, and no row says so."""
    real = stored.put
    put: list[str] = []

    def half(release: Release, path: str, local: Path) -> None:
        real(release, path, local)
        if path.endswith(f"-{number:05}.jsonl"):
            put.append(path)
            if len(put) == 2:
                raise error

    monkeypatch.setattr(stored, "put", half)


def undisturbed(project: Project, *formats: str, like: Release) -> dict[str, bytes]:
    """The files of a release that is built in one go, of the same number and moment."""
    Release.objects.filter(pk=like.pk).delete()
    again = Release.objects.create(
        project=project,
        number=like.number,
        title=like.title,
        by=like.by,
        asked=like.asked,
        cutoff=like.cutoff,
        last_prompt=like.last_prompt,
        created_at=like.created_at,
        in_background=True,
    )
    assert releases.work() == 1
    again.refresh_from_db()
    assert again.state == "done"
    return files(again)


def test_another_worker_goes_on_from_the_last_whole_shard(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    release = asked(project, *ALL, splits=True)
    with monkeypatch.context() as patch:
        breaking_at(patch, 2, Broken())
        taken = background.take(Release)
        assert taken
        with pytest.raises(Broken):
            building.build(taken)
    assert list(Shard.objects.values_list("number", flat=True).order_by("number")) == [0, 1]
    assert any("00002" in path for path in left(tmp_path))
    Release.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    releases.reclaim()
    release.refresh_from_db()
    assert (release.state, release.tries) == ("waiting", 1)
    assert release.prompts_done == 3 + Shard.objects.get(number=0).prompts

    made: list[int] = []
    real = building._store
    monkeypatch.setattr(building, "_store", lambda of, shard: (made.append(shard.number), real(of, shard)))
    assert releases.work() == 1
    assert made[0] == 2
    release.refresh_from_db()
    assert release.state == "done"
    found = files(release)
    check_hashes(release)
    stored.clear(release)
    assert undisturbed(project, like=release) == found


def test_a_release_that_is_lost_too_often_fails(project: Project, tmp_path: Path) -> None:
    release = asked(project)
    for _ in range(background.MAX_TRIES):
        assert background.take(Release)
        Release.objects.update(claimed_until=timezone.now() - timedelta(seconds=1), has_files=True)
        stored.put_text(release, "sft/half", "")
        releases.reclaim()
    assert "gone" in failed(release, tmp_path)


def test_what_is_left_by_somebody_who_died_is_swept_away_later(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = asked(project)
    assert background.take(Release)
    Release.objects.update(has_files=True)
    releases.cancel(release, by=make.manager(project))
    release.refresh_from_db()
    assert release.has_files, "whoever builds it may be about to store something"
    stored.put_text(release, "sft/half", "left by a worker that died")
    releases.reclaim()
    assert left(tmp_path) != []
    monkeypatch.setattr(releases, "LEFT_ALONE", timedelta(0))
    releases.reclaim()
    release.refresh_from_db()
    assert (left(tmp_path), release.has_files) == ([], False)


def test_a_worker_that_is_told_to_stop_puts_it_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "WATCH_SECONDS", 0.0)
    release = asked(project, "sft")
    assert releases.work(should_stop=lambda: Shard.objects.count() >= 2) == 1
    release.refresh_from_db()
    assert (release.state, release.tries, Shard.objects.count()) == ("waiting", 0, 2)
    assert 0 < release.prompts_done < 14
    assert releases.work() == 1
    release.refresh_from_db()
    assert (release.state, len(rows(release, "sft"))) == ("done", 14)


def test_one_that_waits_is_called_off(project: Project) -> None:
    release = asked(project)
    releases.cancel(release, by=make.manager(project))
    release.refresh_from_db()
    assert (release.state, releases.work()) == ("cancelled", 0)
    assert "called it off" in release.reason
    with pytest.raises(Conflict, match="ended already"):
        releases.cancel(release, by=make.manager(project))
    with pytest.raises(Conflict):
        releases.cancel(built(project), by=make.manager(project))


def test_one_that_is_built_is_called_off_and_leaves_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(building, "WATCH_SECONDS", 0.0)
    release = asked(project, "sft", "raw")
    real = stored.put

    def put(of: Release, path: str, local: Path) -> None:
        if path == "raw/all-00002.jsonl":
            # Another thread of the web server: the worker is between two files of a shard.
            elsewhere(lambda: releases.cancel(release, by=make.manager(project))).join(20)
        real(of, path, local)

    monkeypatch.setattr(stored, "put", put)
    assert releases.work() == 1
    release.refresh_from_db()
    assert release.state == "cancelled"
    assert (left(tmp_path), release.has_files, Shard.objects.count()) == ([], False, 0)


def test_a_worker_that_was_silent_for_too_long_stores_nothing_more(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "WATCH_SECONDS", 1e9)
    release = asked(project, "sft")
    real = building._store
    lost: list[int] = []

    def store(of: Release, made: Any) -> None:
        if made.number == 1 and not lost:
            lost.append(made.number)
            Release.objects.filter(pk=of.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
            releases.reclaim()
        real(of, made)

    monkeypatch.setattr(building, "_store", store)
    assert releases.work() == 2, "it is taken up once more"
    release.refresh_from_db()
    assert (release.state, lost) == ("done", [1])
    check_hashes(release)
    assert len(rows(release, "sft")) == 14


def test_a_full_disk_is_said_and_leaves_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real: Any = stored.default_storage._save

    def full(name: str, content: Any) -> str:
        if "00002" in name:
            raise OSError(28, "No space left on device")
        return str(real(name, content))

    monkeypatch.setattr(stored.default_storage._wrapped, "_save", full)
    release = asked(project)
    releases.work()
    assert "no room" in failed(release, tmp_path)


def test_a_fault_of_ours_fails_and_leaves_the_next_one_alone(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = asked(project), asked(project)
    real = building._finish

    def finish(of: Release, plan: Any) -> None:
        if of.pk == first.pk:
            raise RuntimeError("a fault of ours")
        real(of, plan)

    monkeypatch.setattr(building, "_finish", finish)
    assert releases.work() == 2
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("failed", "done")
    assert first.reason.startswith("It broke off (RuntimeError)")


def test_a_command_builds_what_no_worker_has(project: Project) -> None:
    release = releases.build_here(asked(project))
    assert release.state == "done"


def test_it_cannot_be_built_within_a_transaction(project: Project) -> None:
    asked(project)
    taken = background.take(Release)
    assert taken
    with transaction.atomic(), pytest.raises(AssertionError, match="all transactions"):
        building.build(taken)
