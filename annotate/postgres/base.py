"""The backend as Django finds it: `ENGINE = "annotate.postgres"`.

Each request takes a connection from the pool. psycopg's own check asks the server something every time, which was a
tenth of a call's statements. A server that ends a connection says so on it, so a look at the socket finds the same.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


def is_alive(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has not hung up. Sends nothing."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):  # a farewell or a notice: nobody has asked for anything
        try:
            connection.pgconn.consume_input()
        except psycopg.OperationalError:
            return False
    return connection.pgconn.status == psycopg.pq.ConnStatus.OK and not poll.poll(0)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of Django's, taken from the pool only while the server is there."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection, new or out of the pool. Raises OperationalError where there is none."""
        for _ in range(self.pool.max_size if self.pool else 0):  # after a restart of the server all may be dead
            connection = super().get_new_connection(conn_params)
            if is_alive(connection):
                return connection
            connection.close()
            self.pool.putconn(connection)  # which replaces it
        return super().get_new_connection(conn_params)
