"""The numbers of generations that pages show are what is there, whoever wrote it and how."""

from __future__ import annotations

import uuid
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.utils import timezone

from labeling.models import Candidate, Project
from labeling.selectors.counts import differences
from labeling.services.counts import mend
from tests import make
from tests.workers.services.given import echo, run
from workers.models import Generation, GenerationCount, GenerationState, Generator
from workers.selectors import counts
from workers.services import generations, generators, planning

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make.project()
    make.imported(project, 3)
    return project


@pytest.fixture
def generator(project: Project) -> Generator:
    """One that owes two candidates to each of three prompts."""
    found = echo(project)
    planning.plan_all()
    return found


def of(generator: Generator) -> dict[str, int]:
    """The kept numbers of a generator that are not 0."""
    return {what: number for what, number in counts.of_generators([generator.pk])[generator.pk].items() if number}


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_they_follow_a_row_from_its_plan_to_its_end(generator: Generator) -> None:
    assert of(generator) == {"pending": 6}
    claimed = generations.claim(generator, token=uuid.uuid4(), worker="w", number=4)
    assert of(generator) == {"pending": 2, "running": 4}
    overdue = timezone.now() - timedelta(minutes=1)
    Generation.objects.filter(pk=claimed[0].pk).update(claimed_until=overdue)
    generations.reclaim()
    assert of(generator) == {"pending": 3, "running": 3}
    Generation.objects.filter(state="running").update(claimed_until=overdue)
    generations.reclaim()
    manager = make.manager(generator.project)
    generators.cancel_pending(generator, by=manager)
    assert of(generator) == {"cancelled": 6}
    generators.retry_failed(generator, by=manager)
    run()
    assert differences() == []
    assert sum(of(generator).values()) == 6


def test_done_ones_are_counted_and_lost_with_their_prompts(generator: Generator) -> None:
    run()
    assert of(generator) == {"done": 6}
    generations.regenerate(Candidate.objects.first(), by=make.manager(generator.project))  # type: ignore[arg-type]
    assert differences() == []
    sql("SET CONSTRAINTS ALL DEFERRED")
    generator.project.prompts.all()[0].delete()
    assert sum(of(generator).values()) == 4
    assert differences() == []


def test_each_generator_has_its_own(generator: Generator, project: Project) -> None:
    other = echo(project, name="other", candidates_per_prompt=1)
    planning.plan_all()
    assert (of(generator), of(other)) == ({"pending": 6}, {"pending": 3})
    # Nothing of ours does this; whoever does it by hand finds the numbers right all the same.
    sql(f"UPDATE workers_generation SET generator_id = {other.pk}, sample = sample + 1 WHERE sample = 1")  # noqa: S608
    assert differences() == []
    assert (of(generator), of(other)) == ({"pending": 3}, {"pending": 6})


def test_what_is_rolled_back_was_never_counted(generator: Generator) -> None:
    sql("SAVEPOINT before")
    Generation.objects.update(state=GenerationState.CANCELLED)
    assert of(generator) == {"cancelled": 6}
    sql("ROLLBACK TO before")
    assert of(generator) == {"pending": 6}


def test_no_row_outlives_its_generator(generator: Generator) -> None:
    generator.delete()  # with its six rows
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("SET CONSTRAINTS ALL DEFERRED")
    assert not GenerationCount.objects.exists()


def test_a_wrong_number_is_said_and_mended(generator: Generator) -> None:
    sql("UPDATE workers_generation_count SET n = 7")
    assert [str(one) for one in differences()] == [f"generator {generator.pk}, pending: 7 kept, 6 counted"]
    mend()
    assert of(generator) == {"pending": 6}


def test_the_migration_counts_what_is_there(generator: Generator) -> None:
    run()
    sql("DELETE FROM workers_generation_count")
    sql(import_module("workers.migrations.0003_generation_counts").FILL)
    assert of(generator) == {"done": 6}
