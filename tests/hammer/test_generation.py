"""The short form of the hammer for generation (generation.py beside it), and whether it notices what it looks for."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from annotate.environment import ROOT
from labeling.models import Candidate
from tests import make
from tests.annotate.running import environment
from tests.hammer.generation import EACH, faults
from tests.workers.services.given import echo, run
from workers.models import Generation, Generator


@pytest.mark.slow
def test_every_row_is_made_once_while_workers_database_and_broker_die() -> None:
    options = {"seconds": 12, "prompts": 24, "seed": random.randrange(10**6)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.hammer.generation", *(f"--{name}={value}" for name, value in options.items())],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill_a_worker" in done.stdout


@pytest.fixture
def made(db: None) -> Generator:
    """What the hammer looks at, as it must be."""
    project = make.project()
    make.queue(project, preset="ranking")
    generator = echo(
        project, candidates_per_prompt=EACH, model="echo?fail=Question+7?", hygiene={"near_duplicate": "off"}
    )
    make.imported(project, 9)
    run()
    assert faults(generator, 9) == []
    return generator


def test_it_notices_a_row_that_was_lost(made: Generator) -> None:
    Generation.objects.filter(state="failed")[0].delete()
    assert faults(made, 9) == [f"There are {9 * EACH - 1} rows, not {9 * EACH}."]


def test_it_notices_a_row_that_was_made_twice(made: Generator) -> None:
    twice = Candidate.objects.order_by("pk")[0]
    twice.pk = None
    twice.save()
    assert "1 candidates belong to no row." in faults(made, 9)
    assert len(faults(made, 9)) == 2


def test_it_notices_a_row_that_is_stuck(made: Generator) -> None:
    row = Generation.objects.filter(state="failed")[0]
    Generation.objects.filter(pk=row.pk).update(state="pending")
    assert faults(made, 9) == [f"Row {row.pk} is pending: {row.error}"]
