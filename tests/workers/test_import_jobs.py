"""Workers that read files, as they really run: killed in the middle, they lose nothing and double nothing."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count
from django.utils import timezone

from labeling.models import DuplicateGroup, Project, Prompt, PromptImport, Slot, Task
from labeling.services import duplicates, imports
from tests import make, process
from tests.workers.test_jobs import until
from workers import jobs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LINES = 60_000
COMMAND = ["celery", "-q", "-A", "annotate", "worker", "-Q", "default", "-c", "1", "--without-gossip"]


@pytest.fixture
def start_worker() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts workers for files, each a process group of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        worker = subprocess.Popen(
            [sys.executable, "-m", *COMMAND, "-n", f"jobs{len(started)}@%h"],
            cwd=process.ROOT,
            env=os.environ | {"DATABASE_URL": process.database_url()},
            start_new_session=True,
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def sent(project: Project) -> PromptImport:
    """Many lines, of which some are bad and some stand twice."""
    lines = [b'{"prompt": "Question %d?", "external_id": "p%d"}\n' % (n, n) for n in range(LINES)]
    lines[1000] = lines[50_000] = b"no json\n"
    lines[2000] = lines[40_000] = lines[3]
    file = io.BytesIO(b"".join(lines))
    return imports.send(project, file, source="jsonl", filename="many.jsonl", by=make.manager(project))


def ring() -> bool:
    """What beat does every other second: a bell that a worker does not hear, for it still starts, is lost."""
    jobs.tick()
    return True


def test_a_worker_killed_in_mid_file_loses_nothing_and_doubles_nothing(
    start_worker: Callable[[], subprocess.Popen[bytes]],
) -> None:
    project = make.project()
    queue = make.queue(project)
    record = sent(project)
    worker = start_worker()

    def judged() -> int:
        record.refresh_from_db()
        return record.judged

    until(lambda: ring() and 0 < judged() < LINES)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    assert 0 < judged() < LINES
    assert record.state == "running"
    # Time passes: nobody moves the end of the claim on any more.
    PromptImport.objects.filter(pk=record.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))

    start_worker()

    def done() -> bool:
        record.refresh_from_db()
        return record.state == "done"

    until(lambda: ring() and done())
    assert (record.imported, record.updated, record.unchanged, record.rejected) == (LINES - 4, 0, 2, 2)
    assert record.bytes_read == record.size
    assert list(record.rejected_lines.values_list("line", flat=True)) == [1001, 50_001]
    assert Prompt.objects.count() == Task.objects.filter(queue=queue).count() == LINES - 4
    assert not Task.objects.annotate(seats=Count("slots")).exclude(seats=1).exists()
    assert Slot.objects.count() == LINES - 4
    project.refresh_from_db()
    assert project.prompts_added == LINES - 4


def test_a_worker_that_is_told_to_stop_puts_the_file_back(start_worker: Callable[[], subprocess.Popen[bytes]]) -> None:
    project = make.project()
    record = sent(project)
    worker = start_worker()

    def state() -> tuple[str, bool]:
        record.refresh_from_db()
        return record.state, record.judged > 0

    until(lambda: ring() and state() == ("running", True))
    worker.terminate()
    until(lambda: worker.poll() is not None)
    assert state() == ("waiting", True)
    assert (record.tries, record.reason) == (0, "")
    assert imports.work() == 1
    record.refresh_from_db()
    assert (record.state, record.imported, record.unchanged) == ("done", LINES - 4, 2)


def test_a_search_for_duplicates_is_carried_out(start_worker: Callable[[], subprocess.Popen[bytes]]) -> None:
    project = make.project()
    make.imported(project, 2, prompt="The same.")
    duplicates.search(project, likeness=80, by=make.manager(project))
    start_worker()
    until(lambda: ring() and DuplicateGroup.objects.exists())
    assert DuplicateGroup.objects.get().size == 2


def test_a_tick_rings_once_for_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    for job in (jobs.read_prompts, jobs.find_duplicates):
        monkeypatch.setattr(job, "apply_async", lambda name=job.name, **options: rung.append(name))
    jobs.tick()
    assert rung == []
    project = make.project()
    record = imports.send(project, io.BytesIO(b"{}"), source="jsonl", by=make.manager(project))
    duplicates.search(project, by=make.manager(project))
    jobs.tick()
    assert rung == ["workers.jobs.read_prompts", "workers.jobs.find_duplicates"]
    given: Any = {"state": "running", "claim": "0" * 32, "claimed_until": timezone.now() + timedelta(seconds=9)}
    PromptImport.objects.filter(pk=record.pk).update(**given)
    jobs.tick()
    assert rung[2:] == ["workers.jobs.find_duplicates"], "one file at a time"
    PromptImport.objects.update(claimed_until=timezone.now())
    jobs.tick()
    assert rung[3:] == ["workers.jobs.read_prompts", "workers.jobs.find_duplicates"]
    assert (jobs.read_prompts(), jobs.find_duplicates()) == (1, 1)
