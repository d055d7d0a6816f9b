"""How fast a seat is claimed, beside the same work done by bare SQL: `python -m tests.bench.bench_queue`.

A script and not a test: what it prints depends on the machine. It starts a PostgreSQL of its own and fills it through
SQL. Takers are processes of their own, as many as are asked for, and all at it at once: each takes, and finishes what
it took with one bare UPDATE that is not timed. The floor takes the next open row of a plain table with SKIP LOCKED and
marks it, in a transaction, with the same number of processes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty
from typing import Any

from tests.bench.bench_export import throwaway

FILL = """
INSERT INTO labeling_prompt (project_id, key, external_id, messages, context, batch, priority, tags, language, metadata,
    gold, content_hash, line_hash, created_at, candidates_count, candidates_awaited{columns})
SELECT %(project)s, 'id:q%(queue)s-' || n, 'q%(queue)s-' || n, '[{{"role": "user", "content": "Why?"}}]', '[]', '', 0,
    '{{}}', '', '{{}}', '{{}}', md5(n::text), md5(n::text), now(), 0, 0{values}
FROM generate_series(1, %(tasks)s) n;

INSERT INTO labeling_task (queue_id, prompt_id, candidate_ids, overlap, state, created_at)
SELECT %(queue)s, id, '{{}}', 3, 'open', now() FROM labeling_prompt WHERE external_id LIKE 'q%(queue)s-%%' ORDER BY id;

INSERT INTO labeling_slot (queue_id, task_id, seat, priority, language, place, candidate_order, state, skip_reason,
    skip_comment)
SELECT %(queue)s, t.id, seat, 0, '', labeling_place('oldest', 0, t.id, seat, false), '{{}}', 'open', '', ''
FROM labeling_task t, generate_series(1, 3) seat WHERE t.queue_id = %(queue)s ORDER BY t.id, seat;
"""

# The first tasks of a queue, answered in one seat by one person, or in all three by three.
ANSWERED = """
UPDATE labeling_slot s SET state = 'submitted', annotator_id = %(person)s + s.seat - 1, lease = gen_random_uuid(),
    finished_at = now()
