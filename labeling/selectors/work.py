"""What waits for one annotator, and what they have done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from labeling.models import Project, Queue, QueueState, Role, Slot, SlotState, User

# How many open seats are looked at for a count. A queue may hold millions; nobody needs to know how many exactly.
SCAN = 2000

# Seats that `take_next` could give: open ones, and leases of others that ran out. A person meets a task once, so
# seats are counted by task.
_LEFT = """
WITH offered AS (
    (SELECT task_id FROM labeling_slot WHERE queue_id = %(queue)s AND state = 'open'
     ORDER BY priority DESC, id LIMIT %(scan)s)
    UNION ALL
    (SELECT task_id FROM labeling_slot
     WHERE queue_id = %(queue)s AND state = 'leased' AND lease_expires_at < now() AND annotator_id <> %(user)s
     LIMIT %(scan)s)
)
SELECT count(*), count(DISTINCT task_id) FILTER (WHERE NOT EXISTS (
    SELECT 1 FROM labeling_slot mine WHERE mine.task_id = offered.task_id AND mine.annotator_id = %(user)s
)) FROM offered
"""


@dataclass(frozen=True)
class Left:
    """How many tasks wait for a person in a queue, the one in hand included. `more`: at least so many."""

    number: int
    more: bool = False

    def __bool__(self) -> bool:
        return self.number > 0 or self.more

    def __str__(self) -> str:
        """The number in words: 12, 2,000+, or "some" where the seats that were looked at were all seen before."""
        if not self.more:
            return f"{self.number:,}"
        return f"{self.number:,}+" if self.number else "some"


@dataclass(frozen=True)
class QueueWork:
    """One queue as an annotator sees it."""

    queue: Queue
    left: Left
    in_hand: bool
    done_today: int
    done_sitting: int = 0


@dataclass(frozen=True)
class ProjectWork:
    """One project as a member sees it: their role and the queues in it."""

    project: Project
    role: Role
    queues: tuple[QueueWork, ...]

    @property
    def manages(self) -> bool:
        return self.role == Role.MANAGER


def left_for(queue: Queue, user: User) -> Left:
    """What `take_next` would give this person in this queue, one after the other. Looks at SCAN seats at most."""
    if queue.state != QueueState.OPEN:
        # What is in hand in a paused queue may be finished; what was kept for after it may not be begun.
        paused = queue.state == QueueState.PAUSED
        return Left(Slot.objects.in_hand_of(user.pk).filter(queue=queue).count() if paused else 0)
    held = Slot.objects.held_by(user.pk).filter(queue=queue).count()
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, {"queue": queue.pk, "user": user.pk, "scan": SCAN})
        seen, fresh = cursor.fetchone() or (0, 0)
    return Left(held + fresh, more=seen >= SCAN)


def done_since(queue: Queue, user: User, moment: datetime) -> int:
    """How many tasks of this queue the person has submitted since a moment."""
    return Slot.objects.filter(queue=queue, annotator=user, state=SlotState.SUBMITTED, finished_at__gte=moment).count()


def in_queue(queue: Queue, user: User, *, since: datetime, sitting: datetime | None = None) -> QueueWork:
    """The queue as the person sees it. `since` is when their day began, `sitting` when they sat down to label."""
    return QueueWork(
        queue=queue,
        left=left_for(queue, user),
        in_hand=Slot.objects.in_hand_of(user.pk).filter(queue=queue).exists(),
        done_today=done_since(queue, user, since),
        done_sitting=done_since(queue, user, sitting) if sitting else 0,
    )


def of_person(user: User, joined: list[tuple[Project, Role]], *, since: datetime) -> list[ProjectWork]:
    """Projects with the queues that are not closed, the ones to be offered first in front."""
    found = Queue.objects.filter(project__in=[project for project, _ in joined]).exclude(state=QueueState.CLOSED)
    by_project: dict[int, list[Queue]] = {}
    for queue in found.order_by("-priority", "id"):
        by_project.setdefault(queue.project_id, []).append(queue)
    return [
        ProjectWork(
            project=project,
            role=role,
            queues=tuple(in_queue(queue, user, since=since) for queue in by_project.get(project.pk, [])),
        )
        for project, role in joined
    ]
