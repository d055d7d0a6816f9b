"""A hammer for generation: workers, database and broker die while rows are made; then every row is looked at.

`python -m tests.hammer.generation --seconds 60 --prompts 400 --seed 1` is the long form. Rows that saw three workers
die count as failed, as they should: they are tried again at the end, as a manager would, and each must be made, once.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from annotate.environment import ROOT
from annotate.supervisor import start_process
from tests.hammer.platform import Platform, running

if TYPE_CHECKING:
    from workers.models import Generator

WORKERS = ("generation0", "generation1")
POISON = "Question 7?"
EACH = 3


class Chaos:
    """What is done to the platform, each a method, and how often it was."""

    def __init__(self, platform: Platform, seed: int) -> None:
        self.platform, self.random = platform, random.Random(seed)
        self.deeds: Counter[str] = Counter()

    def strike(self) -> None:
        """One deed at random; the workers most often, for they hold the rows."""
        deeds = [self.kill_a_worker] * 5 + [self.stop_a_worker, self.restart_the_database, self.kill_the_broker]
        deed = self.random.choice([*deeds, self.end_connections])
        self.deeds[deed.__name__] += 1
        deed()

    def kill_a_worker(self) -> None:
        name = self.random.choice(WORKERS)
        self.platform.kill(name)
        start_worker(self.platform, name)

    def stop_a_worker(self) -> None:
        name = self.random.choice(WORKERS)
        self.platform.running[name].send_signal(signal.SIGTERM)
        self.platform.running[name].wait()
        start_worker(self.platform, name)

    def restart_the_database(self) -> None:
        from django.db import connection

        connection.close()
        # "fast": every connection is cut, as in a planned restart.
        self.platform.running["postgres"].send_signal(signal.SIGINT)
        self.platform.running["postgres"].wait()
        time.sleep(self.random.uniform(0, 1))
        self.platform.server("postgres")

    def kill_the_broker(self) -> None:
        self.platform.kill("valkey")
        time.sleep(self.random.uniform(0, 1))
        self.platform.server("valkey")

    def end_connections(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )


def start_worker(platform: Platform, name: str, **environment: str) -> None:
    """A generation worker, as the Procfile starts it."""
    import os

    env = (
        dict(os.environ)
        | {
            "GENERATION_BATCH": "8",
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
            # As the local start does: told to end, a worker leaves off at the next step.
            "REMAP_SIGTERM": "SIGQUIT",
        }
        | environment
    )
    env.pop("DATABASE_POOL", None)  # Celery forks
    words = ["celery", "-q", "-A", "annotate", "worker", "-n", f"{name}@%h", "-Q", "generation", "-c", "1"]
    with platform.log(name).open("ab") as log:
        platform.running[name] = start_process(
            [sys.executable, "-m", *words, "--without-gossip", "--without-mingle"],
            env=env,
            folder=ROOT,
            death=signal.SIGKILL,
            output=log,
        )


def keep_running(platform: Platform) -> None:
    """Starts again what has ended by itself, as a container or the local start would."""
    for name in ("jobs", "beat", *WORKERS):
        if platform.running[name].poll() is not None:
            start_worker(platform, name) if name in WORKERS else platform.start(name)


def until(condition: Callable[[], bool], *, seconds: float) -> None:
    """Waits for a condition; ends the program where it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("It did not come to rest.")
        time.sleep(0.2)


def faults(generator: Generator, prompts: int) -> list[str]:
    """What is not as it must be, row by row; nothing where every row was made exactly once."""
    from labeling.models import Candidate, Prompt
    from labeling.selectors.counts import differences
    from workers.models import Generation

    found = [str(wrong) for wrong in differences()]
    rows = list(Generation.objects.filter(generator=generator).select_related("prompt", "candidate"))
    if len(rows) != prompts * EACH:
        found.append(f"There are {len(rows)} rows, not {prompts * EACH}.")
    for row in rows:
        poisoned = POISON in row.prompt.opening
        if row.state != ("failed" if poisoned else "done"):
            found.append(f"Row {row.pk} is {row.state}: {row.error}")
        if row.claim or (row.state == "done") != (row.candidate_id is not None):
            found.append(f"Row {row.pk} is {row.state} with the claim {row.claim} and candidate {row.candidate_id}.")
    made = Counter(Candidate.objects.values_list("prompt", flat=True))
    orphans = Candidate.objects.filter(generation__isnull=True, retired_at__isnull=True).count()
    if orphans:
        found.append(f"{orphans} candidates belong to no row.")
    for prompt in Prompt.objects.all():
        expected = 0 if POISON in prompt.opening else EACH
        kept = (prompt.candidates_count, prompt.candidates_awaited, prompt.tasks.count())
        if made[prompt.pk] != expected or kept != (expected, 0, int(expected > 0)):
            found.append(f"Prompt {prompt.pk} has {made[prompt.pk]} candidates; kept are {kept}.")
    return found


def run(*, seconds: float, prompts: int, seed: int) -> list[str]:
    """The whole of it, on a platform of its own. Returns what was wrong in the end."""
    with running(workers=1, threads=1) as platform:
        from django.db import close_old_connections

        from labeling.models import Prompt
        from tests import make
        from workers.models import Generation, GenerationState
        from workers.services import generators

        project = make.project()
        make.queue(project, preset="ranking")
        generator = generators.create(
            project,
            name="echo",
            backend="echo",
            model=f"echo?seconds=0.4&fail={POISON}".replace(" ", "+"),
            candidates_per_prompt=EACH,
            hygiene={"near_duplicate": "off"},
            by=make.manager(project),
        )
        make.imported(project, prompts)
        platform.start("jobs")
        platform.start("beat")
        for name in WORKERS:
            start_worker(platform, name)
        chaos = Chaos(platform, seed)
        try:
            until(lambda: Generation.objects.filter(state="done").exists(), seconds=120)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(chaos.random.uniform(0.2, 2.5))
                chaos.strike()
                keep_running(platform)

            def at_rest() -> bool:
                # What gave up on a broker that was away may end long after the last blow.
                keep_running(platform)
                close_old_connections()
                unfinished = (GenerationState.PENDING, GenerationState.RUNNING)
                return not Generation.objects.filter(state__in=unfinished).exists()

            until(at_rest, seconds=600)
            again = generators.retry_failed(generator, by=make.manager(project))
            until(at_rest, seconds=600)
            print(
                f"{Prompt.objects.count()} prompts, {Generation.objects.count()} rows, {again} tried again at the end"
            )
            print(", ".join(f"{deed} {number}" for deed, number in sorted(chaos.deeds.items())))
            return faults(generator, prompts)
        finally:
            for name in (*WORKERS, "jobs", "beat"):
                if name in platform.running:
                    platform.kill(name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--prompts", type=int, default=400)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    found = run(seconds=given.seconds, prompts=given.prompts, seed=given.seed)
    print("\n".join(found) if found else "Every row was made exactly once.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
