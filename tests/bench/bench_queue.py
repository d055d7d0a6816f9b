"""How fast a seat is claimed, beside the same work done by bare SQL: `python -m tests.bench.bench_queue`.

A script and not a test: what it prints depends on the machine. It starts a PostgreSQL of its own, which waits for its
disk, and fills it through SQL. Takers are processes of their own, as many as are asked for, and all at it at once: each
takes, and finishes what it took with one bare UPDATE that is not timed.

Two of them are far ahead: they have answered a hundred thousand tasks that are still open for others, so that all of
these lie before what they could take. Their figures stand alone, beside those of the others, who work at the same time.
They take in every order of offer, in a queue by language, and while the queue changes under them: an overlap is raised,
tasks are opened again, prompts come in.

The floor has a table of as many seats with the indexes that it needs. It takes the next open row of a task that the
taker has not met, with SKIP LOCKED, marks it, and writes a line into a log, in one transaction. Ends with 1 where a
figure is over its budget.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from queue import Empty
from typing import Any

from tests.bench.bench_export import throwaway

MOST = 20.0  # milliseconds of 99 in 100 claims
FLAT = 1.5  # times the same in a small queue
MOST_CHANGING = 100.0  # milliseconds, while thousands of seats open and move
AHEAD = 2  # takers who are far ahead

# {order} is the queue's, {language} an expression for the language of prompt n.
FILL = """
INSERT INTO labeling_prompt (project_id, key, external_id, messages, context, batch, priority, tags, language, metadata,
    gold, content_hash, line_hash, created_at, candidates_count, candidates_awaited, normal_hash)
SELECT %(project)s, 'id:q%(queue)s-' || n, 'q%(queue)s-' || n, '[{{"role": "user", "content": "Why?"}}]', '[]', '', 0,
    '{{}}', {language}, '{{}}', '{{}}', md5(n::text), md5(n::text), now(), 0, 0, md5(n::text)::uuid
FROM generate_series(1, %(tasks)s) n;

INSERT INTO labeling_task (queue_id, prompt_id, candidate_ids, overlap, state, created_at)
SELECT %(queue)s, id, '{{}}', 3, 'open', now() FROM labeling_prompt WHERE external_id LIKE 'q%(queue)s-%%' ORDER BY id;

INSERT INTO labeling_slot (queue_id, task_id, seat, priority, language, place, candidate_order, state, skip_reason,
    skip_comment)
SELECT %(queue)s, t.id, seat, 0, p.language, labeling_place('{order}', 0, t.id, seat, false), '{{}}', 'open', '', ''
FROM labeling_task t JOIN labeling_prompt p ON p.id = t.prompt_id, generate_series(1, 3) seat
WHERE t.queue_id = %(queue)s ORDER BY t.id, seat;
"""

# The first tasks that nobody has begun, in a queue's order of offer, answered in some seats: by this person the first,
# by the one after them the second.
ANSWERED = """
UPDATE labeling_slot s SET state = 'submitted', annotator_id = %(person)s + s.seat - 1, lease = gen_random_uuid(),
    finished_at = now()
FROM (SELECT task_id AS id FROM labeling_slot WHERE queue_id = %(queue)s AND seat = 1 AND state = 'open'
      ORDER BY place LIMIT %(tasks)s) t
WHERE s.task_id = t.id AND s.seat <= %(seats)s
"""
CLOSED = """
DELETE FROM labeling_slot s WHERE queue_id = %(queue)s AND state = 'open' AND EXISTS (
    SELECT 1 FROM labeling_slot o WHERE o.task_id = s.task_id AND o.state <> 'open')
"""
# What was begun comes first, where a queue says so.
BEGUN = """
UPDATE labeling_slot s SET place = labeling_place('finish', priority, task_id, seat, true)
WHERE queue_id = %(queue)s AND state = 'open' AND EXISTS (
    SELECT 1 FROM labeling_slot o WHERE o.task_id = s.task_id AND o.state <> 'open')
"""

FLOOR_TABLES = """
CREATE TABLE floor_slot (id bigint PRIMARY KEY, task_id bigint NOT NULL, state text NOT NULL, annotator_id bigint,
    lease uuid, leased_at timestamptz, finished_at timestamptz);
INSERT INTO floor_slot SELECT n, n / 3, 'open' FROM generate_series(1, %(seats)s) n;
CREATE INDEX ON floor_slot (id) WHERE state = 'open';
CREATE UNIQUE INDEX ON floor_slot (task_id, annotator_id) WHERE annotator_id IS NOT NULL;
CREATE TABLE floor_annotation (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, slot_id bigint NOT NULL UNIQUE,
    annotator_id bigint NOT NULL, answers jsonb NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE floor_event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, actor_id bigint, slot_id bigint,
    created_at timestamptz);
