"""What befalls a platform while people work on it: programs are killed under it, and managers change their minds."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg

from annotate.servers import last_lines
from tests.hammer.annotators import Line
from tests.hammer.files import Files
from tests.hammer.platform import PROGRAMS, Platform

# What programs say when the database is taken from under them. Whatever else is in the log is a fault.
_KILLED = re.compile(
    r"terminating connection|server closed the connection|connection (is closed|was closed|is lost|pointer is NULL)"
    r"|the connection is closed|recovery mode|starting up|shutting down|Connection refused|No such file or directory"
    r"|connection (to server|failed)|not yet accepting connections|PoolTimeout|couldn't get a connection|Broken pipe"
    r"|discarding closed connection|consuming input failed|sending query failed|closed unexpectedly"
)
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Timeout|Detected|Shutdown|Canceled|Failure)(?:: .*)?$", re.M)
_FRAME = re.compile(r'File "[^"]*/((?:labeling|workers|annotate)/[^"]*)", line (\d+)')
_ANY_FRAME = re.compile(r'File "[^"]*?([^/"]+/[^/"]+)", line (\d+)')
# What was raised in the midst of Celery, where nothing of ours was at work.
_CELERY = re.compile(r'File "[^"]*/(?:celery|kombu|vine|redis|billiard)/[^"]*", line \d+')
# What came of it is told after it.
_GOES_ON = re.compile(r"\s*(?:DETAIL|HINT|CONTEXT|\t.*)?\n\n(?:During handling of|The above exception was)")


MOURNED = 30.0  # seconds in which Celery may end because of the broker's death


class Chaos:
    """Each deed in its turn, in an order of its own, again and again."""

    def __init__(
        self, platform: Platform, *, manager: str, project: str, queues: list[int], lines: int, seed: int
    ) -> None:
        self.platform, self.queues = platform, queues
        self.dice = random.Random(seed)
        headers = {"Authorization": f"Token {manager}"}
        self.call = Line(platform.port, headers, Counter())
        self.files = Files(platform.port, headers, self.call.counts, project=project, lines=lines)
        self.deeds: Counter[str] = Counter()
        self.at_work: Counter[str] = Counter()  # how many of them befell a platform with something for workers to do
        self.wrong: list[str] = []
        self.all: list[Callable[[], None]] = [
            self.kill_a_web_process,
            self.end_a_backend,
            self.kill_a_backend,
            self.kill_the_broker,
            self.kill_a_worker,
            self.kill_the_workers,
            self.kill_the_clock,
            self.change_overlap,
            self.change_ordering,
            self.pause_for_a_moment,
            self.touch_a_task,
            self.send_prompts,
            self.send_a_file,
        ]
        self.deck: list[Callable[[], None]] = []
        self.broker_killed = -MOURNED

    def enough(self) -> bool:
        """Whether each has been done at least once."""
        return all(self.deeds[deed.__name__] for deed in self.all)

    def next(self) -> None:
        """Does the next deed of the deck; a new one is shuffled when it is empty."""
        if not self.deck:
            self.deck = [*self.all, self.change_overlap, self.touch_a_task, self.send_a_file]
            self.dice.shuffle(self.deck)
        deed = self.deck.pop()
        self.deeds[deed.__name__] += 1
        if deed.__name__.startswith("kill"):
            self.at_work[deed.__name__] += self._something_for_workers()
        deed()
        if deed == self.kill_the_broker:
            self.broker_killed = time.monotonic()
        for name in self.platform.ended():
            self._start_again(name)

    def _start_again(self, name: str) -> None:
        """Starts a program that has ended by itself, as whoever runs the platform does.

        Celery's do that when the broker dies at the wrong moment: on the way to a new connection kombu stumbles over
        the old one. Whenever else one ends, it is a fault.
        """
        if name != "web" and time.monotonic() - self.broker_killed < MOURNED:
            self.deeds[f"{name} ended with the broker"] += 1
        else:
            self.wrong.append(f"{name} has ended by itself:\n{last_lines(self.platform.log(name), 60)}")
        self.platform.start(name)

    def _something_for_workers(self) -> bool:
        """Whether a file is read at this moment, or tasks follow what a manager changed."""
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            row = connection.execute(
                "SELECT EXISTS (SELECT FROM labeling_promptimport WHERE state IN ('waiting', 'running'))"
                " OR EXISTS (SELECT FROM labeling_queue WHERE COALESCE(opening_from, following_from) IS NOT NULL)"
            ).fetchone()
        return bool(row and row[0])

    def _kill_a_child(self, name: str) -> None:
        children = self.platform.children(name)
        if children:
            try:
                self.dice.choice(children).kill()
            except psutil.NoSuchProcess:
                pass

    def kill_a_web_process(self) -> None:
        self._kill_a_child("web")

    def kill_a_worker(self) -> None:
        """One of Celery's processes; it starts another."""
        self._kill_a_child("jobs")

    def kill_the_workers(self) -> None:
        """All of them at once, or the one above them alone: what its children have in hand they may yet finish."""
        self.platform.kill("jobs", whole=self.dice.random() < 0.7)
        self.platform.start("jobs")

    def kill_the_clock(self) -> None:
        self.platform.kill("beat")
        self.platform.start("beat")

    def _backends(self) -> list[int]:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                " ORDER BY state = 'idle', random()"
            ).fetchall()
        return [row[0] for row in rows]

    def end_a_backend(self) -> None:
        for pid in self._backends()[:2]:
            with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])

    def kill_a_backend(self) -> None:
        """PostgreSQL then throws out everybody and starts again from its log."""
        for pid in self._backends()[:1]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        server = self.platform.servers["postgres"]
        time.sleep(0.05)  # until its other processes have heard of it, it would still answer
        while not server.answers():
            time.sleep(0.05)

    def kill_the_broker(self) -> None:
        self.platform.running["valkey"].kill()
        self.platform.running["valkey"].wait()
        self.platform.server("valkey")

    def _manage(self, method: str, path: str, body: Any, *statuses: int) -> Any:
        status, data, lost = self.call(method, path, body)
        if status not in (200, 201, *statuses):
            self.wrong.append(f"{method} {path} {body}: {status} {data}, after a try that was lost: {lost}")
        return data

    def _change(self, **settings: Any) -> None:
        self._manage("PATCH", f"/api/queues/{self.dice.choice(self.queues)}/", settings)

    def change_overlap(self) -> None:
        self._change(overlap=self.dice.choice((1, 2, 3, 4)))

    def change_ordering(self) -> None:
        self._change(ordering=self.dice.choice(("oldest", "random", "finish", "spread")))

    def pause_for_a_moment(self) -> None:
        queue = self.dice.choice(self.queues)
        for state in ("paused", "open"):
            self._manage("PATCH", f"/api/queues/{queue}/", {"state": state})

    def touch_a_task(self) -> None:
        """Retires one, brings one back, moves one or hands one to somebody: whatever it is fit for."""
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            row = connection.execute("SELECT id, queue_id FROM labeling_task ORDER BY random() LIMIT 1").fetchone()
            email = connection.execute(
                "SELECT u.email FROM labeling_user u JOIN labeling_membership m ON m.user_id = u.id "
                "WHERE m.role = 'annotator' ORDER BY random() LIMIT 1"
            ).fetchone()
        if row is None or email is None:
            return
        task, queue = row
        other = next((one for one in self.queues if one != queue), None)
        deeds: list[tuple[str, Any]] = [("retire", {"reason": "chaos"}), ("reopen", None), ("hand", {"to": email[0]})]
        if other is not None:
            deeds.append(("move", {"queue": other}))
        verb, body = self.dice.choice(deeds)
        self._manage("POST", f"/api/tasks/{task}/{verb}/", body, 400, 409)

    def send_prompts(self) -> None:
        self.files.send()

    def send_a_file(self) -> None:
        self.files.send_for_a_worker(self.dice)


def faults(platform: Platform) -> Counter[str]:
    """What was raised in all programs of the platform that does not come of killing."""
    found: Counter[str] = Counter()
    for name in PROGRAMS:
        found.update({f"{name}: {fault}": number for fault, number in faults_in(platform.log(name)).items()})
    return found


def faults_in(log: Path) -> Counter[str]:
    """What a program says was raised in it that does not come of killing, with where it was, and how often."""
    found: Counter[str] = Counter()
    text = log.read_text(errors="replace")
    for match in _RAISED.finditer(text):
        if _KILLED.search(match[0]) or _GOES_ON.match(text, match.end()):
            continue
        trace = text[max(0, match.start() - 8000) : match.start()].rpartition("Traceback")[2]
        frames = _FRAME.findall(trace) or _ANY_FRAME.findall(trace)
        if _CELERY.search(trace) and not _FRAME.search(trace):
            continue
        found[f"{match[0][:300]} ({' > '.join(':'.join(frame) for frame in frames[-5:])})"] += 1
    return found
