"""How much exports slow down the people who work meanwhile: `python -m tests.bench.bench_beside`.

A script and not a test: what it prints depends on the machine. It starts gunicorn and a PostgreSQL that waits for its
disk, and fills a project through SQL. Annotators take and submit over HTTP at a pace; first alone, which is the floor,
then while two people download exports through the same gunicorn, one after the other without a pause, as fast as it
sends them. Ends with 1 where people wait longer than they have to.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.bench import bench_export
from tests.bench.bench_queue import FILL, percentile
from tests.bench.bench_work import Times, measure, say
from tests.hammer.platform import running

MOST = 2.0  # times as long as without exports, in the middle and for 95 of 100 calls
FORMATS = ("raw", "sft")


def _download(port: int, token: str, name: str, over: Any, rows: Any) -> None:
    """One export after the other until it is over, each read as it comes. Counts the lines."""
    while not over.is_set():
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        line.request("GET", f"/api/projects/bench/export/?format={name}", headers={"Authorization": f"Token {token}"})
        answer = line.getresponse()
        if answer.status != 200:
            raise SystemExit(f"export of {name}: {answer.status} {answer.read(600)!r}")
        while not over.is_set() and (some := answer.read1(1 << 16)):
            with rows.get_lock():
                rows.value += some.count(b"\n")
        line.close()


@contextmanager
def downloads(port: int, token: str) -> Iterator[list[Any]]:
    """Two exports under way. Gives the numbers of rows that have come."""
    context = multiprocessing.get_context("spawn")
    over, rows = context.Event(), [context.Value("q", 0) for _ in FORMATS]
    processes = [
        context.Process(target=_download, args=(port, token, name, over, some), daemon=True)
        for name, some in zip(FORMATS, rows, strict=True)
    ]
    for process in processes:
        process.start()
    end = time.monotonic() + 60
    while not all(some.value for some in rows) and time.monotonic() < end:
        time.sleep(0.1)
    try:
        if not all(some.value for some in rows):
            raise SystemExit("no rows have come within a minute")
        yield rows
    finally:
        over.set()
        for process in processes:
            process.join(30)
    if any(process.exitcode != 0 for process in processes):
        raise SystemExit("a download failed")


def _filled(annotations: int, tasks: int, people: int) -> tuple[int, list[str], str]:
    """A project with so many annotations, and a queue that people work on: its id, their tokens, and a lead's."""
    from django.db import connection

    from labeling.models import Project, Role, User
    from labeling.services import people as accounts
    from labeling.services import projects
    from tests import make

    bench_export.fill(annotations // 3)
    project = Project.objects.get(slug="bench")
    annotators = [User.objects.create_user(f"a{number}@example.org") for number in range(people)]
    for annotator in annotators:
        projects.add_member(project, email=annotator.email, role=Role.ANNOTATOR, by=make.manager(project))
    queue = make.queue(project, slug="live", overlap=3)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM labeling_slot WHERE queue_id = %s", [queue.pk])
        cursor.execute("DELETE FROM labeling_task WHERE queue_id = %s", [queue.pk])
        for statement in FILL.format(order="oldest", language="''").split(";")[:-1]:
            cursor.execute(statement, {"project": project.pk, "queue": queue.pk, "tasks": tasks})
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    type(queue).objects.filter(pk=queue.pk).update(opening_from=None)
    lead = make.manager(project)
    tokens = [accounts.create_token(user, by=user)[1] for user in annotators]
    return queue.pk, tokens, accounts.create_token(lead, by=lead)[1]


def _ratios(alone: Times, beside: Times) -> list[float]:
    found = []
    for name in ("next", "submit"):
        for share in (50, 95):
            before, after = (percentile(getattr(times, name), share) for times in (alone, beside))
            found.append(after / before)
            print(f"  {name} p{share}: {before:.1f} ms alone, {after:.1f} ms beside: {after / before:.2f} times")
    return found


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure how much exports slow down people who work meanwhile.")
    parser.add_argument("--annotations", type=int, default=300_000)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--pace", type=float, default=40, help="pairs a second of all people together")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args()
    with running(workers=options.workers, threads=options.threads) as platform:
        queue, tokens, lead = _filled(options.annotations, options.tasks, options.people)
        platform.web(static=False)
        print(
            f"{options.annotations:,} annotations, {options.people} people; gunicorn with {options.workers} processes "
            f"of {options.threads} threads on {os.cpu_count()} processors"
        )
        pause = options.people / options.pace
        measure(platform.port, queue, tokens, 5, pause)  # every process has seen everything once
        alone = measure(platform.port, queue, tokens, options.seconds, pause)
        say("alone", alone)
        with downloads(platform.port, lead) as rows:
            before, begun = [some.value for some in rows], time.perf_counter()
            beside = measure(platform.port, queue, tokens, options.seconds, pause)
            took = time.perf_counter() - begun
            sent = [(some.value - at) / took for some, at in zip(rows, before, strict=True)]
        say("beside two exports", beside)
        print("meanwhile", ", ".join(f"{name} {each:,.0f} rows/s" for name, each in zip(FORMATS, sent, strict=True)))
        worst = max(_ratios(alone, beside))
        print(f"{'MISSED' if worst > MOST else 'met'}: at most {MOST} times as long, and it was {worst:.2f}")
    sys.exit(worst > MOST)


if __name__ == "__main__":
    main()
