"""A queue while people work in it: who holds what, what waits for whom, how fast it goes and when it ends.

Nothing here counts a big table. The pace comes from the index of each person's finished slots, for those who finished
anything today; days and numbers come from what PostgreSQL keeps (labeling.selectors.counts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import QuerySet, Sum
from django.utils import timezone

from labeling.errors import NotFound
from labeling.models import (
    Membership,
    PersonCount,
    Queue,
    QueueState,
    SkipReason,
    Slot,
    SlotState,
    Task,
    TaskState,
    User,
)
from labeling.selectors import counts, standing
from labeling.selectors.queue_words import skip_rules_in_words
from labeling.selectors.queues import QueueCounts
from labeling.selectors.standing import Standing
from labeling.text import typed_number

SHOWN = 200  # leases and waiting seats of a page
DAYS = 14
SOON = timedelta(minutes=5)


# Leases


@dataclass(frozen=True)
class Lease:
    """What somebody holds, and for how long yet."""

    slot: Slot
    left: timedelta

    @property
    def is_over(self) -> bool:
        """Whether it ran out: whoever asks next gets the seat."""
        return self.left <= timedelta()

    @property
    def is_soon(self) -> bool:
        """Whether it runs out soon. What is kept ahead has a short lease by design, which its page renews."""
        return not self.is_over and not self.slot.ahead and self.left < SOON

    @property
    def words(self) -> str:
        """How long yet, said only as exactly as it matters."""
        if self.is_over:
            return f"Ran out {_length(-self.left)} ago"
        return f"Runs out in {_length(self.left)}" if self.is_soon else f"{_length(self.left)} left"


def _length(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def leases(queue: Queue, *, page: int = 1) -> list[Lease]:
    """What people hold in a queue, SHOWN on a page: what they have in hand before what is kept for after it, and of
    each that whose lease ends first in front.
    """
    now, start = timezone.now(), SHOWN * (page - 1)
    held = Slot.objects.filter(queue=queue, state=SlotState.LEASED).order_by("ahead", "lease_expires_at", "pk")
    return [
        Lease(slot, slot.lease_expires_at - now)
        for slot in held.select_related("annotator", "task")[start : start + SHOWN]
        if slot.lease_expires_at is not None
    ]


@dataclass(frozen=True)
class Handed:
    """A seat that waits for somebody, and what keeps them from taking it, if anything."""

    slot: Slot
    barrier: Standing | None


def handed(queue: Queue) -> list[Handed]:
    """The seats that were handed to somebody who has not taken them yet; SHOWN at most."""
    waiting = Slot.objects.filter(queue=queue, state=SlotState.OPEN, reserved_for__isnull=False)
    slots = list(waiting.select_related("reserved_for", "task").order_by("reserved_for", "place")[:SHOWN])
    people = {slot.reserved_for_id: slot.reserved_for for slot in slots if slot.reserved_for is not None}
    kept_back = standing.barriers(queue, people.values())
    return [Handed(slot, kept_back.get(slot.reserved_for_id or 0)) for slot in slots]


# Pace

# One look along (annotator, finished_at) for everybody who finished something in this queue today.
_PACE = """
SELECT active.annotator_id, recent.quarter, recent.hour, recent.skipped
FROM (
    SELECT DISTINCT annotator_id FROM labeling_person_count WHERE queue_id = %(queue)s AND day >= %(day)s
) active
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state = 'submitted' AND finished_at >= %(quarter)s) AS quarter,
           count(*) FILTER (WHERE state = 'submitted') AS hour,
           count(*) FILTER (WHERE state = 'skipped') AS skipped
    FROM labeling_slot s
    WHERE s.annotator_id = active.annotator_id AND s.finished_at >= %(hour)s AND s.queue_id = %(queue)s
) recent
WHERE recent.hour + recent.skipped > 0
"""


@dataclass(frozen=True)
class PersonPace:
    """What one person did in the last hour, and of that in the last quarter of it."""

    person: User
    quarter: int
    hour: int
    skipped: int


@dataclass(frozen=True)
class Pace:
    """What everybody did in the last hour, those who did most in front."""

    people: tuple[PersonPace, ...] = ()

    @property
    def hour(self) -> int:
        """Answers in the last hour."""
        return sum(one.hour for one in self.people)

    @property
    def quarter(self) -> int:
        """Answers in the last 15 minutes."""
        return sum(one.quarter for one in self.people)

    @property
    def has_just_begun(self) -> bool:
        """Whether all of the last hour was answered within the last 15 minutes."""
        return self.hour == self.quarter > 0

    @property
    def an_hour(self) -> float:
        """Answers an hour, by the last hour; where work has just begun, by the last 15 minutes."""
        return 4.0 * self.quarter if self.has_just_begun else float(self.hour)


def pace(queue: Queue) -> Pace:
    """How fast people answer in a queue now."""
    now = timezone.now()
    hour = now - timedelta(hours=1)
    quarter, day = now - timedelta(minutes=15), hour.astimezone(UTC).date()
    with connection.cursor() as cursor:
        cursor.execute(_PACE, {"queue": queue.pk, "day": day, "hour": hour, "quarter": quarter})
        rows = {pk: numbers for pk, *numbers in cursor.fetchall()}
    people = User.objects.in_bulk(rows)
    found = [PersonPace(people[pk], *numbers) for pk, numbers in rows.items()]
    return Pace(tuple(sorted(found, key=lambda one: (-one.hour, -one.quarter, one.person.email))))


# Days


@dataclass(frozen=True)
class Bar:
    """One day of the chart: its answers, and where it stands in a picture 100 high and 10 wide for each day."""

    day: date
    answers: int
    skipped: int
    x: int
    y: str
    height: str


@dataclass(frozen=True)
class Days:
    """Answers of the last days (of UTC), today's at the end."""

    bars: tuple[Bar, ...]

    @property
    def most(self) -> int:
        """The most answers on one day."""
        return max((bar.answers for bar in self.bars), default=0)

    @property
    def width(self) -> int:
        """The width of the picture."""
        return 10 * len(self.bars)

    @property
    def usual(self) -> float:
        """Answers a day on average, over the week before today, or over the days since the first answer where these are
        fewer: 0 where nobody answered.
        """
        before = self.bars[:-1]
        first = next((place for place, bar in enumerate(before) if bar.answers), len(before))
        week = before[max(first, len(before) - 7) :]
        return sum(bar.answers for bar in week) / len(week) if week else 0.0

    @property
    def label(self) -> str:
        """The picture in words."""
        best = max(self.bars, key=lambda bar: bar.answers)
        total = sum(bar.answers for bar in self.bars)
        if not total:
            return f"No answers in the last {len(self.bars)} days."
        return (
            f"{total:,} answer{'' if total == 1 else 's'} in the last {len(self.bars)} days: "
            f"{self.bars[-1].answers:,} today, "
            f"most on {best.day:%-d %B} with {best.answers:,}."
        )


