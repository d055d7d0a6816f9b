"""Tasks and their seats: opened for prompts that are ready, and kept to what their queue asks for.

A queue may hold millions. What a setting means for tasks that are there is done in steps of a few thousand, each a
transaction of its own: nobody who takes or submits waits for it, and a step that is lost is done again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from labeling.errors import Conflict
from labeling.models import Project, Prompt, Queue, QueueState, Task
from labeling.services import claims, events, locks, slots, webhooks

STEP = 2000  # tasks, or prompts
PATIENCE = 1.5  # seconds that a request gives to it before a worker goes on

_SEAT_COLUMNS = """
    queue_id, task_id, seat, priority, language, place, reopened_xid, candidate_order, state, skip_reason, skip_comment
"""
# What a prompt's seats get for a priority: its own and its batch's.
_PRIORITY = "p.priority + COALESCE(b.priority, 0)"
_BATCH = "LEFT JOIN labeling_batchpriority b ON b.project_id = p.project_id AND b.batch = p.batch"

# Tasks for prompts that are ready in queues that are not closed, with all their seats, in one statement. A queue
# whose form shows no candidates takes a prompt at once; any other waits until none is awaited and enough are there.
_OPEN_TASKS = f"""
WITH ready AS (
    SELECT q.id AS queue_id, q.overlap, q.candidates_max, p.id AS prompt_id
    FROM labeling_queue q JOIN labeling_prompt p ON p.project_id = q.project_id
    WHERE q.project_id = %(project)s AND q.state <> 'closed' AND (%(moved)s OR NOT q.only_moved)
      AND (%(queue)s::bigint IS NULL OR q.id = %(queue)s)
      AND p.id = ANY(%(prompts)s)
      AND (q.candidates_max = 0 OR (p.candidates_awaited = 0 AND p.candidates_count >= q.candidates_min))
      AND NOT EXISTS (SELECT 1 FROM labeling_task t WHERE t.queue_id = q.id AND t.prompt_id = p.id)
), made AS (
    INSERT INTO labeling_task (queue_id, prompt_id, candidate_ids, overlap, state, created_at)
    SELECT queue_id, prompt_id,
           CASE WHEN candidates_max = 0 THEN '{{}}' ELSE ARRAY(
               SELECT c.id FROM labeling_candidate c
               WHERE c.prompt_id = ready.prompt_id AND c.retired_at IS NULL
               ORDER BY c.id LIMIT ready.candidates_max) END,
           overlap, 'open', now()
    FROM ready ORDER BY queue_id, prompt_id
    ON CONFLICT (queue_id, prompt_id) DO NOTHING
    RETURNING id, queue_id, prompt_id, candidate_ids, overlap
), last AS MATERIALIZED (
    SELECT queue_id, (SELECT max(place) FROM labeling_slot s WHERE s.queue_id = found.queue_id AND s.state = 'open')
        AS place
    FROM (SELECT DISTINCT queue_id FROM made) found
), seated AS (
    INSERT INTO labeling_slot ({_SEAT_COLUMNS})
    SELECT made.queue_id, made.id, seat, {_PRIORITY}, p.language,
           labeling_place(q.ordering, {_PRIORITY}, made.id, seat, false),
           -- Those that stand before others may stand before somebody's bookmark, and are looked at for themselves.
           CASE WHEN labeling_place(q.ordering, {_PRIORITY}, made.id, seat, false) < last.place
                THEN {claims.MANY_XID} END,
           -- The mention of `seat` makes PostgreSQL draw anew for every seat.
           CASE WHEN made.candidate_ids = '{{}}' THEN '{{}}' ELSE
               (SELECT array_agg(c ORDER BY random()) FROM unnest(made.candidate_ids) c WHERE seat > 0) END,
           'open', '', ''
    FROM made JOIN labeling_queue q ON q.id = made.queue_id JOIN last ON last.queue_id = made.queue_id
    JOIN labeling_prompt p ON p.id = made.prompt_id {_BATCH}
    CROSS JOIN LATERAL generate_series(1, made.overlap) seat
    ORDER BY made.id, seat
    RETURNING queue_id, place, reopened_xid
), opened AS (
    INSERT INTO labeling_opening (queue_id, xid, place, at)
    SELECT queue_id, COALESCE(reopened_xid, {claims.THIS_XID}), min(place), now() FROM seated
    GROUP BY queue_id, reopened_xid
)
SELECT count(*) FROM made
"""  # noqa: S608 - our own constants

# Says that many seats were opened at once, from the first of them on: see labeling.services.claims.
_SAID = f"""
INSERT INTO labeling_opening (queue_id, xid, place, at)
SELECT queue_id, {claims.MANY_XID}, min(place), now() FROM opened WHERE reopened_xid < 0 GROUP BY queue_id
"""  # noqa: S608 - our own constants

# Seats that are missing up to each task's new overlap, in the free seat numbers. `sign` is -1 for many.
_ADD_SEATS = f"""
WITH opened AS (
    INSERT INTO labeling_slot ({_SEAT_COLUMNS})
    SELECT free.queue_id, free.task_id, free.seat, free.priority, free.language,
           labeling_place(free.ordering, free.priority, free.task_id, free.seat, free.begun),
           %(sign)s * {claims.THIS_XID},
           COALESCE((SELECT array_agg(c ORDER BY random()) FROM unnest(free.candidate_ids) c WHERE free.seat > 0),
                    '{{}}'),
           'open', '', ''
    FROM (
        SELECT t.queue_id, t.id AS task_id, t.candidate_ids, {_PRIORITY} AS priority, p.language, q.ordering, seat,
               t.overlap,
               row_number() OVER (PARTITION BY t.id ORDER BY seat) AS nth,
               (SELECT count(*) FROM labeling_slot s WHERE s.task_id = t.id AND s.state <> 'skipped') AS seats,
               EXISTS (SELECT 1 FROM labeling_slot s WHERE s.task_id = t.id AND s.state <> 'open') AS begun
        FROM labeling_task t JOIN labeling_queue q ON q.id = t.queue_id
        JOIN labeling_prompt p ON p.id = t.prompt_id {_BATCH}
        CROSS JOIN LATERAL generate_series(1, t.overlap + (
            SELECT count(*)::int FROM labeling_slot s WHERE s.task_id = t.id AND s.state <> 'skipped')) seat
        WHERE t.id = ANY(%(tasks)s) AND t.state <> 'retired'
          AND NOT EXISTS (
            SELECT 1 FROM labeling_slot s WHERE s.task_id = t.id AND s.seat = seat.seat AND s.state <> 'skipped'
          )
    ) free
    WHERE free.nth <= free.overlap - free.seats
    ORDER BY free.task_id, free.seat
    RETURNING queue_id, place, reopened_xid
) {_SAID}
"""  # noqa: S608 - our own constants

# Slots before their tasks, as everybody locks them: whoever submits holds their slot, and comes for the task then.
_LOCK_SEATS = """
SELECT id FROM labeling_slot
WHERE task_id = ANY(%(tasks)s) AND (state IN ('open', 'leased') OR id = ANY(%(also)s)) ORDER BY id FOR UPDATE
"""

_LOCK_TASKS = """
SELECT id FROM labeling_task WHERE id = ANY(%(tasks)s) ORDER BY id FOR NO KEY UPDATE
"""

# Seats that opened, or came back into somebody's hands, while the others were waited for: locked too, without waiting.
# How many of them somebody holds at this moment.
_MISSED = """
WITH new AS MATERIALIZED (
    SELECT id FROM labeling_slot
    WHERE task_id = ANY(%(tasks)s) AND state IN ('open', 'leased') AND id <> ALL(%(seats)s::bigint[])
), got AS (
    SELECT id FROM labeling_slot WHERE id IN (SELECT id FROM new) FOR UPDATE SKIP LOCKED
)
SELECT (SELECT count(*) FROM new) - (SELECT count(*) FROM got)
"""
_TRIES = 20

_SET_OVERLAP = """
UPDATE labeling_task t SET overlap = q.overlap FROM labeling_queue q
WHERE q.id = t.queue_id AND t.id = ANY(%(tasks)s) AND t.overlap <> q.overlap AND t.state <> 'retired'
RETURNING t.id
"""

# Open seats beyond each task's overlap, those without a draft first. Nothing that somebody holds or has submitted is
# among them.
_SURPLUS = """
SELECT id FROM (
    SELECT s.id,
           row_number() OVER (
               PARTITION BY s.task_id
               ORDER BY EXISTS (SELECT 1 FROM labeling_draft d WHERE d.slot_id = s.id), s.seat DESC
           ) AS nth,
           (SELECT count(*) FROM labeling_slot a WHERE a.task_id = s.task_id AND a.state <> 'skipped')
               - t.overlap AS surplus
    FROM labeling_slot s JOIN labeling_task t ON t.id = s.task_id
    WHERE s.task_id = ANY(%(tasks)s) AND s.state = 'open'
) ranked WHERE nth <= surplus
"""

_SETTLE_TASKS = f"""
WITH changed AS (
    UPDATE labeling_task t SET state = settled.state FROM (
        SELECT id, CASE
            WHEN EXISTS (SELECT 1 FROM labeling_slot s WHERE s.task_id = task.id AND s.state IN ('open', 'leased'))
            THEN 'open' ELSE 'done' END AS state
        FROM labeling_task task WHERE id = ANY(%(tasks)s)
    ) settled
    WHERE settled.id = t.id AND t.state <> 'retired' AND t.state <> settled.state
    RETURNING t.id, t.queue_id, t.prompt_id, t.state
), done AS MATERIALIZED (
    SELECT id, queue_id, prompt_id, gen_random_uuid() AS message FROM changed WHERE state = 'done'
) {webhooks.TASKS_COMPLETED}
"""  # noqa: S608 - our own constant

# Priority and place as the queue, the prompt and its batch say now, of seats that may yet be given out.
_PLACE_SEATS = f"""
WITH opened AS (
    UPDATE labeling_slot s SET
        priority = told.priority, place = told.place, language = told.language,
        reopened_xid = CASE WHEN s.state = 'open' THEN {claims.MANY_XID} END
    FROM (
        SELECT s.id, p.language, {_PRIORITY} AS priority,
               labeling_place(q.ordering, {_PRIORITY}, s.task_id, s.seat, q.ordering = 'finish' AND EXISTS (
                   SELECT 1 FROM labeling_slot o WHERE o.task_id = s.task_id AND o.state <> 'open')) AS place
        FROM labeling_slot s JOIN labeling_task t ON t.id = s.task_id JOIN labeling_queue q ON q.id = t.queue_id
        JOIN labeling_prompt p ON p.id = t.prompt_id {_BATCH}
        WHERE s.task_id = ANY(%(tasks)s) AND s.state IN ('open', 'leased')
    ) told
    WHERE s.id = told.id
      AND (s.place, s.priority, s.language) IS DISTINCT FROM (told.place, told.priority, told.language)
    RETURNING s.queue_id, s.place, s.reopened_xid
) {_SAID}
"""  # noqa: S608 - our own constants


def open_tasks(project: Project, *, queue: Queue | None = None, prompt_ids: Sequence[int], moved: bool = False) -> int:
    """Makes the tasks and seats that are missing for those of the prompts that are ready. Returns how many tasks.

    A queue that takes only what is moved to it gets none unless they are `moved`.

    Call it in the transaction that made the prompts ready, with the project's queues held or shared
    (labeling.services.locks) from its beginning. It leaves no Event: the deed is the caller's.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _OPEN_TASKS,
            {
                "project": project.pk,
                "queue": queue.pk if queue else None,
                "prompts": list(prompt_ids),
                "moved": moved,
            },
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def hold(task_ids: Sequence[int], *, also: Sequence[int] = ()) -> None:
    """Locks tasks with all their seats that are open or in somebody's hands, until the transaction ends; `also` names
    seats of theirs that are neither.

    Whoever takes, submits or skips one of them at this moment goes first, and is seen by what follows. Call it in a
    transaction that holds no slot and no task yet, or holds these in this way. Raises Conflict where others are always
    quicker.
    """
    for _ in range(_TRIES):
        with contextlib.suppress(_MissedError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_LOCK_SEATS, {"tasks": list(task_ids), "also": list(also)})
            seats = [row[0] for row in cursor.fetchall()]
            cursor.execute(_LOCK_TASKS, {"tasks": list(task_ids)})
            cursor.execute(_MISSED, {"tasks": list(task_ids), "seats": seats})
            row = cursor.fetchone()
            if row and row[0]:
                # Its holder may want the task next, and would wait for this transaction, which would wait for them.
                raise _MissedError
            return
    raise Conflict("Others work on these tasks at this moment. Try again.")


