"""How many tasks of a queue are ready ahead of its annotators."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.db.models import Count

from labeling.models import Project, Queue, QueueState
from labeling.selectors import counts, live
from workers.models import UNFINISHED, Generation


@dataclass(frozen=True)
class Ahead:
    """How far a queue with water marks is ahead of its annotators, in tasks.

    ``ready``      open seats, in tasks' worth
    ``making``     prompts of the project whose candidates are on their way
    ``pace``       tasks that people finished in the last hour
    ``refill_at``  with fewer than so many ready or on their way, prompts are planned
    ``wanted``     so many prompts are to be planned now
    """

    queue: Queue
    low: int
    high: int
    lead_minutes: int
    ready: int
    making: int
    pace: float

    @property
    def refill_at(self) -> int:
        return min(self.high, max(self.low, math.ceil(self.pace * self.lead_minutes / 60)))

    @property
    def wanted(self) -> int:
        stock = self.ready + self.making
        return self.high - stock if self.queue.state == QueueState.OPEN and stock < self.refill_at else 0


def ahead(project: Project) -> list[Ahead]:
    """Each queue of the project that has water marks, and how far it is ahead; but none that takes only moved tasks."""
    kept_ahead = Queue.objects.filter(project=project, water_marks__isnull=False, only_moved=False)
    marked = list(kept_ahead.select_related("water_marks"))
    if not marked:
        return []
    kept = counts.of_queues(queue.pk for queue in marked)
    unfinished = Generation.objects.filter(generator__project=project, state__in=UNFINISHED)
    making = unfinished.aggregate(n=Count("prompt", distinct=True))["n"]
    return [
        Ahead(
            queue=queue,
            low=queue.water_marks.low,
            high=queue.water_marks.high,
            lead_minutes=queue.water_marks.lead_minutes,
            ready=math.ceil(kept[queue.pk]["slot.open"] / queue.overlap),
            making=making,
            pace=live.pace(queue).hour / queue.overlap,
        )
        for queue in marked
    ]