def days(queue: Queue, number: int = DAYS) -> Days:
    """The answers of the last days, from the numbers that are kept for each person."""
    today = timezone.now().astimezone(UTC).date()
    first = today - timedelta(days=number - 1)
    rows = PersonCount.objects.filter(queue=queue, day__gte=first).order_by().values_list("day")
    found = {day: (done, skipped) for day, done, skipped in rows.annotate(a=Sum("submitted"), b=Sum("skipped"))}
    most = max([done for done, _ in found.values()] + [1])
    bars = []
    for place in range(number):
        day = first + timedelta(days=place)
        done, skipped = found.get(day, (0, 0))
        height = 100 * done / most
        bars.append(Bar(day, int(done), int(skipped), 10 * place, f"{100 - height:.2f}", f"{height:.2f}"))
    return Days(tuple(bars))


# What is left


def tasks_by_state(queue: Queue) -> dict[str, int]:
    """How many tasks are open, done and retired."""
    kept = counts.of_queues([queue.pk])[queue.pk]
    return {state: kept[f"task.{state}"] for state in TaskState.values}


@dataclass(frozen=True)
class Forecast:
    """When a queue ends and what it costs. `hours` at the pace of now (`Pace.an_hour`), `days` at that of the last
    week; none where there is no pace to go by.
    """

    left: int
    hours: float | None
    days: float | None
    cost: Decimal | None
    cost_so_far: Decimal | None
    currency: str

    @property
    def hours_in_words(self) -> str:
        """How long it goes on at the pace of now."""
        if self.hours is None:
            return ""
        if self.hours < 1:
            return f"about {max(1, round(60 * self.hours)):,} min"
        return f"about {self.hours:,.0f} h" if self.hours >= 10 else f"about {round(self.hours, 1):g} h"

    @property
    def days_in_words(self) -> str:
        """How long it goes on at the pace of the last week."""
        if self.days is None:
            return ""
        number = max(1, round(self.days))
        return "about a day" if number == 1 else f"about {number:,} days"

    @property
    def ends_at(self) -> datetime | None:
        """When it would be over if it went on as now without a break; none where that is years away."""
        if self.hours is None or self.hours > 24 * 365 * 5:
            return None
        return timezone.now() + timedelta(hours=self.hours)


def forecast(queue: Queue, numbers: QueueCounts, now: Pace, week: Days) -> Forecast:
    """What the numbers, the pace and the price of a queue come to."""
    left = numbers.slots[SlotState.OPEN] + numbers.slots[SlotState.LEASED]
    return Forecast(
        left=left,
        hours=left / now.an_hour if now.an_hour else None,
        days=left / week.usual if week.usual else None,
        cost=None if queue.price is None else queue.price * numbers.seats,
        cost_so_far=None if queue.price is None else queue.price * numbers.answered,
        currency=queue.currency,
    )