"""
FLOOR = """
WITH taken AS (
    UPDATE floor_slot SET state = 'leased', annotator_id = %(taker)s, lease = gen_random_uuid(), leased_at = now()
    WHERE id = (
        SELECT id FROM floor_slot s WHERE state = 'open' AND NOT EXISTS (
            SELECT 1 FROM floor_slot m WHERE m.task_id = s.task_id AND m.annotator_id = %(taker)s OFFSET 0)
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id
)
INSERT INTO floor_event (actor_id, slot_id, created_at) SELECT %(taker)s, id, now() FROM taken RETURNING slot_id
"""
FLOOR_DONE = "UPDATE floor_slot SET state = 'submitted', finished_at = now() WHERE id = %s"


def _service(queue_id: int, user_id: int, number: int, ready: Any, over: Any, results: Any) -> None:
    import django

    django.setup()
    from django.db import connection

    from labeling.models import Queue, User
    from labeling.services import slots

    queue, user = Queue.objects.select_related("project").get(pk=queue_id), User.objects.get(pk=user_id)

    def take() -> float | None:
        begun = time.perf_counter()
        slot = slots.take_next(queue, by=user)
        took = time.perf_counter() - begun
        if slot is None:
            return None
        with connection.cursor() as cursor:
            cursor.execute("UPDATE labeling_slot SET state = 'submitted', finished_at = now() WHERE id = %s", [slot.pk])
        return took

    first = take()
    for _ in range(20):
        if take() is None:
            raise SystemExit("there are too few tasks")
    ready.wait()
    taken: list[float] = []
    # At least so many, and until what happens meanwhile is over; or until there are no more.
    while (len(taken) < number or not over.is_set()) and (took := take()) is not None:
        taken.append(took)
    results.put((user_id, first, taken))


def _floor(url: str, taker: int, number: int, ready: Any, over: Any, results: Any) -> None:
    import psycopg

    def take() -> float:
        begun = time.perf_counter()
        with connection.transaction():
            row = connection.execute(FLOOR, {"taker": taker}, prepare=True).fetchone()
        took = time.perf_counter() - begun
        connection.execute(FLOOR_DONE, row, prepare=True)
        return took

    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(20):
            take()
        ready.wait()
        taken = [take() for _ in range(number)]
    results.put((taker, 0.0, taken))


def _at_once(
    target: Callable[..., None], arguments: list[tuple[Any, ...]], meanwhile: Callable[[], None] | None = None
) -> list[tuple[int, float, list[float]]]:
    """Runs as many processes at once; `meanwhile` happens here, from when they are warm."""
    context = multiprocessing.get_context("spawn")
    ready, over, results = context.Barrier(len(arguments) + 1), context.Event(), context.Queue()
    processes = [context.Process(target=target, args=(*some, ready, over, results), daemon=True) for some in arguments]
    for process in processes:
        process.start()
    while ready.n_waiting < len(processes):
        if any(process.exitcode for process in processes):
            raise SystemExit("a taker failed")
        time.sleep(0.05)
    ready.wait()
    if meanwhile is not None:
        meanwhile()
    over.set()
    found: list[Any] = []
    while len(found) < len(processes):
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


@dataclass
class Table:
    """What is printed, row by row, and what of it is over its budget."""

    floor: float = 0.0  # of p99, in milliseconds
    small: float = 0.0
    scene: str = ""  # what a row that begins with dots goes on with
    over: list[str] = field(default_factory=list)

    def head(self) -> None:
        print(f"{'':56} {'p50':>8} {'p95':>8} {'p99':>8} {'most':>9} {'first':>9}  p99 / floor  claims", flush=True)

    def row(self, name: str, taken: list[float], *, first: float = 0.0, most: float | None = None) -> float:
        """A line; `most` is the budget of its p99. Returns that."""
        p99 = percentile(taken, 99)
        ratio = f"{p99 / self.floor:11.1f}" if self.floor else f"{'':11}"
        limits = [limit for limit in (most, FLAT * self.small if most == MOST and self.small else None) if limit]
        over = bool(limits) and p99 > min(limits)
        if not name.startswith("…"):
            self.scene = name.partition(":")[0]
        if over:
            where = name if name.startswith(self.scene) else f"{self.scene} {name}"
            self.over.append(f"{where}: p99 {p99:.1f} ms, at most {min(limits):.1f}")
        print(
            f"{name:56} {1000 * statistics.median(taken):8.2f} {percentile(taken, 95):8.2f} {p99:8.2f} "
            f"{1000 * max(taken):9.1f} {1000 * first:9.1f}  {ratio}  {len(taken):6,}{'   OVER' if over else ''}",
            flush=True,
        )
        return p99


@contextmanager
def _queue(tasks: int, *, language: str = "''", **settings: Any) -> Iterator[Any]:
    """A queue with so many tasks of overlap 3, filled through SQL."""
    from django.db import connection

    from labeling.models import Membership, Queue
    from tests import make

    project = make.project(annotators=[make.person() for _ in range(16)])
    Membership.objects.filter(project=project).update(languages=["de"])
    queue = make.queue(project, overlap=3, **settings)
    with connection.cursor() as cursor:
        for statement in FILL.format(order=queue.ordering, language=language).split(";")[:-1]:
            cursor.execute(statement, {"project": project.pk, "queue": queue.pk, "tasks": tasks})
    Queue.objects.filter(pk=queue.pk).update(opening_from=None)
    yield queue


def _execute(statement: str, **given: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, given)


def _people(queue: Any) -> list[int]:
    from labeling.models import Membership, Role

    found = Membership.objects.filter(project=queue.project_id, role=Role.ANNOTATOR).order_by("user")
    return list(found.values_list("user", flat=True))


def _fresh(queue: Any) -> Any:
    from labeling.models import Queue

    return Queue.objects.select_related("project").get(pk=queue.pk)


def _raise_overlap(queue: Any) -> None:
    from labeling.services import queues, seats
    from tests import make

    now = _fresh(queue)
    queues.change(now, overlap=now.overlap + 1, by=make.manager(queue.project))
    seats.follow_all(seconds=100_000)


def _open_again(queue: Any) -> None:
    """A hundred tasks at the beginning are retired and opened again, one after the other."""
    from labeling.models import Task
    from labeling.services import tasks
    from tests import make

    for task in Task.objects.filter(queue=queue).order_by("pk")[100:200]:
        tasks.retire(task, by=make.manager(queue.project))
        tasks.reopen(task, by=make.manager(queue.project))


def _import(queue: Any, number: int) -> None:
    from labeling.services import imports
    from tests import make

    by = make.manager(queue.project)
    imports.import_lines(queue.project, make.lines(number, language="en"), source="jsonl", by=by)


@dataclass
class Bench:
    """What every run needs."""

    tasks: int
    takers: int
    number: int
    table: Table

    def run(self, name: str, queue: Any, people: list[int], meanwhile: Callable[[], None] | None = None) -> float:
        """All takers in one row."""
        return self._row(name, self._found(queue, people, meanwhile), changing=meanwhile is not None)

    def ahead(self, name: str, queue: Any, meanwhile: Callable[[], None] | None = None) -> None:
        """Those who are far ahead in one row, and the others in the next."""
        people = _people(queue)
        found = self._found(queue, people, meanwhile)
        for words, some in (("", found[:AHEAD]), (": the others", found[AHEAD:])):
            if some:
                self._row(name + words, some, changing=meanwhile is not None)

    def _row(self, name: str, found: list[tuple[int, float, list[float]]], *, changing: bool) -> float:
        taken = [one for _, _, each in found for one in each]
        most = MOST_CHANGING if changing else MOST
        return self.table.row(name, taken, first=max(first for _, first, _ in found), most=most)

    def _found(
        self, queue: Any, people: list[int], meanwhile: Callable[[], None] | None
    ) -> list[tuple[int, float, list[float]]]:
        _execute("VACUUM ANALYZE")
        _execute("CHECKPOINT")
        arguments = [(queue.pk, person, self.number) for person in people[: self.takers]]
        return sorted(_at_once(_service, arguments, meanwhile))

    def floor(self) -> None:
        """Bare SQL."""
        from django.db import connection

        with connection.cursor() as cursor:
            for statement in FLOOR_TABLES.split(";")[:-1]:
                cursor.execute(statement, {"seats": 3 * self.tasks})
        _execute("VACUUM ANALYZE")
        found = _at_once(_floor, [(os.environ["DATABASE_URL"], n, self.number) for n in range(self.takers)])
        self.table.floor = self.table.row("bare SQL", [one for _, _, some in found for one in some])

    def sizes(self) -> None:
        """A small queue, a large one, and what may make it slow."""
        from labeling.models import Membership, Queue

        # The small one lasts for all that is taken from it, and no longer.
        few = max(1000, self.takers * (self.number + 30))
        with _queue(few) as one:
            self.table.small = self.run(f"{few:,} tasks", one, _people(one))
        with _queue(self.tasks) as queue:
            behind = min(100_000, self.tasks // 3)
            people = _people(queue)
            self.run(f"{self.tasks:,} tasks", queue, people[8:])
            Membership.objects.filter(project=queue.project_id).update(skills={"medicine": 3, "law": 2})
            Queue.objects.filter(pk=queue.pk).update(skills={"medicine": 2, "law": 1})
            self.run("with skills", queue, people[8:])
            Queue.objects.filter(pk=queue.pk).update(most_per_day=1_000_000)
            self.run("with skills and a cap", queue, people[8:])
            Queue.objects.filter(pk=queue.pk).update(skills={}, most_per_day=None)
            # Nothing that they could take is left before those that they have answered.
            _execute(CLOSED, queue=queue.pk)
            _execute(ANSWERED, queue=queue.pk, person=people[0], tasks=behind, seats=AHEAD)
            self.ahead(f"{behind:,} ahead of the others", queue)
            self.ahead("… while tasks are opened again", queue, partial(_open_again, queue))
            self.ahead("… while the overlap is raised", queue, partial(_raise_overlap, queue))
            self.ahead("… after it", queue)
            _execute(
                "UPDATE labeling_slot SET state = 'submitted', annotator_id = %(who)s, lease = gen_random_uuid(), "
                "finished_at = now() WHERE queue_id = %(queue)s AND state = 'open' AND task_id %% 10 <> 0 "
                "AND seat = (SELECT min(seat) FROM labeling_slot o WHERE o.task_id = labeling_slot.task_id "
                "AND o.state = 'open')",
                queue=queue.pk,
                who=people[15],
            )
            _execute(
                "DELETE FROM labeling_slot WHERE queue_id = %(queue)s AND state = 'open' AND task_id %% 10 <> 0",
                queue=queue.pk,
            )
            self.run("90 % of it done", queue, people[8:])

    def orders(self) -> None:
        """The other orders of offer, and a queue by language, each with people who are far ahead."""
        size = min(self.tasks, 250_000)
        behind = min(100_000, size // 3)
        for order in ("random", "spread", "finish"):
            with _queue(size, ordering=order) as queue:
                people = _people(queue)
                _execute(ANSWERED, queue=queue.pk, person=people[0], tasks=behind, seats=AHEAD)
                if order == "spread":  # which comes to the third seats when all others are answered
                    _execute(ANSWERED, queue=queue.pk, person=people[14], tasks=size, seats=AHEAD)
                if order == "finish":
                    _execute(BEGUN, queue=queue.pk)
                self.ahead(f"{order}, {behind:,} ahead", queue)
                self.ahead("… while the overlap is raised", queue, partial(_raise_overlap, queue))
                if order != "finish":
                    self.ahead("… while 10,000 prompts come in", queue, partial(_import, queue, 10_000))
        # The first half is in a language that nobody here reads, then every tenth in theirs.
        german = f"CASE WHEN n > {size // 2} AND n %% 10 = 0 THEN 'de' ELSE 'en' END"
        with _queue(size, language=german, by_language=True) as queue:
            people = _people(queue)
            self.run("by language, most of it in another", queue, people)
            self.run("… while the overlap is raised", queue, people, partial(_raise_overlap, queue))
            self.run("… while 10,000 prompts come in", queue, people, partial(_import, queue, 10_000))


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure how fast seats are claimed.")
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--takers", type=int, default=8)
    parser.add_argument("--number", type=int, default=300, help="takes of each taker")
    parser.add_argument("--only", choices=("sizes", "orders"), help="only one half of it")
    options = parser.parse_args()
    if not 3 <= options.takers <= 8 or options.tasks < 10 * options.takers * options.number:
        parser.error("3 to 8 takers, and at least ten times as many tasks as they take")
    table = Table()
    with throwaway():
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        print(f"{options.tasks:,} tasks, overlap 3, {options.takers} takers at once; {os.cpu_count()} processors\n")
        table.head()
        bench = Bench(options.tasks, options.takers, options.number, table)
        bench.floor()
        if options.only != "orders":
            bench.sizes()
        if options.only != "sizes":
            bench.orders()
    print()
    for words in table.over or [f"within {MOST:.0f} ms and {FLAT} times the small queue"]:
        print(words)
    sys.exit(bool(table.over))


if __name__ == "__main__":
    main()
