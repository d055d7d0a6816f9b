"""Claiming generations in batches, making them, and storing what came out.

The row is the work. A claim is a token on the row with an end that its worker keeps moving; a worker that dies
stops moving it, and its rows go back to be claimed by somebody else. A result is stored only where the row still
carries the claim that it was made under, so a row is made into exactly one candidate.
"""

from __future__ import annotations

import os
import platform
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from labeling.models import Candidate, Prompt
from labeling.services import locks, prompts
from labeling.text import unfit_text, with_documents
from workers.backends import BACKENDS
from workers.backends.base import Config, Failure, GeneratorError, Loaded, Request, Result, Sampling, derive_seed
from workers.models import Generation, GenerationState, Generator, GeneratorState
from workers.services import generators

MAX_TRIES = 3
# Long enough for the first step of a batch of long prompts on a slow machine, before the first heartbeat.
CLAIM_SECONDS = 180.0
RENEW_SECONDS = 5.0

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
    """A process that makes generations, with the one model that it holds. `should_stop` is asked at every step."""

    name: str
    batch_size: int = 16
    should_stop: Callable[[], bool] = lambda: False
    _loaded: tuple[tuple[str, str, str], Loaded] | None = field(default=None, repr=False)

    def model_for(self, generator: Generator) -> Loaded:
        """The generator's model, kept from the last batch when it is the same. Raises GeneratorError."""
        wanted = (generator.backend, generator.model, generator.revision)
        if self._loaded and self._loaded[0] == wanted:
            return self._loaded[1]
        self.close()
        backend = BACKENDS.get(generator.backend)
        if backend is None:
            raise GeneratorError(f"There is no backend “{generator.backend}” in this version.")
        loaded = backend.load(Config(model=generator.model, revision=generator.revision))
        self._loaded = (wanted, loaded)
        return loaded

    def close(self) -> None:
        """Gives the model's memory back."""
        if self._loaded:
            self._loaded[1].close()
            self._loaded = None

    @property
    def holds(self) -> tuple[str, str, str] | None:
        """Backend, model and revision in memory."""
        return self._loaded[0] if self._loaded else None


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
    generators.settle(prompt_ids)
    return len(rows)


