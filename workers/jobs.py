"""Every Celery function of the platform. Rows are the work; these only ring and answer the bell."""

from __future__ import annotations

import functools
import multiprocessing
import os
from typing import Any

from celery import Task, current_app, shared_task
from celery.signals import worker_shutting_down
from django.conf import settings

from labeling.exports.services import releases
from labeling.services import abandoned, claims, deliveries, duplicates, imports, seats
from workers.schedule import TICK_SECONDS
from workers.services import generations, planning

FOLLOW_SECONDS = 20.0  # for one queue, before the next has its turn
WORK_SECONDS = 600.0  # one job's turn before it lets others of its queue have theirs
MOST_BELLS = 20  # that wait in one queue of the broker: more than workers that could answer at once

# Celery tells its main process to stop, and the job runs in a child of it: made before the fork, the flag is both's.
_stopping = multiprocessing.Event()


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    _stopping.set()


@functools.cache
def _worker() -> generations.Worker:
    """This process's worker, which keeps its model between jobs. Made on first use, after any fork."""
    return generations.Worker(
        name=generations.worker_name(), most_models=settings.GENERATION_MODELS, should_stop=_stopping.is_set
    )


@shared_task(name="workers.jobs.tick", ignore_result=True)
def tick() -> None:
    """Plans what generators owe, puts back what dead workers left, and rings for work that is waiting."""
    planning.plan_all()
    generations.reclaim()
    imports.reclaim()
    duplicates.reclaim()
    releases.reclaim()
    deliveries.reclaim()
    for group in generations.groups_waiting():
        _ring(generate, queue_of(group), group)
    for is_waiting, job in (
        (imports.is_waiting, read_prompts),
        (duplicates.is_waiting, find_duplicates),
        (seats.is_unfinished, follow_settings),
        (releases.is_waiting, build_releases),
        (deliveries.is_waiting, send_webhooks),
    ):
        if is_waiting():
            _ring(job, settings.CELERY_TASK_DEFAULT_QUEUE)
    # Last: it may lose a race with people at work, and must keep no bell from being rung.
    abandoned.reclaim()


def queue_of(group: str) -> str:
    """The broker's queue for a group of generation workers: what such a worker names behind `-Q`."""
    return f"generation.{group}" if group else "generation"


def _ring(job: Task[Any, Any], queue: str, *args: str) -> None:
    """Rings a bell. One that nobody answers in time is forgotten, and the next tick rings again.

    It is the worker that forgets, when it takes the message: where no worker serves a queue, its bells would pile up.
    """
    with current_app.connection_for_write() as broker:
        channel: Any = broker.default_channel
        try:
            waiting = channel.queue_declare(queue=queue, passive=True).message_count
        except broker.channel_errors:  # it was never rung
            waiting = 0
    if waiting < MOST_BELLS:
        job.apply_async(args=args, queue=queue, expires=2 * TICK_SECONDS)


@shared_task(name="workers.jobs.generate", ignore_result=True)
def generate(group: str = "") -> int:
    """Makes the generations of a group's generators until none is left. Returns how many rows it claimed."""
    worker = _worker()
    worker.groups = (group,)
    try:
        return generations.work(worker, seconds=WORK_SECONDS)
    except generations.Stopped:
        return 0


@shared_task(name="workers.jobs.read_prompts", ignore_result=True)
def read_prompts() -> int:
    """Reads the files of prompts that wait, until none is left. Returns how many it took up."""
    return imports.work(should_stop=_stopping.is_set)


@shared_task(name="workers.jobs.find_duplicates", ignore_result=True)
def find_duplicates() -> int:
    """Looks for duplicates where somebody asked for it, until nobody waits. Returns how many searches it took up."""
    return duplicates.work(should_stop=_stopping.is_set)


@shared_task(name="workers.jobs.build_releases", ignore_result=True)
def build_releases() -> int:
    """Builds the releases that wait, until none is left. Returns how many it took up."""
    return releases.work(should_stop=_stopping.is_set)


@shared_task(name="workers.jobs.follow_settings", ignore_result=True)
def follow_settings() -> None:
    """Opens and moves the tasks of queues whose settings were changed."""
    seats.follow_all(seconds=FOLLOW_SECONDS)


@shared_task(name="workers.jobs.send_webhooks", ignore_result=True)
def send_webhooks() -> int:
    """Sends what is due in the outbox of the webhooks. Returns how many tries it made."""
    return deliveries.work(should_stop=_stopping.is_set)


@shared_task(name="workers.jobs.tidy", ignore_result=True)
def tidy() -> None:
    """Takes away what nobody needs any more."""
    claims.forget_openings()
    deliveries.forget_old()


def reset_worker() -> None:
    """Forgets this process's worker (after a fork, in tests)."""
    _worker.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reset_worker)