class _MissedError(Exception):
    """A seat opened and is held by somebody: let go of everything, and begin again."""


def place_again(task_ids: Sequence[int]) -> None:
    """Gives the seats of tasks the priority, place and language that their prompts, batches and queues say now.

    Call it with the tasks under `hold`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PLACE_SEATS, {"tasks": list(task_ids)})


def add_seats(task_ids: Sequence[int], *, many: bool = False) -> None:
    """Opens the seats that tasks lack to their overlap; `many` says so to claims. Call it with their rows locked."""
    with connection.cursor() as cursor:
        for statement in (_ADD_SEATS, _SETTLE_TASKS):
            cursor.execute(statement, {"tasks": list(task_ids), "sign": -1 if many else 1})


def follow(queue: Queue, *, seconds: float | None = PATIENCE) -> bool:
    """Goes on with what the queue's settings mean for its prompts and tasks. True when nothing is left to do.

    Step by step until `seconds` are over (None: to the end). Two that follow one queue do not get into each other's
    way: one of them goes home.
    """
    end = None if seconds is None else time.monotonic() + seconds
    more = True
    # Where others are always quicker, a later call goes on: what was asked for is in force already.
    with contextlib.suppress(Conflict):
        while (more := _step(queue.pk)) and (end is None or time.monotonic() < end):
            pass
    queue.refresh_from_db(fields=["opening_from", "following_from"])
    return not more


@transaction.atomic
def _step(queue_id: int) -> bool:
    """One step for one queue. False when there is nothing to do, or somebody else is at it."""
    queue = Queue.objects.select_related("project").get(pk=queue_id)
    if not locks.try_follow(queue_id):
        return False
    if queue.opening_from is not None:
        locks.share_queues(queue.project_id)
    # As it stands under the lock: it may have been changed since.
    queue = Queue.objects.select_related("project").select_for_update(of=("self",), no_key=True).get(pk=queue_id)
    if queue.opening_from is not None:
        _open_step(queue, queue.opening_from)
        return True
    if queue.following_from is not None:
        _follow_step(queue, queue.following_from)
        return True
    return False


def _open_step(queue: Queue, start: int) -> None:
    found = Prompt.objects.filter(project=queue.project_id, pk__gte=start).order_by("pk")
    prompt_ids = list(found.values_list("pk", flat=True)[:STEP])
    if queue.state != QueueState.CLOSED and not queue.only_moved:
        open_tasks(queue.project, queue=queue, prompt_ids=prompt_ids)
    queue.opening_from = prompt_ids[-1] + 1 if len(prompt_ids) == STEP else None
    queue.save(update_fields=["opening_from"])


def _follow_step(queue: Queue, start: int) -> None:
    found = Task.objects.filter(queue=queue, pk__gte=start).order_by("pk")
    task_ids = list(found.values_list("pk", flat=True)[:STEP])
    hold(task_ids)
    if queue.following_overlap:
        _follow_overlap(queue, task_ids)
    place_again(task_ids)
    queue.following_from = task_ids[-1] + 1 if len(task_ids) == STEP else None
    queue.following_overlap = queue.following_overlap and queue.following_from is not None
    queue.save(update_fields=["following_from", "following_overlap"])


def _follow_overlap(queue: Queue, task_ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SET_OVERLAP, {"tasks": task_ids})
        reseated = [row[0] for row in cursor.fetchall()]
        if not reseated:
            return
        cursor.execute(_SURPLUS, {"tasks": reseated})
        surplus = [row[0] for row in cursor.fetchall()]
    drafts = slots.close_seats(surplus)
    add_seats(reseated, many=True)
    if drafts:
        events.record("queue.seats_closed", queue, by=None, project=queue.project, drafts=drafts)


def _unfinished() -> QuerySet[Queue]:
    return Queue.objects.filter(Q(opening_from__isnull=False) | Q(following_from__isnull=False))


def is_unfinished() -> bool:
    """Whether there are queues whose settings are not followed everywhere yet."""
    return _unfinished().exists()


def follow_all(*, seconds: float) -> None:
    """Goes on with every queue whose settings are not followed everywhere yet, each in its turn."""
    for queue in _unfinished().order_by("pk"):
        follow(queue, seconds=seconds)
