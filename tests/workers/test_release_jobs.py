"""Workers that build releases, as they really run: one that is killed in the middle costs a shard, nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from labeling.exports import plans
from labeling.exports.models import Release, Shard
from labeling.exports.services import building, rebuilding, releases
from labeling.models import Project
from tests import make, process
from tests.labeling.exports.answering import answered
from tests.labeling.exports.releasing import asked, check_hashes, files
from tests.workers.test_jobs import until
from workers import jobs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

COMMAND = ["celery", "-q", "-A", "annotate", "worker", "-Q", "default", "-c", "1", "--without-gossip"]
FORMATS = ("prompts", "sft", "kto", "raw")


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts workers for files, each a process group of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        worker = subprocess.Popen(
            [sys.executable, "-m", *COMMAND, "-n", f"jobs{len(started)}@%h"],
            cwd=process.ROOT,
            env=os.environ | {"DATABASE_URL": process.database_url(), "ANNOTATE_HOME": str(tmp_path)},
            start_new_session=True,
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Project:
    """800 prompts in shards of four, so that a worker is at it for a while; a few of them are answered."""
    settings.MEDIA_ROOT = tmp_path / "files"
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 4)
    monkeypatch.setattr(building, "CLOCKS_APART", 0.0)
    ann = make.person("ann")
    made = make.project(annotators=[ann], slug="haiku")
    make.imported(made, 800, candidates=2)
    for n in range(9):
        make.written(make.queue(made) if n == 0 else made.queues.get(), ann, f"Response {n}.")
    thumbs = make.queue(made, preset="kto")
    for n in range(9):
        answered(thumbs, ann, thumbs={f"Answer 0 to {n}": 0, f"Answer 1 to {n}": 1})
    return made


def ring() -> bool:
    """What beat does every other second."""
    jobs.tick()
    return True


def test_a_worker_killed_in_mid_release_costs_one_shard(
    project: Project, start_worker: Callable[[], subprocess.Popen[bytes]]
) -> None:
    release = asked(project, *FORMATS, files="gzip")
    worker = start_worker()
    until(lambda: ring() and Shard.objects.count() > 10)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    release.refresh_from_db()
    assert release.state == "running"
    stood = Shard.objects.count()
    assert 10 < stood < 200
    # Time passes: nobody moves the end of the claim on any more.
    Release.objects.filter(pk=release.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    kept = set(Shard.objects.values_list("pk", flat=True))

    start_worker()

    def done() -> bool:
        release.refresh_from_db()
        return release.state == "done"

    until(lambda: ring() and done())
    assert kept < set(Shard.objects.values_list("pk", flat=True)), "what was whole is not made again"
    assert Shard.objects.count() == 200
    check_hashes(release)
    assert not [file for file in rebuilding.rebuild(release) if file.differs]
    # The same as a build that nobody disturbed, to the byte.
    found = files(release)
    like = {name: getattr(release, name) for name in ("number", "title", "by", "asked", "cutoff", "last_prompt")}
    release.delete()
    again = Release.objects.create(project=project, created_at=release.created_at, in_background=True, **like)
    assert releases.work() == 1
    again.refresh_from_db()
    assert files(again) == found


def test_a_worker_that_is_told_to_stop_puts_it_back(
    project: Project, start_worker: Callable[[], subprocess.Popen[bytes]]
) -> None:
    release = asked(project, "prompts")
    worker = start_worker()
    until(lambda: ring() and Shard.objects.count() > 5)
    worker.terminate()
    until(lambda: worker.poll() is not None)
    release.refresh_from_db()
    assert (release.state, release.tries, release.reason) == ("waiting", 0, "")
    assert releases.work() == 1
    release.refresh_from_db()
    assert (release.state, release.counts["rows"]) == ("done", 800)


def test_a_tick_rings_once_for_what_waits(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(jobs.build_releases, "apply_async", lambda **options: rung.append("rung"))
    jobs.tick()
    assert rung == []
    asked(project, "sft")
    jobs.tick()
    assert rung == ["rung"]
    given: Any = {"state": "running", "claim": "0" * 32, "claimed_until": timezone.now() + timedelta(seconds=9)}
    Release.objects.update(**given)
    jobs.tick()
    assert len(rung) == 1, "one at a time"
    Release.objects.update(claimed_until=timezone.now())
    jobs.tick()
    assert len(rung) == 2
    assert jobs.build_releases() == 1
    assert Release.objects.get().state == "done"
