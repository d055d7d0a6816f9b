"""The database connections that exports hold, as the server sees them."""

from __future__ import annotations

import time

from django.db import connection

_OURS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'annotate export'"


def _number(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    assert row
    return int(row[0])


def wait_for_exports(number: int) -> None:
    """Waits until so many exports are open: the server sees a connection's end a moment later. Fails after 10 s."""
    end = time.monotonic() + 10
    while (found := _number(f"SELECT count(*) {_OURS}")) != number:
        assert time.monotonic() < end, f"{found} exports are open, not {number}"
        time.sleep(0.02)


def end_exports() -> int:
    """Cuts the connections of all open exports. Returns how many there were."""
    return _number(f"SELECT count(pg_terminate_backend(pid)) {_OURS}")
