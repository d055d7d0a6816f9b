"""How far generators are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q

from labeling.models import Project
from workers.hygiene import CHECKS
from workers.models import Finding, Generation, GenerationState, Generator, GeneratorState
from workers.selectors import counts


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

    @property
    def is_unanswered(self) -> bool:
        """Whether rows wait while no worker makes any: perhaps none serves this generator's group."""
        return self.generator.state == GeneratorState.ACTIVE and self.pending > 0 and not self.running


def of_generators(generators: Iterable[Generator]) -> list[Progress]:
    """The progress of each generator, in the order given."""
    generators = list(generators)
    numbers = counts.of_generators(generator.pk for generator in generators)
    return [_progress(generator, numbers[generator.pk]) for generator in generators]


def _progress(generator: Generator, numbers: Counter[str]) -> Progress:
    number = {state: numbers[state] for state in GenerationState.values}
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


@dataclass(frozen=True)
class CheckCount:
    """How often a hygiene check found something in what a generator made, and what became of those responses."""

    name: str
    title: str
    action: str
    marked: int
    dropped: int
    share: float | None

    @property
    def total(self) -> int:
        return self.marked + self.dropped


def findings(generator: Generator) -> list[CheckCount]:
    """What each check found. `share`: of all responses that were looked at; None before the first."""
    rows = Finding.objects.filter(generator=generator).order_by().values_list("found_by")
    counted = {
        name: (marked, dropped)
        for name, marked, dropped in rows.annotate(
            marked=Count("pk", filter=Q(dropped=False)), dropped_n=Count("pk", filter=Q(dropped=True))
        )
    }
    drops = Finding.objects.filter(generator=generator, dropped=True).order_by()
    done = counts.of_generators([generator.pk])[generator.pk][GenerationState.DONE]
    looked_at = done + drops.values("generation", "attempt").distinct().count()
    return [
        CheckCount(
            name=name,
            title=check.title,
            action=generator.hygiene.get(name, check.action),
            marked=counted.get(name, (0, 0))[0],
            dropped=counted.get(name, (0, 0))[1],
            share=sum(counted.get(name, (0, 0))) / looked_at if looked_at else None,
        )
        for name, check in CHECKS.items()
    ]


def found_by(generator: Generator, check: str = "") -> list[Finding]:
    """The last findings of a check, or of all, with their prompts."""
    rows = Finding.objects.select_related("generation__prompt", "generation__candidate").filter(generator=generator)
    if check:
        rows = rows.filter(found_by=check)
    return list(rows.order_by("-pk")[:50])


@dataclass(frozen=True)
class Reason:
    """Why rows of a generator failed, and how many for that reason."""

    error: str
    number: int


def failure_reasons(generator: Generator, *, number: int = 10) -> list[Reason]:
    """The commonest errors of a generator's failed rows."""
    failed = Generation.objects.filter(generator=generator, state=GenerationState.FAILED).order_by()
    rows = failed.values_list("error").annotate(n=Count("pk")).order_by("-n", "error")[:number]
    return [Reason(error, n) for error, n in rows]
