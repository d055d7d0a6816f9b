"""Work on another connection, and waiting until it waits for ours."""

import threading
import time
from collections.abc import Callable
from contextlib import closing

from django.db import connection


def in_a_thread(deed: Callable[[], object], errors: list[Exception]) -> threading.Thread:
    def run() -> None:
        with closing(connection):
            try:
                deed()
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_for(number: int) -> None:
    """Until so many wait for a row that another transaction holds."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # within a transaction the first look would stand
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone() == (number,):
                return
        time.sleep(0.02)
    raise AssertionError(f"nobody waits, or not {number}")
