"""What the tests of workers share."""

from __future__ import annotations

import pytest

from annotate import health


@pytest.fixture(autouse=True)
def quiet_broker() -> None:
    """No bell of an earlier test waits: where many do, none is rung any more."""
    with health.broker(timeout=10) as client:
        client.flushdb()
