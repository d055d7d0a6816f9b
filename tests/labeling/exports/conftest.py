"""What all tests of exports share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# Exports are loaded by the libraries that people train with. None of them may look anything up on a hub.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


@pytest.fixture(autouse=True)
def _end_of_exports(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ends exports that a failed test left open: emptying the tables would wait for them without end."""
    yield
    if "django_db" in request.keywords:
        from tests.labeling.exports.connections import end_exports

        end_exports()
