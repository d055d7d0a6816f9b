"""How far queues are, and who works in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet

from labeling.models import Queue, SkipReason, Slot, SlotState, TaskState
from labeling.selectors import counts as kept_counts

HELD_SHOWN = 200  # rows of a page


def _no_slots() -> dict[str, int]:
    return dict.fromkeys(SlotState.values, 0)


@dataclass(frozen=True)
class QueueCounts:
    """What is in a queue now. `slots` has every state as a key; `annotations` counts versions, not slots; `skips` has
    the slots that were skipped by the reasons that were given. A retired task asks for nothing: it is none of `tasks`.
    """

    tasks: int = 0
    tasks_done: int = 0
    tasks_retired: int = 0
    slots: dict[str, int] = field(default_factory=_no_slots)
    annotations: int = 0
    skips: dict[str, int] = field(default_factory=dict)

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
    """The counts of each queue by its id, in one statement for any number of queues of any size."""
    kept = kept_counts.of_queues(queue.pk for queue in queues)
    return {
        pk: QueueCounts(
            tasks=numbers[f"task.{TaskState.OPEN}"] + numbers[f"task.{TaskState.DONE}"],
            tasks_done=numbers[f"task.{TaskState.DONE}"],
            tasks_retired=numbers[f"task.{TaskState.RETIRED}"],
            slots={state: numbers[f"slot.{state}"] for state in SlotState.values},
            annotations=sum(number for what, number in numbers.items() if what.startswith("annotation.")),
            skips={reason: numbers[f"skip.{reason}"] for reason in SkipReason.values if numbers[f"skip.{reason}"]},
        )
        for pk, numbers in kept.items()
    }


def progress(queues: Iterable[Queue]) -> list[Progress]:
    """The queues as they were given, each with its counts."""
    listed = list(queues)
    found = counts(listed)
    return [Progress(queue, found[queue.pk]) for queue in listed]


def held(queues: Sequence[Queue]) -> QuerySet[Slot]:
    """The slots that people hold now, the longest held first, with holder, queue and task."""
    held_slots = Slot.objects.filter(queue__in=[queue.pk for queue in queues], state=SlotState.LEASED)
    return held_slots.select_related("annotator", "queue", "task").order_by("leased_at", "pk")


def skips(counts: QueueCounts) -> list[tuple[str, int]]:
    """Why tasks of a queue were skipped: each reason in words with its number, the most frequent first."""
    told = [(SkipReason(reason).label, number) for reason, number in counts.skips.items()]
    return sorted(told, key=lambda one: -one[1])