# Single tasks


@dataclass(frozen=True)
class Deeds:
    """What can be done with a task now. `may_get` are those who have not met it; `kept_back` those of them who could
    not take it from this queue, each with the reason.
    """

    task: Task
    free: int
    held: int
    handed: tuple[Slot, ...] = ()
    may_get: tuple[User, ...] = ()
    kept_back: tuple[tuple[User, Standing], ...] = ()

    @property
    def can_retire(self) -> bool:
        """Whether there is anything to take away."""
        return self.task.state != TaskState.RETIRED

    @property
    def can_reopen(self) -> bool:
        """Whether it is done or retired."""
        return self.task.state != TaskState.OPEN

    @property
    def can_hand(self) -> bool:
        """Whether a seat is free and somebody is there who has not met the task."""
        return bool(self.free and (self.may_get or self.kept_back))


def find_task(queue: Queue, number: str) -> Task:
    """The task of a queue with a number, as somebody typed it. Raises NotFound."""
    known = typed_number(number)
    tasks = Task.objects.filter(queue=queue).select_related("queue", "prompt")
    found = None if known is None else tasks.filter(pk=known).first()
    if found is None:
        raise NotFound(f"There is no task {number[:20]} in this queue.")
    return found


def deeds_of(tasks: Sequence[Task]) -> dict[int, Deeds]:
    """What can be done with each of the tasks, by its id. They are of one project, and few."""
    slots: dict[int, list[Slot]] = {task.pk: [] for task in tasks}
    for slot in Slot.objects.filter(task__in=slots).select_related("reserved_for").order_by("seat", "pk"):
        slots[slot.task_id].append(slot)
    free = {task.pk for task in tasks if any(slot.state == SlotState.OPEN for slot in slots[task.pk])}
    people = members(tasks[0].queue.project_id) if free else []
    found = {}
    for task in tasks:
        mine = slots[task.pk]
        waiting = tuple(slot for slot in mine if slot.state == SlotState.OPEN and slot.reserved_for_id)
        met = {slot.annotator_id or slot.reserved_for_id for slot in mine}
        others = [person for person in people if person.pk not in met] if task.pk in free else []
        kept_back = standing.barriers(task.queue, others)
        found[task.pk] = Deeds(
            task,
            free=sum(slot.state == SlotState.OPEN for slot in mine),
            held=sum(slot.state == SlotState.LEASED for slot in mine),
            handed=waiting,
            may_get=tuple(person for person in others if person.pk not in kept_back),
            kept_back=tuple((person, kept_back[person.pk]) for person in others if person.pk in kept_back),
        )
    return found


def members(project_id: int) -> list[User]:
    """Who can be handed a task: everybody in the project whose account is not closed."""
    members = Membership.objects.filter(project=project_id, user__is_active=True).select_related("user")
    return [member.user for member in members.order_by("user__name", "user__email")]


# Skips


def skips(queue: Queue, reason: str = "") -> QuerySet[Slot]:
    """The skips of a queue, all or those for one reason, with who, task and prompt."""
    found = Slot.objects.filter(queue=queue, state=SlotState.SKIPPED).select_related("annotator", "task__prompt")
    return found.filter(skip_reason=reason) if reason else found


@dataclass(frozen=True)
class Reason:
    """A reason to skip, how many times it was given, and what the queue's rule makes of it."""

    value: str
    label: str
    number: int
    rule: str


def reasons(queue: Queue, numbers: Mapping[str, int]) -> list[Reason]:
    """The reasons that were given in a queue, the most frequent first."""
    rules = skip_rules_in_words(queue)
    found = [Reason(one.value, one.label, numbers[one], rules[one]) for one in SkipReason if numbers.get(one)]
    return sorted(found, key=lambda one: -one.number)


def tasks_skipped(queue: Queue, reason: str, *, but: str, most: int) -> list[Task]:
    """Tasks that were skipped for a reason (or any) and are not in the state `but`, `most` of them at most."""
    slots = skips(queue, reason).exclude(task__state=but).order_by().values_list("task", flat=True).distinct()
    return _with_queue(Task.objects.filter(pk__in=list(slots[:most])))


def tasks_of_skips(queue: Queue, slot_ids: Sequence[int]) -> list[Task]:
    """The tasks of skips that somebody ticked; of other queues none."""
    return _with_queue(Task.objects.filter(pk__in=skips(queue).filter(pk__in=slot_ids).values("task")))


def _with_queue(tasks: QuerySet[Task]) -> list[Task]:
    return list(tasks.select_related("queue").order_by("pk"))


def other_queues(queue: Queue) -> list[Queue]:
    """Where tasks of a queue can go: the project's other queues that take in prompts."""
    others = Queue.objects.filter(project=queue.project_id).exclude(pk=queue.pk).exclude(state=QueueState.CLOSED)
    return list(others.order_by("name", "pk"))
