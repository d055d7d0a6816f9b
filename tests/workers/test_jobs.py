"""Celery workers as they really run: killed in mid-batch, they lose nothing and double nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import current_app

from labeling.models import Candidate, Prompt
from tests import make, process
from workers import jobs
from workers.models import Generation, GenerationState
from workers.services import generators

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PROMPTS, EACH = 12, 2
COMMAND = ["celery", "-q", "-A", "annotate", "worker", "-Q", "generation", "-c", "1", "--without-gossip"]


def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Waits for a condition; fails when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def start_worker() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts generation workers, each a process group of its own, as `make run` and a container do."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        worker = subprocess.Popen(
            [sys.executable, "-m", *COMMAND, "-n", f"generation{len(started)}@%h"],
            cwd=process.ROOT,
            env=os.environ | {"DATABASE_URL": process.database_url(), "GENERATION_BATCH": "8"},
            start_new_session=True,
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def state_count(state: str) -> int:
    return Generation.objects.filter(state=state).count()


def test_a_worker_killed_in_mid_batch_loses_nothing_and_doubles_nothing(
    start_worker: Callable[[], subprocess.Popen[bytes]],
) -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    generators.create(
        project,
        name="slow",
        backend="echo",
        model="echo?seconds=0.7",
        candidates_per_prompt=EACH,
        by=make.manager(project),
    )
    make.imported(project, PROMPTS)
    worker = start_worker()

    def under_way() -> bool:
        jobs.tick()  # plans, and rings for the worker; a bell that rings before it listens is forgotten
        return state_count(GenerationState.DONE) >= 8 and state_count(GenerationState.RUNNING) > 0

    # One batch is stored and the next is being made: now the lights go out.
    until(under_way)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    assert state_count(GenerationState.RUNNING) > 0
    assert state_count(GenerationState.DONE) < PROMPTS * EACH

    start_worker()

    def all_done() -> bool:
        jobs.tick()
        return state_count(GenerationState.DONE) == PROMPTS * EACH

    until(all_done)
    assert set(Counter(Candidate.objects.values_list("prompt", flat=True)).values()) == {EACH}
    assert Candidate.objects.count() == PROMPTS * EACH
    assert set(Prompt.objects.values_list("candidates_count", "candidates_awaited")) == {(EACH, 0)}
    assert queue.tasks.count() == PROMPTS
    assert max(Generation.objects.values_list("tries", flat=True)) == 2


def test_a_tick_with_nothing_to_do_rings_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[object] = []
    monkeypatch.setattr(jobs.generate, "apply_async", lambda **options: rung.append(options))
    jobs.tick()
    assert rung == []
    project = make.project()
    make.imported(project, 1)
    generators.create(project, name="echo", backend="echo", model="echo", by=make.manager(project))
    jobs.tick()
    assert len(rung) == 1


def test_a_worker_that_is_told_to_stop_stops_in_mid_batch_and_puts_its_rows_back(
    start_worker: Callable[[], subprocess.Popen[bytes]],
) -> None:
    project = make.project()
    generators.create(
        project,
        name="slow",
        backend="echo",
        model="echo?seconds=300",
        candidates_per_prompt=4,
        by=make.manager(project),
    )
    make.imported(project, 1)
    worker = start_worker()

    def under_way() -> bool:
        jobs.tick()
        return state_count(GenerationState.RUNNING) == 4

    until(under_way)
    worker.terminate()
    until(lambda: worker.poll() is not None)
    # Told to stop is not died: the rows have all their tries left.
    assert set(Generation.objects.values_list("state", "tries")) == {(GenerationState.PENDING, 0)}


def test_bells_do_not_pile_up_where_no_worker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make.project()
    make.imported(project, 1)
    generators.create(project, name="echo", backend="echo", model="echo", group="far", by=make.manager(project))
    monkeypatch.setattr(jobs, "MOST_BELLS", 3)

    def waiting() -> int:
        with current_app.connection_for_write() as broker:
            channel: Any = broker.default_channel
            return int(channel.queue_declare(queue="generation.far", passive=True).message_count)

    for expected in (1, 2, 3, 3, 3):
        jobs.tick()
        assert waiting() == expected
