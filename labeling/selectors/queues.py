"""How far queues are, and who works in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, QuerySet

from labeling.models import Annotation, Queue, SkipReason, Slot, SlotState, Task, TaskState

HELD_SHOWN = 200  # rows of a page


def _no_slots() -> dict[str, int]:
    return dict.fromkeys(SlotState.values, 0)


@dataclass(frozen=True)
class QueueCounts:
    """What is in a queue now. `slots` has every state as a key; `annotations` counts versions, not slots."""

    tasks: int = 0
    tasks_done: int = 0
    slots: dict[str, int] = field(default_factory=_no_slots)
    annotations: int = 0

    @property
    def seats(self) -> int:
        """How many answers the queue asks for in all: every slot but the skipped, whose seat went to another slot."""
        return sum(self.slots.values()) - self.slots[SlotState.SKIPPED]

    @property
    def answered(self) -> int:
        """How many of the seats are submitted."""
        return self.slots[SlotState.SUBMITTED]


@dataclass(frozen=True)
class Progress:
    """A queue and what is in it."""

    queue: Queue
    counts: QueueCounts

    @property
    def percent(self) -> int:
        """The share of seats that are submitted, rounded down: 100 only when nothing is left."""
        return 100 * self.counts.answered // self.counts.seats if self.counts.seats else 0


def counts(queues: Sequence[Queue]) -> dict[int, QueueCounts]:
    """The counts of each queue by its id, in three statements for any number of queues."""
    ids = [queue.pk for queue in queues]
    tasks: dict[int, dict[str, int]] = {pk: {} for pk in ids}
    slots = {pk: _no_slots() for pk in ids}
    for pk, state, number in _grouped(Task.objects.filter(queue__in=ids), "queue_id", "state"):
        tasks[pk][state] = number
    for pk, state, number in _grouped(Slot.objects.filter(queue__in=ids), "queue_id", "state"):
        slots[pk][state] = number
    annotations = dict(_grouped(Annotation.objects.filter(queue__in=ids, undone_at__isnull=True), "queue_id"))
    return {
        pk: QueueCounts(
            tasks=sum(tasks[pk].values()),
            tasks_done=tasks[pk].get(TaskState.DONE, 0),
            slots=slots[pk],
            annotations=annotations.get(pk, 0),
        )
        for pk in ids
    }


def _grouped(rows: QuerySet[Any], *by: str) -> Iterable[tuple[Any, ...]]:
    found: Iterable[tuple[Any, ...]] = rows.order_by().values_list(*by).annotate(number=Count("pk"))
    return found


def progress(queues: Iterable[Queue]) -> list[Progress]:
    """The queues as they were given, each with its counts."""
    listed = list(queues)
    found = counts(listed)
    return [Progress(queue, found[queue.pk]) for queue in listed]


def held(queues: Sequence[Queue]) -> QuerySet[Slot]:
    """The slots that people hold now, the longest held first, with holder, queue and task."""
    held_slots = Slot.objects.filter(queue__in=[queue.pk for queue in queues], state=SlotState.LEASED)
    return held_slots.select_related("annotator", "queue", "task").order_by("leased_at", "pk")


def skips(queue: Queue) -> list[tuple[str, int]]:
    """Why tasks of a queue were skipped: each reason in words with its number, the most frequent first."""
    counted = (
        Slot.objects.filter(queue=queue, state=SlotState.SKIPPED)
        .order_by()
        .values_list("skip_reason")
        .annotate(number=Count("pk"))
    )
    return sorted(((SkipReason(reason).label, number) for reason, number in counted), key=lambda one: -one[1])
