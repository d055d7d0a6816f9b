"""A worker that carries out what a queue's settings mean for its tasks, as it really runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from labeling.models import Slot, Task
from labeling.services import batch_priorities, queues, seats, slots
from tests import make, process
from tests.labeling.services.desk import small_steps
from tests.workers.test_jobs import until
from workers import jobs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PROMPTS = 40
COMMAND = ["celery", "-q", "-A", "annotate", "worker", "-Q", "default", "-c", "1", "--without-gossip"]


@pytest.fixture
def start_worker() -> Iterator[Callable[[], None]]:
    """Starts a worker for what is done in the background, a process group of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", *COMMAND, "-n", f"settings{len(started)}@%h"],
                cwd=process.ROOT,
                env=os.environ | {"DATABASE_URL": process.database_url()},
                start_new_session=True,
            )
        )

    yield start
    for worker in started:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def followed() -> bool:
    """What beat does every other second, until nothing is left."""
    jobs.tick()
    return not seats.is_unfinished()


def test_it_opens_and_moves_what_the_request_left(start_worker: Callable[[], None]) -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    manager = make.manager(project)
    make.imported(project, PROMPTS // 2)
    make.imported(project, PROMPTS // 2, start=PROMPTS // 2, batch="urgent")
    with small_steps():  # of which each request does one
        queue = make.queue(project)
        assert Task.objects.filter(queue=queue).count() == 2
        start_worker()
        until(followed)
        assert Task.objects.filter(queue=queue).count() == PROMPTS
        batch_priorities.set_priority(project, "urgent", 5, by=manager)
        queues.change(queue, overlap=2, ordering="spread", by=manager)
        assert Slot.objects.filter(queue=queue).count() < 2 * PROMPTS
        until(followed)
    assert Slot.objects.filter(queue=queue, state="open").count() == 2 * PROMPTS
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    assert slot.task.prompt.external_id == f"p{PROMPTS // 2}"
