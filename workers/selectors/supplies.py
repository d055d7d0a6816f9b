"""What a project's generators share, and how far each queue is ahead of its annotators."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from labeling.models import Project, Queue, QueueState
from workers.models import GenerationSettings, Generator, WaterMarks
from workers.selectors import stock


@dataclass(frozen=True)
class Shared:
    """The draw and the budget, as they are set, and what has been spent."""

    drawn_per_prompt: int
    budget: Decimal | None
    currency: str
    cost: Decimal
    weighted: tuple[tuple[Generator, float], ...]

    @property
    def percent(self) -> int | None:
        """How much of the budget is spent."""
        return min(100, int(100 * self.cost / self.budget)) if self.budget else None


def shared(project: Project) -> Shared:
    """What the generators of a project share. `weighted`: those that it draws from, each with its share of 1."""
    found = GenerationSettings.objects.filter(project=project).first() or GenerationSettings(project=project)
    generators = list(Generator.objects.filter(project=project).order_by("pk"))
    going = [one for one in generators if one.weight is not None and one.state == "active"]
    total = sum(one.weight or 0 for one in going)
    return Shared(
        drawn_per_prompt=found.drawn_per_prompt,
        budget=found.budget,
        currency=found.currency,
        cost=sum((one.cost for one in generators), Decimal(0)),
        weighted=tuple((one, (one.weight or 0) / total) for one in going),
    )


@dataclass(frozen=True)
class Supply:
    """A queue that shows candidates: its water marks, and where it stands with them; None where it has none."""

    queue: Queue
    marks: WaterMarks | None
    ahead: stock.Ahead | None


def queues(project: Project) -> list[Supply]:
    """The queues of a project that show candidates, take prompts by themselves and are not closed."""
    known = {one.queue.pk: one for one in stock.ahead(project)}
    showing = Queue.objects.filter(project=project, candidates_max__gt=0, only_moved=False)
    showing = showing.exclude(state=QueueState.CLOSED)
    return [
        Supply(queue, getattr(queue, "water_marks", None), known.get(queue.pk))
        for queue in showing.select_related("water_marks")
    ]
