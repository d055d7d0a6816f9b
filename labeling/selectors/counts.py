"""The numbers that are kept (labeling.models.counts): reading them, and comparing them with what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Sum

from labeling.models import PersonCount, Project, ProjectCount, QueueCount, User


def of_queues(queue_ids: Iterable[int]) -> dict[int, Counter[str]]:
    """The numbers of each queue, by what they count.

    `slot.open` and the other states, `task.done` and the others, `skip.unclear` and the other reasons, `annotation.3`
    with the id of each version of the form, and `accepted.7` and `rejected.7` with the id of each annotator.
    """
    found: dict[int, Counter[str]] = {pk: Counter() for pk in queue_ids}
    rows = QueueCount.objects.filter(queue__in=found).order_by().values_list("queue_id", "what").annotate(sum=Sum("n"))
    for pk, what, number in rows:
        found[pk][what] = int(number)
    return found


def of_project(project: Project) -> Counter[str]:
    """The numbers of a project beside those of its queues: `prompt`, `prompt.waiting` and `candidate`."""
    rows = ProjectCount.objects.filter(project=project).order_by().values_list("what").annotate(sum=Sum("n"))
    return Counter({what: int(number) for what, number in rows})


@dataclass(frozen=True)
class Finished:
    """How many tasks of a queue somebody has finished."""

    submitted: int = 0
    skipped: int = 0


def of_person(user: User, queue_ids: Iterable[int], *, day: date | None = None) -> dict[int, Finished]:
    """What the person has finished in each of the queues, in all or on one day of UTC; those with nothing left out."""
    found = PersonCount.objects.filter(queue__in=list(queue_ids), annotator=user)
    rows = (found if day is None else found.filter(day=day)).order_by().values_list("queue_id")
    sums = rows.annotate(submitted_sum=Sum("submitted"), skipped_sum=Sum("skipped"))
    return {pk: Finished(submitted, skipped) for pk, submitted, skipped in sums}


@dataclass(frozen=True)
class Kept:
    """A table of kept numbers, each a sum over shards, with what it should hold.

    `title` says in messages whose numbers they are, `whose` is the column with the id of a row of `of`, and `numbers`
    selects (whose, what, kept, counted): what is kept and what is there.
    """

    title: str
    table: str
    whose: str
    of: str
    numbers: str


# Every number, as it is kept and as it is counted. One statement sees one moment, whoever writes meanwhile.
KEPT = [
    Kept(
        "queue",
        "labeling_count",
        "queue_id",
        "labeling_queue",
        """
    SELECT queue_id AS whose, what, sum(n) AS kept, 0 AS counted FROM labeling_count GROUP BY queue_id, what
    UNION ALL SELECT queue_id, 'slot.' || state, 0, count(*) FROM labeling_slot GROUP BY queue_id, state
    UNION ALL SELECT queue_id, 'skip.' || skip_reason, 0, count(*) FROM labeling_slot WHERE state = 'skipped'
        GROUP BY queue_id, skip_reason
    UNION ALL SELECT queue_id, 'task.' || state, 0, count(*) FROM labeling_task GROUP BY queue_id, state
    UNION ALL SELECT queue_id, 'annotation.' || form_id, 0, count(*) FROM labeling_annotation WHERE undone_at IS NULL
        GROUP BY queue_id, form_id
    UNION ALL SELECT queue_id, verdict || '.' || annotator_id, 0, count(*) FROM labeling_annotation
        WHERE undone_at IS NULL AND verdict IN ('accepted', 'rejected') GROUP BY queue_id, verdict, annotator_id
""",
    ),
    Kept(
        "project",
        "labeling_project_count",
        "project_id",
        "labeling_project",
        """
    SELECT project_id AS whose, what, sum(n) AS kept, 0 AS counted FROM labeling_project_count
        GROUP BY project_id, what
    UNION ALL SELECT project_id, 'prompt', 0, count(*) FROM labeling_prompt GROUP BY project_id
    UNION ALL SELECT project_id, 'prompt.waiting', 0, count(*) FROM labeling_prompt WHERE candidates_awaited > 0
        GROUP BY project_id
    UNION ALL SELECT p.project_id, 'candidate', 0, count(*) FROM labeling_candidate c
        JOIN labeling_prompt p ON p.id = c.prompt_id GROUP BY p.project_id
""",
    ),
]


def register(kept: Kept) -> None:
    """Has another app's numbers compared and mended with these, by its AppConfig's `ready`."""
    if kept not in KEPT:
        KEPT.append(kept)


_WRONG = """
SELECT whose, what, sum(kept), sum(counted) FROM ({}) number
GROUP BY whose, what HAVING sum(kept) <> sum(counted) ORDER BY whose, what
"""
PERSON_NUMBERS = """
    SELECT queue_id, annotator_id, day, submitted, skipped, 0 AS counted_submitted, 0 AS counted_skipped
    FROM labeling_person_count
    UNION ALL
    SELECT queue_id, annotator_id, (finished_at AT TIME ZONE 'UTC')::date, 0, 0,
           (state = 'submitted')::int, (state = 'skipped')::int
    FROM labeling_slot WHERE state IN ('submitted', 'skipped')
"""
_WRONG_OF_PEOPLE = """
SELECT queue_id, annotator_id, day, sum(submitted), sum(skipped), sum(counted_submitted), sum(counted_skipped)
FROM ({}) number
GROUP BY queue_id, annotator_id, day
HAVING sum(submitted) <> sum(counted_submitted) OR sum(skipped) <> sum(counted_skipped)
ORDER BY queue_id, annotator_id, day
"""


@dataclass(frozen=True)
class Difference:
    """A number that is not kept as it is counted."""

    whose: str
    what: str
    kept: int
    counted: int

    def __str__(self) -> str:
        return f"{self.whose}, {self.what}: {self.kept:,} kept, {self.counted:,} counted"


def differences() -> list[Difference]:
    """Every number that is wrong. Reads each counted table once; nobody has to wait for it."""
    found = []
    for table in KEPT:
        for whose, what, kept, counted in _asked(_WRONG.format(table.numbers)):
            found.append(Difference(f"{table.title} {whose}", what, int(kept), int(counted)))
    for queue, person, day, *both in _asked(_WRONG_OF_PEOPLE.format(PERSON_NUMBERS)):
        whose = f"person {person} in queue {queue} on {day}"
        for what, kept, counted in zip(("submitted", "skipped"), both[:2], both[2:], strict=True):
            if kept != counted:
                found.append(Difference(whose, what, int(kept), int(counted)))
    return found


def _asked(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
