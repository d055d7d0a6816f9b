"""How far generators are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count

from labeling.models import Project
from workers.models import Generation, GenerationState, Generator, GeneratorState


@dataclass(frozen=True)
class Progress:
    """One generator's rows by state. `left` is an estimate from the speed so far; None without one or at rest."""

    generator: Generator
    pending: int
    running: int
    done: int
    failed: int
    cancelled: int
    left: timedelta | None

    @property
    def total(self) -> int:
        return self.pending + self.running + self.done + self.failed

    @property
    def tokens_per_second(self) -> float | None:
        return self.generator.tokens_per_second


def of_generators(generators: Iterable[Generator]) -> list[Progress]:
    """The progress of each generator, in the order given."""
    generators = list(generators)
    counts: dict[tuple[int, str], int] = {}
    rows = Generation.objects.filter(generator__in=generators).values("generator", "state").annotate(n=Count("pk"))
    for row in rows:
        counts[row["generator"], row["state"]] = row["n"]
    return [_progress(generator, counts) for generator in generators]


def _progress(generator: Generator, counts: dict[tuple[int, str], int]) -> Progress:
    number = {state: counts.get((generator.pk, state), 0) for state in GenerationState.values}
    todo = number["pending"] + number["running"]
    left = None
    if number["done"] and todo and generator.state == GeneratorState.ACTIVE:
        left = timedelta(seconds=round(generator.busy_seconds / number["done"] * todo))
    return Progress(generator=generator, left=left, **number)


def of_project(project: Project) -> list[Progress]:
    """The progress of all generators of a project, oldest first."""
    return of_generators(Generator.objects.filter(project=project).order_by("pk"))


def recent_failures(generator: Generator, *, number: int = 20) -> list[Generation]:
    """The rows that failed last, with their prompts."""
    failed = Generation.objects.select_related("prompt").filter(generator=generator, state=GenerationState.FAILED)
    return list(failed.order_by("-finished_at", "-pk")[:number])
