"""`manage.py check_queues`: does every queue keep its promises?"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from labeling.conditions import LANGUAGES, reads
from labeling.models import Project
from labeling.selectors import counts

# Each looks at every row, one way to be wrong at a time; a row of its answer is one thing that is wrong, in words with
# ids. They ask for what the constraints promise as well: a copy brought from elsewhere may have lost them.
CHECKS: dict[str, str] = {
    "a task has more seats than its overlap, and open ones among them": """
        SELECT format('task %s: %s seats for an overlap of %s, %s of them open', t.id, seats.all, t.overlap, seats.open)
        FROM mine_task t JOIN seats ON seats.task_id = t.id WHERE seats.all > t.overlap AND seats.open > 0
    """,
    "a task lacks seats": """
        SELECT format('task %s (%s): %s seats for an overlap of %s', t.id, t.state, COALESCE(seats.all, 0), t.overlap)
        FROM mine_task t LEFT JOIN seats ON seats.task_id = t.id
        WHERE t.state <> 'retired' AND COALESCE(seats.all, 0) < t.overlap
    """,
    "a seat is there twice": """
        SELECT format('task %s, seat %s: slots %s', task_id, seat, array_agg(id ORDER BY id))
        FROM mine_slot WHERE state <> 'skipped' GROUP BY task_id, seat HAVING count(*) > 1
    """,
    "somebody meets a task twice": """
        SELECT format('task %s, person %s: slots %s', task_id, annotator_id, array_agg(id ORDER BY id))
        FROM mine_slot WHERE annotator_id IS NOT NULL GROUP BY task_id, annotator_id HAVING count(*) > 1
    """,
    "somebody holds more than one in hand and one for after it": """
        SELECT format('queue %s, person %s: slots %s are held%s', queue_id, annotator_id, array_agg(id ORDER BY id),
                      CASE WHEN ahead THEN ' for after the one in hand' ELSE '' END)
        FROM mine_slot WHERE state = 'leased' GROUP BY queue_id, annotator_id, ahead HAVING count(*) > 1
    """,
    "an open seat carries something of a holder": """
        SELECT format('slot %s: %s', id, concat_ws(', ',
            'annotator ' || annotator_id, 'lease ' || lease, 'a lease to ' || lease_expires_at, 'taken ' || leased_at,
            'finished ' || finished_at, 'form ' || form_id, 'guidelines ' || guidelines_id,
            CASE WHEN ahead THEN 'kept' END))
        FROM mine_slot WHERE state = 'open' AND (ahead OR num_nonnulls(
            annotator_id, lease, lease_expires_at, leased_at, finished_at, form_id, guidelines_id) > 0)
    """,
    "a seat that was taken lacks something of its holder": """
        SELECT format('slot %s (%s)', id, state) FROM mine_slot WHERE state <> 'open' AND (
            num_nulls(annotator_id, lease) > 0 OR reserved_for_id IS NOT NULL OR (ahead AND state <> 'leased')
            OR (finished_at IS NULL) <> (state = 'leased') OR (lease_expires_at IS NULL AND state = 'leased')
            OR (skip_reason = '') = (state = 'skipped'))
    """,
    "a slot, its task and its prompt are of different queues or projects": """
        SELECT format('slot %s of queue %s, task %s of queue %s', s.id, s.queue_id, t.id, t.queue_id)
        FROM mine_slot s JOIN labeling_task t ON t.id = s.task_id WHERE s.queue_id <> t.queue_id
        UNION ALL
        SELECT format('task %s of project %s, prompt %s of project %s', t.id, q.project_id, p.id, p.project_id)
        FROM mine_task t JOIN labeling_queue q ON q.id = t.queue_id JOIN labeling_prompt p ON p.id = t.prompt_id
        WHERE p.project_id <> q.project_id
    """,
    "the order of candidates is not of the task's candidates": """
        SELECT format('slot %s: %s, task %s: %s', s.id, s.candidate_order, t.id, t.candidate_ids)
        FROM mine_slot s JOIN labeling_task t ON t.id = s.task_id
        WHERE cardinality(s.candidate_order) <> cardinality(t.candidate_ids)
           OR NOT (s.candidate_order <@ t.candidate_ids AND s.candidate_order @> t.candidate_ids)
    """,
    "a task's state does not fit its seats": """
        SELECT format('task %s is %s: %s open and %s held seats', t.id, t.state, COALESCE(seats.open, 0),
                      COALESCE(seats.held, 0))
        FROM mine_task t LEFT JOIN seats ON seats.task_id = t.id
        WHERE CASE t.state WHEN 'open' THEN COALESCE(seats.open + seats.held, 0) = 0
                           WHEN 'done' THEN COALESCE(seats.open + seats.held, 0) > 0
                           ELSE COALESCE(seats.open, 0) > 0 END
    """,
    "a submitted slot has no standing answer": """
        SELECT format('slot %s of person %s', s.id, s.annotator_id) FROM mine_slot s
        WHERE s.state = 'submitted' AND NOT EXISTS (
            SELECT 1 FROM labeling_annotation a WHERE a.slot_id = s.id AND a.undone_at IS NULL)
    """,
    "an answer stands on a slot that is not submitted": """
        SELECT format('annotation %s on slot %s (%s)', a.id, s.id, s.state)
        FROM mine_annotation a JOIN labeling_slot s ON s.id = a.slot_id
        WHERE a.undone_at IS NULL AND s.state <> 'submitted'
    """,
    "a standing answer is not its slot's annotator's": """
        SELECT format('annotation %s of person %s on slot %s of person %s', a.id, a.annotator_id, s.id, s.annotator_id)
        FROM mine_annotation a JOIN labeling_slot s ON s.id = a.slot_id
        WHERE a.undone_at IS NULL AND a.annotator_id IS DISTINCT FROM s.annotator_id
    """,
    "the newest answer was taken back and an older one stands": """
        SELECT format('slot %s: version %s stands under version %s', slot_id, min(version), max(version))
        FROM mine_annotation GROUP BY slot_id
        HAVING min(version) FILTER (WHERE undone_at IS NULL) < max(version) FILTER (WHERE undone_at IS NOT NULL)
    """,
    "versions of an answer have gaps": """
        SELECT format('slot %s: versions %s', slot_id, array_agg(version ORDER BY version))
        FROM mine_annotation GROUP BY slot_id
        HAVING min(version) <> 1 OR max(version) <> count(*) OR count(DISTINCT version) <> count(*)
    """,
    "an answer's verdict is not that of its newest review": """
        SELECT format('annotation %s says “%s” in the place of “%s”', id, verdict, told) FROM (
            SELECT a.id, a.verdict, CASE WHEN EXISTS (
                SELECT 1 FROM labeling_annotation n
                WHERE n.slot_id = a.slot_id AND n.version > a.version AND n.undone_at IS NULL
            ) THEN 'replaced' ELSE COALESCE((
                SELECT r.verdict FROM labeling_review r WHERE r.annotation_id = a.id ORDER BY r.id DESC LIMIT 1
            ), '') END AS told
            FROM mine_annotation a WHERE a.undone_at IS NULL
        ) judged WHERE verdict <> told
    """,
    "an answer is of another queue than its slot or its form": """
        SELECT format('annotation %s of queue %s, slot %s of queue %s, form %s of queue %s', a.id, a.queue_id, s.id,
                      s.queue_id, f.id, f.queue_id)
        FROM mine_annotation a JOIN labeling_slot s ON s.id = a.slot_id JOIN labeling_formversion f ON f.id = a.form_id
        WHERE a.queue_id <> s.queue_id OR a.queue_id <> f.queue_id
    """,
    "an open seat does not stand where its queue's order puts it": """
        SELECT format('slot %s of queue %s at %s', s.id, q.id, s.place)
        FROM mine_slot s JOIN labeling_queue q ON q.id = s.queue_id
        WHERE s.state = 'open' AND q.following_from IS NULL
          AND s.place <> labeling_place(q.ordering, s.priority, s.task_id, s.seat, false)
          AND s.place <> labeling_place(q.ordering, s.priority, s.task_id, s.seat, true)
    """,
    "a task has not the overlap of its queue": """
        SELECT format('task %s: %s, queue %s: %s', t.id, t.overlap, q.id, q.overlap)
        FROM mine_task t JOIN labeling_queue q ON q.id = t.queue_id
        WHERE q.following_from IS NULL AND t.state <> 'retired' AND t.overlap < q.overlap
    """,
    "an open seat waits for somebody who cannot take it": """
        SELECT format('slot %s waits for person %s, who %s', s.id, s.reserved_for_id,
                      CASE WHEN m.id IS NULL THEN 'is not in the project' ELSE 'has met the task' END)
        FROM mine_slot s JOIN labeling_queue q ON q.id = s.queue_id JOIN labeling_user u ON u.id = s.reserved_for_id
        LEFT JOIN labeling_membership m ON m.project_id = q.project_id AND m.user_id = s.reserved_for_id
        WHERE s.state = 'open' AND ((m.id IS NULL AND NOT u.is_superuser) OR EXISTS (
            SELECT 1 FROM labeling_slot met WHERE met.task_id = s.task_id AND met.annotator_id = s.reserved_for_id))
    """,
    # What a bookmark promises: labeling.models.queues.Bookmark.
    "an open seat lies before the bookmark of somebody who could take it": f"""
        SELECT format('slot %s (place %s) of queue %s, person %s at %s', s.id, s.place, s.queue_id, b.annotator_id,
                      b.after)
        FROM (
            SELECT b.*, LEAST(b.after, (
                SELECT min(o.place) FROM labeling_opening o WHERE o.queue_id = b.queue_id AND o.xid >= b.horizon
                  AND (o.annotator_id IS NULL OR o.annotator_id = b.annotator_id))) AS start
            FROM labeling_bookmark b
        ) b
        JOIN labeling_queue q ON q.id = b.queue_id
        JOIN labeling_membership m ON m.project_id = q.project_id AND m.user_id = b.annotator_id
        JOIN mine_slot s ON s.queue_id = b.queue_id AND s.state = 'open' AND s.place < b.start
        WHERE b.languages IS NOT DISTINCT FROM {LANGUAGES}
          AND b.seen_at > now() - interval '30 days'
          AND b.horizon <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
          AND s.reserved_for_id IS NULL AND (s.reopened_xid IS NULL OR abs(s.reopened_xid) < b.horizon)
          AND {reads("s.language", "b.languages")}
          AND NOT EXISTS (SELECT 1 FROM labeling_slot met
                          WHERE met.task_id = s.task_id AND met.annotator_id = b.annotator_id)
    """,  # noqa: S608 - our own constants
}

_MINE = """
WITH mine_task AS (SELECT t.* FROM labeling_task t {queues}),
mine_slot AS (SELECT t.* FROM labeling_slot t {queues}),
mine_annotation AS (SELECT t.* FROM labeling_annotation t {queues}),
seats AS (
    SELECT task_id, count(*) AS all, count(*) FILTER (WHERE state = 'open') AS open,
           count(*) FILTER (WHERE state = 'leased') AS held
    FROM mine_slot WHERE state <> 'skipped' GROUP BY task_id
)
{check} ORDER BY 1
"""
_OF_PROJECT = "JOIN labeling_queue asked ON asked.id = t.queue_id AND asked.project_id = %(project)s"
MOST_TOLD = 20


@dataclass(frozen=True)
class Wrong:
    """One promise that is not kept, and the first of the rows that break it."""

    promise: str
    number: int
    told: list[str]

    def __str__(self) -> str:
        more = [f"… and {self.number - len(self.told):,} more"] if self.number > len(self.told) else []
        return "\n  ".join([f"{self.promise}: {self.number:,}", *self.told, *more])


def judged(promise: str, project: Project | None = None) -> Wrong | None:
    """One promise, where it is not kept."""
    statement = _MINE.format(queues=_OF_PROJECT if project else "", check=CHECKS[promise].replace("%", "%%"))
    with connection.cursor() as cursor:
        cursor.execute(statement, {"project": project.pk if project else None})
        told = [str(row[0]) for row in cursor.fetchmany(MOST_TOLD)]
        return Wrong(promise, cursor.rowcount, told) if told else None


def broken(project: Project | None = None) -> list[Wrong]:
    """Every promise that is not kept, in all queues or in those of one project. Each is judged at one moment."""
    found = [wrong for promise in CHECKS if (wrong := judged(promise, project))]
    # Numbers are kept for every project together, and compared together.
    if project is None and (differences := counts.differences()):
        found.append(Wrong("a kept number is wrong", len(differences), [str(one) for one in differences[:MOST_TOLD]]))
    return found


class Command(BaseCommand):
    """Looks at every task, seat and answer, and says what cannot be."""

    help = (
        "Looks at every task, seat and answer for what must never be, such as two answers in one seat; ends with 1 "
        "where something is. It only reads, and nobody has to wait for it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", help="only this one, by its address")

    def handle(self, *args: Any, project: str | None = None, **options: Any) -> None:
        asked = Project.objects.filter(slug=project).first() if project else None
        if project and asked is None:
            raise CommandError(f"There is no project “{project}”.")
        for wrong in (found := broken(asked)):
            self.stdout.write(str(wrong))
        if found:
            sys.exit(1)
        self.stdout.write("Every queue keeps its promises.")
