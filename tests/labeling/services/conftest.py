"""What tests of services share."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper


@pytest.fixture
def other() -> Iterator[BaseDatabaseWrapper]:
    """One more connection, in a transaction of its own."""
    with closing(connection.copy()) as made:
        made.set_autocommit(False)
        yield made
