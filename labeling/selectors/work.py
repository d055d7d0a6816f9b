"""What waits for one annotator, and what they have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from labeling.conditions import LANGUAGES, reads, wanted
from labeling.models import Project, Queue, QueueState, Role, Slot, SlotState, User
from labeling.selectors import counts as kept_counts
from labeling.selectors.counts import Finished
from labeling.selectors.standing import barriers, next_opening

# How many open seats of a queue are looked at for an exact count. Where more are open, the kept numbers say how many
# tasks there are at least.
SCAN = 2000

# Seats that `take_next` could give: open ones, and leases of others that ran out. A person meets a task once, so
# seats are counted by task. `seen` says whether there was an end.
_LOOK = f"""
SELECT asked.id, looked.seen, looked.fresh
FROM (
    SELECT q.id, {LANGUAGES} AS languages
    FROM labeling_queue q
    LEFT JOIN labeling_membership m ON m.project_id = q.project_id AND m.user_id = %(user)s
    WHERE q.id = ANY(%(queues)s)
) asked CROSS JOIN LATERAL (
    SELECT count(*) AS seen, count(DISTINCT task_id) FILTER (WHERE
        (reserved_for_id IS NULL OR reserved_for_id = %(user)s)
        AND {reads("language", "asked.languages")}
        AND NOT EXISTS (
            SELECT 1 FROM labeling_slot mine WHERE mine.task_id = offered.task_id AND mine.annotator_id + 0 = %(user)s
        )
    ) AS fresh
    FROM (
        (SELECT task_id, language, reserved_for_id FROM labeling_slot
         WHERE queue_id = asked.id AND state = 'open' ORDER BY place LIMIT %(scan)s)
        UNION ALL
        (SELECT task_id, language, reserved_for_id FROM labeling_slot s
         WHERE queue_id = asked.id AND state = 'leased' AND lease_expires_at < now() AND annotator_id <> %(user)s
           AND {wanted("s")}
         LIMIT %(scan)s)
    ) offered
) looked
"""  # noqa: S608 - our own constants
_RESERVED = """
SELECT queue_id, count(*) FROM labeling_slot
WHERE state = 'open' AND reserved_for_id IS NOT NULL AND reserved_for_id <> %(user)s AND queue_id = ANY(%(queues)s)
GROUP BY queue_id
"""


@dataclass(frozen=True)
class Left:
    """How many tasks wait for a person in a queue, the one in hand included. `more`: at least so many."""

    number: int
    more: bool = False

    def __bool__(self) -> bool:
        return self.number > 0 or self.more

    def __str__(self) -> str:
        """The number in words: 12, 2,000+, or "some" where the seats that were looked at were all seen before.

        What is only known to be more is given in three digits: 354,000+.
        """
        if not self.more:
            return f"{self.number:,}"
        coarse = 10 ** max(0, len(str(self.number)) - 3)
        return f"{self.number // coarse * coarse:,}+" if self.number else "some"


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
    """How many tasks `take_next` would give this person in this queue, one after the other."""
    return _left([queue], user, _held([queue], user))[queue.pk]


def _held(queues: Sequence[Queue], user: User) -> dict[int, list[bool]]:
    """What the person holds in each queue; for each slot whether it is in hand, or kept for after that."""
    found: dict[int, list[bool]] = {queue.pk: [] for queue in queues}
    for pk, ahead in Slot.objects.held_by(user.pk).filter(queue__in=found).values_list("queue_id", "ahead"):
        found[pk].append(not ahead)
    return found


def _left(queues: Sequence[Queue], user: User, held: Mapping[int, list[bool]]) -> dict[int, Left]:
    now = timezone.now()
    # What is in hand in a queue that rests may be finished; what was kept for after it may not be begun.
    resting = [queue for queue in queues if queue.state != QueueState.CLOSED]
    found = dict.fromkeys(held, Left(0)) | {queue.pk: Left(sum(held[queue.pk])) for queue in resting}
    giving = [queue for queue in resting if queue.state == QueueState.OPEN and next_opening(queue, now) == now]
    found |= {queue.pk: Left(len(held[queue.pk])) for queue in giving}
    # A queue that asks for nobody in particular costs no statement here.
    offering = [queue for queue in giving if not barriers(queue, [user])]
    finished = kept_counts.of_person(user, [queue.pk for queue in offering]) if offering else {}
    least = _least(offering, user, finished)
    looked = _look([pk for pk, number in least.items() if number < SCAN], user)
    shares = _shares_left(offering, user, finished)
    for queue in offering:
        seen, fresh = looked.get(queue.pk, (SCAN, 0))
        number = len(held[queue.pk]) + (fresh if seen < SCAN else max(fresh, least[queue.pk]))
        share = max(len(held[queue.pk]), shares.get(queue.pk, number + 1))
        found[queue.pk] = Left(min(number, share), more=seen >= SCAN and number < share)
    return found


def _shares_left(queues: Sequence[Queue], user: User, finished: Mapping[int, Finished]) -> dict[int, int]:
    """How many more the person may submit in each of the queues that have caps."""
    daily = [queue.pk for queue in queues if queue.most_per_day is not None]
    today = kept_counts.of_person(user, daily, day=timezone.now().astimezone(UTC).date()) if daily else {}
    none = Finished()
    shares: dict[int, int] = {}
    for queue in queues:
        caps = ((queue.most_in_all, finished), (queue.most_per_day, today))
        left = [most - done.get(queue.pk, none).submitted for most, done in caps if most is not None]
        if left:
            shares[queue.pk] = min(left)
    return shares


def _least(queues: Sequence[Queue], user: User, finished: Mapping[int, Finished]) -> dict[int, int]:
    """How many tasks of each queue wait for the person at least, from numbers that are kept; 0 where they do not say.

    Of the tasks that are open, some have no open seat: each of those is in somebody's hands. Others the person has
    met: those that they skipped, and of those that they submitted as many as can be on open tasks at all, when every
    task that is done has its answers.
    """
    kept = kept_counts.of_queues(queue.pk for queue in queues) if queues else {}
    least = {}
    for queue in queues:
        numbers, mine = kept[queue.pk], finished.get(queue.pk, Finished())
        on_open = numbers["slot.submitted"] - numbers["task.done"] * queue.overlap
        # While a new overlap spreads, those that are done may have the answers of the old one.
        spreads = queue.following_from is not None
        met = mine.skipped + (mine.submitted if spreads else min(mine.submitted, max(0, on_open)))
        # Nobody counts the languages.
        least[queue.pk] = 0 if queue.by_language else numbers["task.open"] - numbers["slot.leased"] - met
    many = [pk for pk, numbers in kept.items() if numbers["slot.open"] >= SCAN and least[pk] > 0]
    for pk, reserved in _asked(_RESERVED, user, many):
        least[pk] -= reserved
    return {pk: max(0, number) for pk, number in least.items()}


def _look(queue_ids: Sequence[int], user: User) -> dict[int, tuple[int, int]]:
    """How many seats of each queue were seen, SCAN of a kind at most, and how many tasks for the person among them."""
    return {pk: (seen, fresh) for pk, seen, fresh in _asked(_LOOK, user, queue_ids)}


def _asked(statement: str, user: User, queue_ids: Sequence[int]) -> list[tuple[Any, ...]]:
    if not queue_ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, {"user": user.pk, "queues": list(queue_ids), "scan": SCAN})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def in_queues(
    queues: Sequence[Queue], user: User, *, since: datetime, sitting: datetime | None = None
) -> list[QueueWork]:
    """The queues as the person sees them, in a handful of statements for any number of queues.

    `since` is when their day began, `sitting` when they sat down to label.
    """
    held = _held(queues, user)
    left = _left(queues, user, held)
    first = min(since, sitting or since)
    done = Slot.objects.filter(annotator=user, state=SlotState.SUBMITTED, queue__in=held, finished_at__gte=first)
    counted = (
        done.order_by()
        .values_list("queue_id")
        .annotate(
            today=Count("pk", filter=Q(finished_at__gte=since)),
            this_sitting=Count("pk", filter=Q(finished_at__gte=sitting or since)),
        )
    )
    finished = {pk: (today, this_sitting) for pk, today, this_sitting in counted}
    works = []
    for queue in queues:
        today, this_sitting = finished.get(queue.pk, (0, 0))
        works.append(
            QueueWork(
                queue=queue,
                left=left[queue.pk],
                in_hand=any(held[queue.pk]),
                done_today=today,
                done_sitting=this_sitting if sitting else 0,
            )
        )
    return works


def in_queue(queue: Queue, user: User, *, since: datetime, sitting: datetime | None = None) -> QueueWork:
    """One queue as the person sees it."""
    return in_queues([queue], user, since=since, sitting=sitting)[0]


def of_person(user: User, joined: list[tuple[Project, Role]], *, since: datetime) -> list[ProjectWork]:
    """Projects with the queues that are not closed, the ones to be offered first in front."""
    found = Queue.objects.filter(project__in=[project for project, _ in joined]).exclude(state=QueueState.CLOSED)
    by_project: dict[int, list[QueueWork]] = {}
    for item in in_queues(list(found.order_by("-priority", "id")), user, since=since):
        by_project.setdefault(item.queue.project_id, []).append(item)
    return [
        ProjectWork(project=project, role=role, queues=tuple(by_project.get(project.pk, ())))
        for project, role in joined
    ]
