"""Claiming generations, having them made, and giving back what a worker left.

The row is the work. A claim is a token on the row with an end that its worker keeps moving; a worker that dies
stops moving it, and its rows go back to be claimed by somebody else. A result is stored only where the row still
carries the claim that it was made under, so a row is made into exactly one candidate.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from labeling.errors import Conflict, Fault
from labeling.models import Candidate, User
from labeling.services import events, locks, prompts
from labeling.text import canonical_json
from workers.backends import BACKENDS
from workers.backends.base import GeneratorError, Loaded, Outcome, Request
from workers.models import Generation, GenerationState, Generator, GeneratorState
from workers.services import budgets, generators, planning, results
from workers.services.generator_settings import config_of
from workers.services.requests import request_for, sampling_of
from workers.services.results import MAX_TRIES

# Long enough for the first step of a batch of long prompts on a slow machine, before the first heartbeat.
CLAIM_SECONDS = 180.0
RENEW_SECONDS = 5.0

logger = logging.getLogger(__name__)

_CLAIM = """
WITH chosen AS MATERIALIZED (
    SELECT id FROM workers_generation
    WHERE generator_id = %(generator)s AND state = 'pending' AND tries = %(tries)s
    ORDER BY id LIMIT %(number)s FOR UPDATE SKIP LOCKED
)
UPDATE workers_generation g SET
    state = 'running', tries = tries + 1, claim = %(claim)s, worker = %(worker)s, claimed_until = %(until)s, error = ''
FROM chosen WHERE g.id = chosen.id
RETURNING g.id
"""


class Stopped(Exception):
    """The worker was told to stop in the middle of a batch."""


class ClaimLost(Exception):
    """The rows went to another worker: this one was silent for too long."""


@dataclass
class Worker:
    """A process that makes generations, with the models that it holds. `should_stop` is asked at every step.

    `groups`: whose generators it serves; the blank group are all that name none. `most_models`: so many stay in memory,
    the one that was used longest ago makes room.
    """

    name: str
    groups: Sequence[str] = ("",)
    most_models: int = 1
    should_stop: Callable[[], bool] = lambda: False
    _models: OrderedDict[str, Loaded] = field(default_factory=OrderedDict, repr=False)

    def model_for(self, generator: Generator) -> Loaded:
        """The generator's model, kept from before where it is the same. Raises GeneratorError."""
        wanted = model_key(generator)
        if wanted in self._models:
            self._models.move_to_end(wanted)
            return self._models[wanted]
        while len(self._models) >= self.most_models:
            self._models.popitem(last=False)[1].close()
        backend = BACKENDS.get(generator.backend)
        if backend is None:
            raise GeneratorError(f"There is no backend “{generator.backend}” in this version.")
        config = config_of(generator.backend, generator.model, generator.revision, generator.options)
        self._models[wanted] = backend.load(config)
        return self._models[wanted]

    def holds(self, generator: Generator) -> bool:
        """Whether the generator's model is in memory."""
        return model_key(generator) in self._models

    def close(self) -> None:
        """Gives the memory of all its models back."""
        while self._models:
            self._models.popitem()[1].close()


def model_key(generator: Generator) -> str:
    """The same for generators that share a model in memory."""
    return canonical_json([generator.backend, generator.model, generator.revision, generator.options])


def worker_name() -> str:
    """Host, process and when it began: enough to tell whether a worker of this host still lives."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_beginning(pid)}"


def _beginning(pid: int) -> str | None:
    """What tells a process from an earlier one with its number; None when there is no such process.

    Linux counts in ticks since the machine started, which no change of the clock moves.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        # The process's name stands in parentheses and may hold anything; what follows the last one is numbers.
        return f"{boot}-{Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    except FileNotFoundError:
        if platform.system() == "Linux":
            return None
    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def _is_dead(worker: str) -> bool:
    """Whether a worker ran on this host and is gone. Of other hosts nothing is known: their claims must run out."""
    host, pid, began = (*worker.rsplit(":", 2), "", "")[:3]
    return host == socket.gethostname() and pid.isdecimal() and _beginning(int(pid)) != began


def reclaim() -> int:
    """Puts back the rows of workers that died; a row that has seen too many die fails. Returns how many rows moved."""
    running = Generation.objects.filter(state=GenerationState.RUNNING)
    dead = [name for name in running.values_list("worker", flat=True).distinct() if _is_dead(name)]
    lost = running.filter(Q(worker__in=dead) | Q(claimed_until__lt=timezone.now()))
    return _put_back(lost, error="The worker that was making it died.", count_try=True)


