"""What all tests of exports share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def release_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[None]:
    """Releases lie in a folder of the test's own, wait for no other clocks, and leave no export open."""
    from labeling.exports.services import building
    from tests.labeling.exports.connections import wait_for_exports

    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr(building, "CLOCKS_APART", 0.0)
    yield
    wait_for_exports(0)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of prompts takes several shards."""
    from labeling.exports import plans

    monkeypatch.setattr(plans, "SHARD_PROMPTS", 3)