def claim(generator: Generator, *, worker: str, number: int) -> tuple[uuid.UUID, list[Generation]]:
    """Up to `number` pending rows of a generator, marked as this worker's. Fewer, or none, when there are no more.

    Rows that were lost with a worker before are claimed in small numbers, and at last alone: if one of them is
    what kills workers, it must not take its neighbours along every time.
    """
    token = uuid.uuid4()
    until = timezone.now() + timedelta(seconds=CLAIM_SECONDS)
    for tries, most in ((0, number), (1, max(1, number // 4)), (2, 1)):
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
            return token, list(Generation.objects.select_related("prompt").filter(pk__in=ids).order_by("pk"))
    return token, []


def renew(token: uuid.UUID) -> int:
    """Moves the end of a claim on. Returns how many rows still carry it."""
    until = timezone.now() + timedelta(seconds=CLAIM_SECONDS)
    return Generation.objects.filter(claim=token, state=GenerationState.RUNNING).update(claimed_until=until)


def messages_for(prompt: Prompt, generator: Generator) -> list[dict[str, str]]:
    """The prompt as the model gets it: with the generator's system text where the prompt has none of its own."""
    # Chat templates know `system`; `developer` is OpenAI's newer name for the same.
    messages = [m | {"role": "system"} if m["role"] == "developer" else dict(m) for m in prompt.messages]
    messages[-1] = messages[-1] | {"content": with_documents(messages[-1]["content"], prompt.context)}
    if generator.system and messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": generator.system})
    return messages


def make_batch(generator: Generator, worker: Worker) -> int:
    """Claims a batch of a generator, makes it and stores it. Returns how many rows were claimed; 0: nothing to do.

    Raises Stopped when the worker was told to stop; the rows are put back first.
    """
    try:
        model = worker.model_for(generator)
    except GeneratorError as error:
        generators.break_off(generator, str(error))
        return 0
    # A generator's very first batch is one prompt's worth: people can start on it while the rest is made.
    first = min(worker.batch_size, generator.candidates_per_prompt)
    token, rows = claim(generator, worker=worker.name, number=worker.batch_size if generator.tokens_made else first)
    if not rows:
        return 0
    claimed = Generation.objects.filter(claim=token, state=GenerationState.RUNNING)
    hashes = {row.pk: row.prompt.content_hash for row in rows}
    sampling = Sampling(**generator.sampling)
    requests = [
        Request(
            id=str(row.pk),
            messages=messages_for(row.prompt, generator),  # type: ignore[arg-type]
            sampling=sampling,
            seed=derive_seed(sampling.seed, row.prompt.content_hash, row.sample),
        )
        for row in rows
    ]
    renewed = time.monotonic()

    def heartbeat() -> None:
        nonlocal renewed
        if worker.should_stop():
            raise Stopped
        if time.monotonic() - renewed > RENEW_SECONDS:
            if not renew(token):
                raise ClaimLost
            renewed = time.monotonic()

    began = time.monotonic()
    try:
        outcomes = model.generate(requests, heartbeat)
    except ClaimLost:
        return len(rows)
    except Stopped:
        _put_back(claimed, error="", count_try=False)
        raise
    except GeneratorError as error:
        _put_back(claimed, error="", count_try=False)
        generators.break_off(generator, str(error))
        return len(rows)
    except Exception as error:
        # One row may have broken the batch: put them back, and smaller batches find out which.
        _put_back(claimed, error=f"{type(error).__name__}: {error}"[:2000], count_try=True)
        return len(rows)
    store(generator, token, hashes, outcomes, seconds=time.monotonic() - began)
    return len(rows)


@transaction.atomic
def store(
    generator: Generator,
    token: uuid.UUID,
    hashes: dict[int, str],
    outcomes: list[Result | Failure],
    *,
    seconds: float,
) -> int:
    """Turns outcomes into candidates, for the rows that still carry the claim. Returns how many were stored.

    `hashes` says for each row which content it answered: a prompt that was rewritten meanwhile is answered anew.
    """
    locks.share_queues(generator.project_id)
    by_id = {int(outcome.id): _judged(outcome) for outcome in outcomes}
    prompt_ids = sorted(set(Generation.objects.filter(pk__in=by_id).values_list("prompt_id", flat=True)))
    locked = prompts.lock(prompt_ids)
    rows = Generation.objects.select_for_update(no_key=True).filter(
        pk__in=by_id, claim=token, state=GenerationState.RUNNING
    )
    made: list[tuple[Generation, Candidate]] = []
    for row in rows.order_by("pk"):
        outcome = by_id[row.pk]
        row.claim = row.claimed_until = None
        if locked[row.prompt_id].content_hash != hashes[row.pk]:
            row.state, row.tries = GenerationState.PENDING, 0
        elif isinstance(outcome, Failure):
            spent = not outcome.retry or row.tries >= MAX_TRIES
            row.state = GenerationState.FAILED if spent else GenerationState.PENDING
            row.error, row.finished_at = outcome.error[:5000], timezone.now() if spent else None
        else:
            made.append((row, _candidate(generator, row, outcome)))
            continue
        row.save()
    remaining = generators.awaited(prompt_ids)
    for row, _ in made:
        remaining[row.prompt_id] -= 1
    candidates = prompts.add_generated(generator.project, [candidate for _, candidate in made], remaining)
    for (row, _), candidate in zip(made, candidates, strict=True):
        row.state, row.error, row.candidate = GenerationState.DONE, "", candidate
        row.finished_at = timezone.now()
        row.save()
    done_ids = {row.pk for row, _ in made}
    tokens = sum(o.completion_tokens for o in outcomes if isinstance(o, Result) and int(o.id) in done_ids)
    Generator.objects.filter(pk=generator.pk).update(
        tokens_made=F("tokens_made") + tokens, busy_seconds=F("busy_seconds") + seconds
    )
    return len(made)


def _judged(outcome: Result | Failure) -> Result | Failure:
    """A completion that nobody could judge is a failure: the same seed would only make it again."""
    if isinstance(outcome, Result):
        problem = "is empty." if not outcome.text.strip() else unfit_text(outcome.text)
        if problem:
            return Failure(outcome.id, f"The response {problem}")
    return outcome


def _candidate(generator: Generator, row: Generation, result: Result) -> Candidate:
    described = dict(result.provenance)
    for name in ("backend", "model", "revision", "sampling", "seed"):
        described.pop(name, None)
    return Candidate(
        prompt_id=row.prompt_id,
        text=result.text.strip(),
        model=generator.model,
        revision=str(result.provenance.get("revision") or generator.revision)[:100],
        backend=generator.backend,
        generator=generator.name,
        sampling=generator.sampling,
        seed=result.seed,
        prompt_tokens=result.prompt_tokens,
        completion_tokens=result.completion_tokens,
        finish_reason=result.finish_reason,
        seconds=result.seconds,
        provenance=described | {"system": generator.system} if generator.system else described,
    )


def next_generator(worker: Worker) -> Generator | None:
    """An active generator with pending rows: the one whose model is in memory first, then the oldest work."""
    waiting = (
        Generation.objects.filter(state=GenerationState.PENDING, generator__state=GeneratorState.ACTIVE)
        .values_list("generator_id", flat=True)
        .distinct()
    )
    found = list(Generator.objects.select_related("project").filter(pk__in=waiting).order_by("pk"))
    same = [g for g in found if (g.backend, g.model, g.revision) == worker.holds]
    return next(iter(same or found), None)


def work(worker: Worker, *, seconds: float) -> int:
    """Makes batches until nothing is left or the time is over. Returns how many rows were claimed."""
    until = time.monotonic() + seconds
    total = 0
    while time.monotonic() < until and not worker.should_stop():
        generator = next_generator(worker)
        if generator is None:
            break
        claimed = make_batch(generator, worker)
        total += claimed
    return total


def is_work_waiting() -> bool:
    """Whether some active generator has rows to be made."""
    return Generation.objects.filter(state=GenerationState.PENDING, generator__state=GeneratorState.ACTIVE).exists()
