"""Workers that send webhooks, as they really run: one that is killed in the middle loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from labeling.models import Delivery, Project
from labeling.services import deliveries, webhooks
from tests import make, process
from tests.labeling.receiver import Receiver
from tests.workers.test_jobs import until
from workers import jobs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

COMMAND = ["celery", "-q", "-A", "annotate", "worker", "-Q", "default", "-c", "1", "--without-gossip"]


@pytest.fixture
def start_worker() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts workers that may send to this machine, each a process group of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        worker = subprocess.Popen(
            [sys.executable, "-m", *COMMAND, "-n", f"webhooks{len(started)}@%h"],
            cwd=process.ROOT,
            env=os.environ | {"DATABASE_URL": process.database_url(), "WEBHOOKS_TO": "127.0.0.1"},
            start_new_session=True,
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def announced(url: str) -> Project:
    """A project with a release that is told to an address, whatever that address is."""
    project = make.project()
    made, _ = webhooks.create(project, url="https://example.org/", types=["release.built"], by=make.manager(project))
    made.url = url
    made.save()
    with transaction.atomic():
        webhooks.announce(project, "release.built", {"project": project.slug})
    return project


def state() -> tuple[str, int]:
    delivery = Delivery.objects.get()
    return delivery.state, delivery.tries


def ring() -> bool:
    """What beat does every other second: a bell that a worker does not hear, for it still starts, is lost."""
    jobs.tick()
    return True


def test_one_killed_between_sending_and_storing_has_the_same_message_sent_again(
    start_worker: Callable[[], subprocess.Popen[bytes]],
) -> None:
    with Receiver() as receiver:
        announced(receiver.url())
        worker = start_worker()

        def die(got: Any) -> None:
            receiver.when_it_comes = lambda got: None
            os.killpg(worker.pid, signal.SIGKILL)

        receiver.when_it_comes = die
        until(lambda: ring() and worker.poll() is not None)
        # It came, and nobody wrote that down.
        assert len(receiver.got) == 1
        assert state() == ("sending", 1)
        # Time passes: nobody moves the end of the claim on any more.
        Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        start_worker()
        until(lambda: ring() and state() == ("delivered", 2))
        first, second = receiver.got
        assert first.id == second.id == Delivery.objects.get().message_id
        assert first.raw == second.raw


def test_a_tick_rings_for_what_is_due_while_nobody_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[object] = []
    monkeypatch.setattr(jobs.send_webhooks, "apply_async", lambda **options: rung.append(options))
    jobs.tick()
    assert rung == []
    announced("http://127.0.0.1:9/")
    jobs.tick()
    assert len(rung) == 1
    (claimed,) = deliveries.claim(Delivery.objects.get().message, 1, 1)
    make_due = Delivery(webhook_id=claimed.webhook_id, type="release.built", data={}, occurred_at=timezone.now())
    make_due.due_at = make_due.occurred_at
    make_due.save()
    jobs.tick()
    assert len(rung) == 1, "somebody is at it"
    Delivery.objects.filter(pk=claimed.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    jobs.tick()
    assert len(rung) == 2
    # Nobody is reached: the settings of this process allow no address of this machine.
    assert jobs.send_webhooks() == 2
    assert set(Delivery.objects.values_list("state", "status")) == {("pending", None)}


def test_what_is_over_is_tidied_away() -> None:
    announced("http://127.0.0.1:9/")
    old = timezone.now() - deliveries.KEPT
    Delivery.objects.update(state="failed", due_at=None, finished_at=old)
    jobs.tidy()
    assert not Delivery.objects.exists()