FROM (SELECT id FROM labeling_task WHERE queue_id = %(queue)s ORDER BY id LIMIT %(tasks)s) t
WHERE s.task_id = t.id AND s.seat <= %(seats)s
"""

FLOOR = """
UPDATE floor SET state = 'leased' WHERE id = (
    SELECT id FROM floor WHERE state = 'open' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
"""


def _service(queue_id: int, user_id: int, number: int, ready: Any, results: Any) -> None:
    import django

    django.setup()
    from django.db import connection

    from labeling.models import Queue, User
    from labeling.services import slots

    queue, user = Queue.objects.select_related("project").get(pk=queue_id), User.objects.get(pk=user_id)

    def finish(slot: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE labeling_slot SET state = 'submitted', finished_at = now() WHERE id = %s", [slot.pk])

    begun = time.perf_counter()
    slot = slots.take_next(queue, by=user)
    first = time.perf_counter() - begun
    finish(slot)
    for _ in range(20):
        finish(slots.take_next(queue, by=user))
    ready.wait()
    taken = []
    for _ in range(number):
        begun = time.perf_counter()
        slot = slots.take_next(queue, by=user)
        taken.append(time.perf_counter() - begun)
        if slot is None:
            raise SystemExit("the queue ran empty")
        finish(slot)
    results.put((first, taken))


def _floor(url: str, number: int, ready: Any, results: Any) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FLOOR)
        ready.wait()
        taken = []
        for _ in range(number):
            begun = time.perf_counter()
            with connection.transaction():
                connection.execute(FLOOR)
            taken.append(time.perf_counter() - begun)
    results.put((0.0, taken))


def _at_once(takers: int, target: Callable[..., None], arguments: Callable[[int], tuple[Any, ...]]) -> list[Any]:
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(takers), context.Queue()
    processes = [
        context.Process(target=target, args=(*arguments(n), ready, results), daemon=True) for n in range(takers)
    ]
    for process in processes:
        process.start()
    found: list[Any] = []
    while len(found) < takers:
        try:
            found.append(results.get(timeout=1))
        except Empty:
            if any(process.exitcode for process in processes):
                raise SystemExit("a taker failed") from None
    for process in processes:
        process.join()
    return found


def percentile(values: list[float], percent: float) -> float:
    """That percentile, in milliseconds."""
    return 1000 * sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def _say(name: str, found: list[Any]) -> float:
    taken = [one for _, some in found for one in some]
    p99 = percentile(taken, 99)
    print(
        f"{name:44} p50 {1000 * statistics.median(taken):6.2f}   p95 {percentile(taken, 95):6.2f}"
        f"   p99 {p99:6.2f} ms   first {1000 * max(first for first, _ in found):9.1f} ms",
        flush=True,
    )
    return p99


@contextmanager
def _queue(tasks: int, **settings: Any) -> Iterator[Any]:
    """A queue with so many tasks of overlap 3, filled through SQL."""
    from django.db import connection

    from labeling.models import Prompt, Queue
    from tests import make

    project = make.project(annotators=[make.person() for _ in range(16)])
    queue = make.queue(project, overlap=3, **settings)
    extra = [f.column for f in Prompt._meta.concrete_fields if f.column == "normal_hash"]
    columns = "".join(f", {name}" for name in extra)
    values = ", md5(n::text)::uuid" * len(extra)
    with connection.cursor() as cursor:
        for statement in FILL.format(columns=columns, values=values).split(";")[:-1]:
            cursor.execute(statement, {"project": project.pk, "queue": queue.pk, "tasks": tasks})
    Queue.objects.filter(pk=queue.pk).update(opening_from=None)
    yield queue


def _rest() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def _people(queue: Any) -> list[int]:
    from labeling.models import Membership, Role

    found = Membership.objects.filter(project=queue.project_id, role=Role.ANNOTATOR).order_by("user")
    return list(found.values_list("user", flat=True))


def measure(tasks: int, takers: int, number: int) -> None:
    """Prints a table: a small queue, a large one, and what may make it slow."""
    import os

    from django.db import connection

    from labeling.models import Membership, Queue

    def run(name: str, queue: Any, people: list[int]) -> float:
        _rest()
        return _say(name, _at_once(takers, _service, lambda n: (queue.pk, people[n], number)))

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE floor AS SELECT n AS id, 'open' AS state FROM generate_series(1, 100000) n")
        cursor.execute("ALTER TABLE floor ADD PRIMARY KEY (id)")
        cursor.execute("CREATE INDEX ON floor (id) WHERE state = 'open'")
    _rest()
    _say("bare SQL", _at_once(takers, _floor, lambda n: (os.environ["DATABASE_URL"], number)))

    small_tasks = max(1000, takers * (number + 30))
    with _queue(small_tasks) as one:
        small = run(f"{small_tasks:,} tasks", one, _people(one))
    with _queue(tasks) as queue:
        people = _people(queue)
        large = run(f"{tasks:,} tasks", queue, people)
        # Half of the takers have answered a tenth of the queue alone: the other seats of all that are open.
        with connection.cursor() as cursor:
            cursor.execute(
                ANSWERED, {"queue": queue.pk, "person": people[8], "tasks": min(100_000, tasks // 10), "seats": 1}
            )
        ahead = run("one who has answered 100,000 of them", queue, [people[8], *people[9:]])
        Membership.objects.filter(project=queue.project_id).update(skills={"medicine": 3, "law": 2})
        Queue.objects.filter(pk=queue.pk).update(skills={"medicine": 2, "law": 1}, most_per_day=100_000)
        skilled = run("with skills and a cap", queue, people[:8])
        Queue.objects.filter(pk=queue.pk).update(skills={}, most_per_day=None)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE labeling_slot SET state = 'submitted', annotator_id = %s, lease = gen_random_uuid(), "
                "finished_at = now() WHERE queue_id = %s AND state = 'open' AND task_id %% 10 <> 0 AND seat = 1",
                [people[15], queue.pk],
            )
            cursor.execute(
                "DELETE FROM labeling_slot WHERE queue_id = %s AND state = 'open' AND task_id %% 10 <> 0", [queue.pk]
            )
        done = run("90 % of it done", queue, people[:8])
    worst = max(large, ahead, skilled, done)
    print(f"\nthe slowest p99 is {worst:.2f} ms, {worst / small:.2f} times that of {small_tasks:,} tasks")


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure how fast seats are claimed.")
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--takers", type=int, default=8)
    parser.add_argument("--number", type=int, default=300, help="takes of each taker")
    options = parser.parse_args()
    with throwaway():
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        measure(options.tasks, options.takers, options.number)


if __name__ == "__main__":
    main()