@transaction.atomic
def _put_back(running: QuerySet[Generation], *, error: str, count_try: bool) -> int:
    """Running rows to pending, or to failed after MAX_TRIES. Returns how many rows moved."""
    found = list(running.values_list("prompt__project_id", "prompt_id").distinct())
    for project_id in sorted({project_id for project_id, _ in found}):
        locks.share_queues(project_id)
    prompt_ids = sorted({prompt_id for _, prompt_id in found})
    if not prompt_ids:
        return 0
    prompts.lock(prompt_ids)
    # Prompts are locked before rows, as in `store`; what moved on in between is not in this second look.
    rows = list(running.select_for_update(no_key=True).order_by("pk"))
    for row in rows:
        row.claim, row.claimed_until, row.worker, row.error = None, None, "", error
        row.tries -= 0 if count_try else 1
        spent = row.tries >= MAX_TRIES
        row.state = GenerationState.FAILED if spent else GenerationState.PENDING
        row.finished_at = timezone.now() if spent else None
        row.save()
    planning.settle(prompt_ids)
    return len(rows)


def claim(
    generator: Generator, *, token: uuid.UUID, worker: str, number: int, levels: Sequence[int] = (0, 1, 2)
) -> list[Generation]:
    """Up to `number` pending rows of a generator, marked as this worker's. Fewer, or none, when there are no more.

    Rows that were lost with a worker before are claimed in small numbers, and at last alone: if one of them is
    what kills workers, it must not take its neighbours along every time. `levels`: how often they may have been lost.
    """
    until = timezone.now() + timedelta(seconds=CLAIM_SECONDS)
    for tries in levels:
        most = {0: number, 1: max(1, number // 4)}.get(tries, 1)
        with connection.cursor() as cursor:
            cursor.execute(
                _CLAIM,
                {
                    "claim": token,
                    "worker": worker,
                    "until": until,
                    "generator": generator.pk,
                    "tries": tries,
                    "number": most,
                },
            )
            ids = [row[0] for row in cursor.fetchall()]
        if ids:
            return list(Generation.objects.select_related("prompt").filter(pk__in=ids).order_by("pk"))
    return []


def renew(token: uuid.UUID) -> int:
    """Moves the end of a claim on. Returns how many rows still carry it."""
    until = timezone.now() + timedelta(seconds=CLAIM_SECONDS)
    return Generation.objects.filter(claim=token, state=GenerationState.RUNNING).update(claimed_until=until)


class _Run:
    """One stretch of work for one generator: gives its backend rows, takes the outcomes, and keeps the claim alive."""

    def __init__(self, generator: Generator, worker: Worker, *, until: float) -> None:
        self.generator, self.worker, self.until = generator, worker, until
        self.token = uuid.uuid4()
        self.hashes: dict[int, str] = {}
        self.claimed = 0
        self._renewed = self._counted = time.monotonic()
        # None until the first row is claimed. Rows that were lost before are taken once in a run, and nothing after.
        self._level: int | None = None
        self.spent = ""

    @property
    def rows(self) -> QuerySet[Generation]:
        """What is still under the claim."""
        return Generation.objects.filter(claim=self.token, state=GenerationState.RUNNING)

    def feed(self, number: int) -> list[Request]:
        if self._level or self.worker.should_stop() or time.monotonic() > self.until:
            return []
        if not self.claimed and not self.generator.tokens_made:
            # A generator's very first rows are one prompt's worth: people can start on it while the rest is made.
            number = min(number, self.generator.candidates_per_prompt)
        rows = self._claim(number)
        if rows and self._level is None:
            self._level = rows[0].tries - 1
        self.claimed += len(rows)
        self.hashes |= {row.pk: row.prompt.content_hash for row in rows}
        return [request_for(row, self.generator) for row in rows]

    def _claim(self, number: int) -> list[Generation]:
        levels = (0, 1, 2) if self._level is None else (0,)
        state = Generator.objects.values_list("state", flat=True).filter(pk=self.generator.pk).first()
        if state != GeneratorState.ACTIVE:
            return []
        with transaction.atomic():
            if budgets.is_limited(self.generator):
                budgets.lock(self.generator)
                allowed = budgets.allowance(self.generator)
                self.spent = allowed.why
                number = number if allowed.rows is None else min(number, allowed.rows)
            if number < 1:
                return []
            return claim(self.generator, token=self.token, worker=self.worker.name, number=number, levels=levels)

    def emit(self, outcomes: Sequence[Outcome]) -> None:
        now = time.monotonic()
        results.store(self.generator, self.token, self.hashes, outcomes, seconds=now - self._counted)
        self._counted = now

    def heartbeat(self) -> None:
        if self.worker.should_stop():
            raise Stopped
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            if not renew(self.token):
                raise ClaimLost
            self._renewed = time.monotonic()


def make(generator: Generator, worker: Worker, *, until: float) -> int:
    """Has a generator's rows made until none is left or the time is over. Returns how many rows were claimed.

    Raises Stopped when the worker was told to stop; the rows are put back first.
    """
    try:
        model = worker.model_for(generator)
    except GeneratorError as error:
        generators.break_off(generator, str(error))
        return 0
    run = _Run(generator, worker, until=until)
    try:
        model.serve(run.feed, run.emit, run.heartbeat)
        _put_back(run.rows, error="The backend gave no answer to this row.", count_try=True)
    except ClaimLost:
        _put_back(run.rows, error="", count_try=False)
    except Stopped:
        _put_back(run.rows, error="", count_try=False)
        raise
    except GeneratorError as error:
        _put_back(run.rows, error="", count_try=False)
        generators.break_off(generator, str(error))
    except DatabaseError:
        # Nothing can be put back now. The rows' claim ends by itself, or with this process.
        raise
    except Exception as error:
        # One row may have broken the batch: put them back, and smaller batches find out which.
        logger.exception("Generator %s failed in the middle of its rows.", generator.pk)
        _put_back(run.rows, error=f"{type(error).__name__}: {error}"[:2000], count_try=True)
    if run.spent:
        generators.stop_spent(generator, run.spent)
    return run.claimed


@transaction.atomic
def regenerate(candidate: Candidate, *, by: User) -> Generation:
    """Puts a candidate aside and has another one made in its place, under another seed.

    Tasks that nobody has touched wait for the new one; those that people have begun keep what they show. Raises
    Conflict where no other one could come.
    """
    row = Generation.objects.filter(candidate=candidate).select_related("generator__project").first()
    if row is None:
        why = "It was put aside already." if candidate.retired_at else "No generator of this project made it."
        raise Conflict(why, errors=[Fault("candidate", why)])
    generator = row.generator
    if generator.state != GeneratorState.ACTIVE:
        raise Conflict(
            f"{generator.name} is not going. Set it going first.", errors=[Fault("generator", "Is stopped.")]
        )
    if not sampling_of(generator, row.sample).temperature:
        raise Conflict(
            f"{generator.name} draws nothing at random (temperature 0): it would make the same response again.",
            errors=[Fault("generator", "Has the temperature 0.")],
        )
    locks.share_queues(generator.project_id)
    prompts.lock([row.prompt_id])
    row = Generation.objects.select_for_update(no_key=True).get(pk=row.pk)
    if row.candidate_id != candidate.pk:
        raise Conflict("It was put aside already.", errors=[Fault("candidate", "Is put aside.")])
    prompts.retire(candidate)
    row.candidate, row.state, row.finished_at, row.error = None, GenerationState.PENDING, None, ""
    row.attempt, row.tries = row.attempt + 1, 0
    row.save()
    planning.settle([row.prompt_id])
    events.record("candidate.regenerated", candidate, by=by, project=generator.project, generation=row.pk)
    return row


def next_generator(worker: Worker) -> Generator | None:
    """An active generator of the worker's groups with pending rows: one whose model is in memory, else the oldest."""
    waiting = _waiting(worker.groups).values_list("generator_id", flat=True).distinct()
    found = list(Generator.objects.select_related("project").filter(pk__in=waiting).order_by("pk"))
    return next(iter([one for one in found if worker.holds(one)] or found), None)


def work(worker: Worker, *, seconds: float) -> int:
    """Makes rows until nothing is left or the time is over. Returns how many rows were claimed."""
    until = time.monotonic() + seconds
    total = 0
    # What a database that went away had this process leave behind. It does one thing after the other, so it holds none.
    own = Generation.objects.filter(state=GenerationState.RUNNING, worker=worker.name)
    _put_back(own, error="The database went away.", count_try=False)
    while time.monotonic() < until and not worker.should_stop():
        generator = next_generator(worker)
        if generator is None:
            break
        claimed = make(generator, worker, until=until)
        total += claimed
        if not claimed and next_generator(worker) == generator:
            break  # its rest is under way elsewhere, or its budget waits for that: the next bell looks again
    return total


def _waiting(groups: Sequence[str]) -> QuerySet[Generation]:
    return Generation.objects.filter(
        state=GenerationState.PENDING, generator__state=GeneratorState.ACTIVE, generator__group__in=groups
    )


def groups_waiting() -> list[str]:
    """The groups of workers for whom some active generator has rows to be made."""
    active = Generator.objects.filter(state=GeneratorState.ACTIVE)
    pending = Generation.objects.filter(generator=OuterRef("pk"), state=GenerationState.PENDING)
    return sorted(set(active.filter(Exists(pending)).values_list("group", flat=True)))
