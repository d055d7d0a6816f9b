"""Releases that are disturbed while they are built: nothing is lost, nothing is doubled, nothing is left."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from labeling.errors import Conflict
from labeling.exports import shards, stored
from labeling.exports.models import Release, Shard
from labeling.exports.services import building, releases
from labeling.models import Project, User
from labeling.services import background
from tests import make
from tests.labeling.exports.releasing import asked, built, check_hashes, elsewhere, failed, files, haiku, left, rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home", "small_shards")]


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return haiku(ann, ben)


ALL = ("sft", "preference", "kto", "prompts", "raw")


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


def broken_off_and_taken_up(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker breaks off after two shards, and another one ends what it began."""
    with monkeypatch.context() as patch:
        breaking_at(patch, 2, Broken())
        taken = background.take(Release)
        assert taken
        with pytest.raises(Broken):
            building.build(taken)
    assert Shard.objects.filter(release=release).count() == 2
    Release.objects.filter(pk=release.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    releases.reclaim()
    assert releases.work() == 1
    release.refresh_from_db()


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

    def store(of: Release, shard: shards.Made) -> None:
        made.append(shard.number)
        real(of, shard)

    monkeypatch.setattr(building, "_store", store)
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


def test_a_storage_with_errors_of_its_own_keeps_nobody_waiting(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The storages of other machines raise what they like, and none of it an OSError."""
    storage: Any = default_storage
    real = storage.delete
    first, second = asked(project), asked(project)
    for release in (first, second):
        Release.objects.filter(pk=release.pk).update(has_files=True)
        stored.put_text(release, "sft/half", "left by a worker that died")

    def delete(name: str) -> None:
        if name.startswith(stored.name_of(first)):
            raise Exception("the bucket says 503")
        real(name)

    monkeypatch.setattr(releases, "LEFT_ALONE", timedelta(0))
    with monkeypatch.context() as patch:
        patch.setattr(storage._wrapped, "delete", delete)
        for release in (first, second):
            releases.cancel(release, by=make.manager(project))
        releases.reclaim()
        assert left(tmp_path) == [f"{stored.name_of(first)}/sft/half"]
    first.refresh_from_db()
    assert (first.state, first.has_files) == ("cancelled", True)
    releases.reclaim()
    first.refresh_from_db()
    assert (left(tmp_path), first.has_files) == ([], False)


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
    storage: Any = default_storage
    real = storage._save

    def full(name: str, content: Any) -> str:
        if "00002" in name:
            raise OSError(28, "No space left on device")
        return str(real(name, content))

    monkeypatch.setattr(storage._wrapped, "_save", full)
    release = asked(project)
    releases.work()
    assert "no room" in failed(release, tmp_path)


def unwell(monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    """The storage takes the third shard as often not. Gives what it was asked to store then."""
    storage: Any = default_storage
    real = storage._save
    refused: list[str] = []

    def save(name: str, content: Any) -> str:
        if "00002" in name and len(refused) < times:
            refused.append(name)
            raise OSError(5, "Input/output error")
        return str(real(name, content))

    monkeypatch.setattr(storage._wrapped, "_save", save)
    return refused


def test_a_storage_that_is_unwell_for_a_moment_costs_a_shard(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = unwell(monkeypatch, background.MAX_TRIES - 1)
    release = asked(project)
    assert releases.work() == background.MAX_TRIES
    release.refresh_from_db()
    assert (release.state, release.reason, len(refused)) == ("done", "", background.MAX_TRIES - 1)
    check_hashes(release)
    assert len(rows(release, "sft")) == 14


def test_a_storage_that_stays_unwell_is_told_after_the_last_try(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refused = unwell(monkeypatch, background.MAX_TRIES)
    release = asked(project)
    assert releases.work() == background.MAX_TRIES
    assert failed(release, tmp_path).startswith("Its files could not be written (Input/output error).")
    assert len(refused) == background.MAX_TRIES


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
