"""How fast prompts come in, beside the same rows written by bare SQL: `python -m tests.bench.bench_import`.

A script and not a test: what it prints depends on the machine. It starts a PostgreSQL of its own, which waits for its
disk, and sends in JSON Lines of short prompts, with one open queue of overlap 1, which makes a task and a slot of each.
Then the same file again, which changes nothing; the same prompts with other metadata and in another batch, which
updates them all; and new ones that bring candidates.

The floor is `COPY` of the same prompts, and INSERT … SELECT of their tasks and slots, into tables with the same columns
and indexes, in one transaction, with no check, no trigger and no reference. Ends with 1 where the first import is
slower than it has to be, or takes more memory.
"""

from __future__ import annotations

import argparse
import io
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tests.bench.bench_export import throwaway

if TYPE_CHECKING:
    from labeling.models import Project

LEAST = 20_000  # prompts a second
LONGEST = 120.0  # seconds for a million
MOST = 300.0  # megabytes of this process

# The same rows into tables that have the same indexes, and nothing else.
TABLES = ("prompt", "task", "slot")
BARE = "CREATE TABLE bare_{0} (LIKE labeling_{0} INCLUDING DEFAULTS INCLUDING INDEXES)"
CANDIDATES = '[{"text": "Because it has.", "model": "m1"}, {"text": "It has none, in fact.", "model": "m2"}]'


class Lines(io.RawIOBase):
    """A file of so many prompt lines that is never whole anywhere."""

    def __init__(self, number: int, fields: str) -> None:
        self._made = self._make(number, fields)
        self._rest = b""

    @staticmethod
    def _make(number: int, fields: str) -> Iterator[bytes]:
        line = '{"prompt": "Why does question %d have an answer, and who wrote it down?", "external_id": "q-%d"'
        form = f"{line}{fields}}}\n".encode()
        for start in range(0, number, 1000):
            yield b"".join(form % (n, n) for n in range(start, min(number, start + 1000)))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._made, b"")
        data, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def measure(name: str, number: int, work: Callable[[], str]) -> tuple[float, float]:
    """Runs something over so many prompts and prints how fast it was, and what this process and its database did.
    Returns the seconds that it took, and the most memory of this process so far in megabytes.
    """
    import psutil
    from django.db import connection

    connection.ensure_connection()
    server = psutil.Process(connection.connection.info.backend_pid)
    busy, busy_there, began = time.process_time(), sum(server.cpu_times()[:2]), time.perf_counter()
    said = work()
    took = time.perf_counter() - began
    busy, busy_there = time.process_time() - busy, sum(server.cpu_times()[:2]) - busy_there
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:24} {number / took:9,.0f} prompts/s  {took:6.1f} s; busy: here {busy / number * 1e6:4.1f} µs a prompt, "
        f"in the database {busy_there / number * 1e6:5.1f}; at most {held:,.0f} MB so far  {said}",
        flush=True,
    )
    return took, held


def send(project: Project, number: int, fields: str = "") -> str:
    """Imports a file; returns what became of its lines."""
    from labeling.importing import SOURCES
    from labeling.services import imports
    from tests import make

    stream = io.BufferedReader(Lines(number, fields), 1024 * 1024)
    report = imports.import_lines(project, SOURCES["jsonl"](stream), source="jsonl", by=make.manager(project))
    counts = ("imported", "updated", "unchanged", "rejected")
    return "(" + ", ".join(f"{name} {getattr(report, name):,}" for name in counts if getattr(report, name)) + ")"


def bare(number: int) -> float:
    """The prompts that are there with their tasks and slots, into bare tables. Returns the seconds."""
    from django.db import connection, transaction

    with tempfile.TemporaryFile() as file:
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(BARE.format(table))
            with cursor.copy("COPY labeling_prompt TO STDOUT") as copy:
                for data in copy:
                    file.write(data)
        size = file.tell()
        file.seek(0)

        def load() -> str:
            with transaction.atomic(), connection.cursor() as cursor:
                with cursor.copy("COPY bare_prompt FROM STDIN") as copy:
                    while data := file.read(1024 * 1024):
                        copy.write(data)
                cursor.execute("INSERT INTO bare_task SELECT * FROM labeling_task ORDER BY id")
                cursor.execute("INSERT INTO bare_slot SELECT * FROM labeling_slot ORDER BY id")
            return f"({size / 1e6:,.0f} MB of prompts)"

        took, _ = measure("bare SQL, the same rows", number, load)
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DROP TABLE bare_{table}")
    return took


def main() -> None:
    """Sends in, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=1_000_000)
    parser.add_argument("--only", action="store_true", help="only the first import and the floor")
    options = parser.parse_args()
    number: int = options.prompts
    with throwaway():
        import django

        django.setup()
        from django.core.management import call_command

        from tests import make

        call_command("migrate", verbosity=0)
        project = make.project(slug="bench")
        make.queue(project)
        took, held = measure("new", number, lambda: send(project, number))
        floor = bare(number)
        print(f"{'':24} bare SQL is {took / floor:.1f} times as fast\n", flush=True)
        if not options.only:
            measure("the same again", number, lambda: send(project, number))
            measure("with other metadata", number, lambda: send(project, number, ', "metadata": {"a": 1}'))
            measure("in another batch", number, lambda: send(project, number, ', "batch": "b"'))
            other, few = make.project(slug="other"), number // 4
            make.queue(other, preset="ranking")
            measure("with two candidates", few, lambda: send(other, few, f', "candidates": {CANDIDATES}'))
    rate, million = number / took, 1e6 * took / number
    missed = rate < LEAST or million > LONGEST or held > MOST
    print(
        f"\n{'MISSED' if missed else 'met'}: at least {LEAST:,} prompts/s, and it was {rate:,.0f}; a million within "
        f"{LONGEST:.0f} s, and it took {million:.0f}; at most {MOST:.0f} MB, and it was {held:.0f}"
    )
    sys.exit(missed)


if __name__ == "__main__":
    main()
