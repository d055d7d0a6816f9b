"""Pooled connections are looked at before they are used, without asking the server."""

import time

import psycopg
import pytest

from annotate.postgres.base import is_alive
from tests import process

pytestmark = pytest.mark.django_db(transaction=True)

THROUGH_A_POOL = """
import os, time
import django
django.setup()
import psycopg
from django.db import connection

def ask():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]

assert connection.pool is not None
first = ask()
connection.close()
assert ask() == first, "it is taken again"
connection.close()
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
    other.execute("SELECT pg_terminate_backend(%s)", [first])
    while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [first]).fetchone():
        time.sleep(0.02)
assert ask() != first
connection.close()
"""


def test_a_connection_that_the_server_ended_is_seen_without_a_question() -> None:
    with psycopg.connect(process.database_url(), autocommit=True) as one:
        assert is_alive(one)
        one.execute("SET client_min_messages = 'notice'")
        one.execute("DO $$ BEGIN RAISE NOTICE 'said'; END $$")
        assert is_alive(one)
        with psycopg.connect(process.database_url(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [one.info.backend_pid])
        end = time.monotonic() + 20
        while is_alive(one) and time.monotonic() < end:
            time.sleep(0.02)
        assert not is_alive(one)
    one.close()
    assert not is_alive(one)


def test_a_pool_gives_out_no_dead_connection() -> None:
    process.finish([process.start_code(THROUGH_A_POOL, DATABASE_POOL="1")], seconds=60)
