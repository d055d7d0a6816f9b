"""Claiming a seat: the one statement that gives out work, and what others have to be told so that it stays exact."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from labeling.conditions import LANGUAGES, reads, wanted
from labeling.models import Queue, Slot, User
from labeling.prepared import Statement
from labeling.services import locks

# How long a slot is kept for after the one in hand, unless the page that asked for it asks again: short, because a
# page that was closed cannot say so in every case.
AHEAD_LEASE = timedelta(minutes=2)
# A bookmark that is older is not trusted: openings are kept a little longer than this.
FORGOTTEN = timedelta(days=30)
OPENINGS_KEPT = timedelta(days=31)

# One statement judges, picks and leases. Who may take (`who`: the queue is open, the person is in the project, named,
# skilled and below the caps) is decided where the seat is taken, so that nothing can change between. Then it looks, in
# this order, for a seat that was handed to the person, an overdue lease (the oldest work), a seat that opened since the
# person's bookmark was set and lies before it, and the next one in the order of offer from the bookmark on (see
# Bookmark). SKIP LOCKED lets any number of takers do so at once.
#
# It must cost the same with a thousand tasks and with a million, at the beginning of a queue and near its end, for a
# new person and for one who has answered a hundred thousand. Hence the shape: each look is a walk along one index that
# ends at the first seat that fits, `OFFSET 0` keeps each NOT EXISTS a probe of the (task, annotator) index instead of a
# join over everything the person has ever done, and the bookmark keeps the walk from passing the same seats twice.
# tests/labeling/services/test_plan.py holds the plan.
#
# Where thousands of seats open at once (an overlap, an order, a batch's priority follows a new setting, prompts come
# in), they are stamped, and an Opening says where the first of them stands. A few are looked at one by one. Of many,
# most people have met few: for them the bookmark goes back there, and the walk ends after some steps (`near`: of the
# first seats there, one in ten fits). Who has met nearly all would walk from there past everything else that they have
# met, and be sent back by the next thousands: for them just what is stamped is looked at, and once.
#
# `+ 0` keeps the planner from walking along what the person has done, where its statistics know of little.
_MET = """
    SELECT 1 FROM labeling_slot mine WHERE mine.task_id = s.task_id AND mine.annotator_id + 0 = %(annotator)s OFFSET 0
"""
_FITS = f"""s.reserved_for_id IS NULL
    AND {reads("s.language", "(SELECT languages FROM who)::varchar[]")} AND NOT EXISTS ({_MET})"""  # noqa: S608 - our own constants
_HELD = """(SELECT count(*) FROM labeling_slot h
         WHERE h.queue_id = q.id AND h.annotator_id = %(annotator)s AND h.state = 'leased')"""
# Of a queue `q` and the person's membership `m`.
_MAY_TAKE = f"""
    EXISTS (
        SELECT 1 FROM labeling_user u
        WHERE u.id = %(annotator)s AND u.is_active AND (u.is_superuser OR m.id IS NOT NULL))
    AND (q.open_to = 'members' OR EXISTS (
        SELECT 1 FROM labeling_queueperson named WHERE named.queue_id = q.id AND named.user_id = %(annotator)s))
    AND NOT EXISTS (
        SELECT 1 FROM jsonb_each(q.skills) need
        WHERE COALESCE((m.skills ->> need.key)::int, 0) < (need.value)::int)
    AND (q.most_in_all IS NULL OR q.most_in_all > (
        SELECT COALESCE(sum(c.submitted), 0) FROM labeling_person_count c
        WHERE c.queue_id = q.id AND c.annotator_id = %(annotator)s
    ) + {_HELD})
    AND (q.most_per_day IS NULL OR q.most_per_day > (
        SELECT COALESCE(sum(c.submitted), 0) FROM labeling_person_count c
        WHERE c.queue_id = q.id AND c.annotator_id = %(annotator)s AND c.day = (%(now)s AT TIME ZONE 'UTC')::date
    ) + {_HELD})
"""  # noqa: S608 - our own constant
# Whether a seat `slot` that was kept for after the one in hand may come into the hand: it is still asked for, and the
# person may still take it, by the same rules as any other. What they have begun they may finish in any case.
STAYS = f"""
    EXISTS (SELECT 1 FROM labeling_draft d WHERE d.slot_id = slot.id AND d.annotator_id = %(annotator)s)
    OR EXISTS (SELECT 1 FROM labeling_annotation a WHERE a.slot_id = slot.id)
    OR EXISTS (
        SELECT 1 FROM labeling_queue q
        LEFT JOIN labeling_membership m ON m.project_id = q.project_id AND m.user_id = %(annotator)s
        WHERE q.id = slot.queue_id AND {_MAY_TAKE.replace(_HELD, f"{_HELD} - 1")}
          AND {reads("slot.language", LANGUAGES)} AND {wanted("slot")})
"""  # noqa: S608 - our own constants
# Whether a seat that the person was handed waits for them: it comes before what was kept.
HANDED = """
    EXISTS (SELECT 1 FROM labeling_slot s
            WHERE s.queue_id = slot.queue_id AND s.reserved_for_id = %(annotator)s AND s.state = 'open')
"""
# Everything before it is over: whatever is not seen now comes in transactions with this number or a higher one.
_HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
THIS_XID = "pg_current_xact_id()::text::bigint"
# What many seats that open at once are stamped with. Below zero, so that nobody has to pass them to find single ones.
MANY_XID = f"(-{THIS_XID})"
# No seat that can be seen carries a higher number. In a copy of a database that was dumped and loaded, some do: they
# are from another count of transactions, and so are the bookmarks, which are not trusted there either.
_NOW_XID = f"GREATEST(pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1, {THIS_XID})"
_LAST_PLACE = 2**63 - 1


# For somebody who has nothing in hand, in a queue without caps, one statement is all: no turn is waited for. Whoever
# has theirs at this moment, in another call, gets nothing here; two that see nothing in hand both are kept apart by
# slot_one_lease_per_person_and_queue. A draft that was left is for a claim that can bring it along.
_AT_ONCE = f"""
    AND q.most_in_all IS NULL AND q.most_per_day IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM labeling_slot held
        WHERE held.queue_id = %(queue)s AND held.annotator_id = %(annotator)s AND held.state = 'leased')
    AND NOT EXISTS (
        SELECT 1 FROM labeling_draft left_behind JOIN labeling_slot place ON place.id = left_behind.slot_id
        WHERE left_behind.annotator_id = %(annotator)s AND place.queue_id = %(queue)s)
    AND pg_try_advisory_xact_lock({locks.TURN})
"""  # noqa: S608 - our own constant


def written(*, at_once: bool = False, few: int = 500, near: int = 50, worth: int = 300_000) -> str:
    """The claim. None of these numbers changes what is taken, but for how it is found.

    Up to `few` seats that opened at once are looked at one by one. Of more, the `near` first ones tell whether the
    bookmark goes back to them. Seats that opened before the bookmark times those among them that are left for the
    person: where that is over `worth`, the bookmark goes back to the first that is left, as all of them would be
    looked at again with each claim.
    """
    return f"""
WITH who AS MATERIALIZED (
    SELECT q.id, q.project_id, q.form_id, q.lease_minutes, q.ordering,
           {LANGUAGES} AS languages,
           (SELECT g.id FROM labeling_guidelinesversion g WHERE g.project_id = q.project_id
            ORDER BY g.number DESC LIMIT 1) AS guidelines_id
    FROM labeling_queue q
    LEFT JOIN labeling_membership m ON m.project_id = q.project_id AND m.user_id = %(annotator)s
    WHERE q.id = %(queue)s AND q.state = 'open' AND {_MAY_TAKE}{_AT_ONCE if at_once else ""}
), mark AS MATERIALIZED (
    SELECT b.after, b.horizon, {_NOW_XID} AS latest FROM labeling_bookmark b
    WHERE b.queue_id = %(queue)s AND b.annotator_id = %(annotator)s
      AND b.languages IS NOT DISTINCT FROM (SELECT languages FROM who) AND b.seen_at > %(forgotten)s
      AND b.horizon <= {_HORIZON}
), opened AS MATERIALIZED (
    SELECT mark.horizon, mark.latest, LEAST(mark.after, (
        SELECT min(o.place) FROM labeling_opening o
        WHERE o.queue_id = %(queue)s AND o.xid BETWEEN mark.horizon AND mark.latest
          AND (o.annotator_id IS NULL OR o.annotator_id = %(annotator)s)
    )) AS place, (
        SELECT min(o.place) FROM labeling_opening o
        WHERE o.queue_id = %(queue)s AND o.xid BETWEEN -mark.latest AND -mark.horizon
    ) AS many FROM mark
), start AS MATERIALIZED (
    SELECT opened.horizon, opened.latest, opened.many < opened.place AND NOT near.fit AS scattered,
           CASE WHEN near.fit THEN opened.many ELSE opened.place END AS place
    FROM opened CROSS JOIN LATERAL (
        SELECT opened.many < opened.place AND (
            SELECT count(*) > {few} FROM (
                SELECT FROM labeling_slot s
                WHERE s.queue_id = (SELECT id FROM who) AND s.state = 'open'
                  AND s.reopened_xid BETWEEN -opened.latest AND -opened.horizon
                ORDER BY s.reopened_xid LIMIT {few} + 1  -- in the order of the index, so that it is that one
            ) stamped
        ) AND (
            SELECT count(*) FILTER (WHERE {_FITS}) * 10 >= count(*) FROM (
                SELECT * FROM labeling_slot first
                WHERE first.queue_id = (SELECT id FROM who) AND first.state = 'open'
                  AND first.place >= opened.many AND first.place < opened.place
                ORDER BY first.place LIMIT {near}
            ) s
        ) AS fit OFFSET 0
    ) near
), handed AS (
    SELECT s.id FROM labeling_slot s
    WHERE s.reserved_for_id = %(annotator)s AND s.queue_id = (SELECT id FROM who) AND s.state = 'open'
      AND NOT EXISTS ({_MET})
    ORDER BY s.place LIMIT 1 FOR UPDATE OF s SKIP LOCKED
), overdue AS (
    SELECT s.id, s.task_id, s.annotator_id FROM labeling_slot s
    WHERE s.queue_id = (SELECT id FROM who) AND s.state = 'leased' AND s.lease_expires_at < %(now)s
      AND NOT EXISTS (SELECT 1 FROM handed) AND {_FITS}
      AND {wanted("s")}
    ORDER BY s.lease_expires_at LIMIT 1 FOR UPDATE OF s SKIP LOCKED
), again AS MATERIALIZED (
    -- What opened before the bookmark. `+ 0` keeps it off the index of places, along which it would walk past all that
    -- the person has met. Looked for without locks: a seat that somebody takes at this moment may yet stay open.
    SELECT count(*) AS looked_at, array_agg(id ORDER BY place) FILTER (WHERE fits) AS ids,
           array_agg(place ORDER BY place) FILTER (WHERE fits) AS places
    FROM (
        SELECT s.id, s.place, {_FITS} AS fits FROM labeling_slot s
        WHERE s.queue_id = (SELECT id FROM who) AND s.state = 'open' AND s.place + 0 < (SELECT place FROM start)
          AND s.reopened_xid BETWEEN (SELECT horizon FROM start) AND (SELECT latest FROM start)
        UNION ALL
        SELECT s.id, s.place, {_FITS} FROM labeling_slot s
        WHERE (SELECT scattered FROM start)
          AND s.queue_id = (SELECT id FROM who) AND s.state = 'open' AND s.place + 0 < (SELECT place FROM start)
          AND s.reopened_xid BETWEEN (SELECT -latest FROM start) AND (SELECT -horizon FROM start)
    ) stamped
), reopened AS (
    SELECT s.id FROM labeling_slot s
    WHERE s.id = ANY((SELECT ids FROM again)::bigint[]) AND s.state = 'open' AND s.reserved_for_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM handed) AND NOT EXISTS (SELECT 1 FROM overdue)
    ORDER BY s.place LIMIT 1 FOR UPDATE OF s SKIP LOCKED
), ahead AS MATERIALIZED (
    SELECT s.place FROM labeling_slot s
    WHERE s.queue_id = (SELECT id FROM who) AND s.state = 'open'
      AND s.place >= COALESCE((SELECT place FROM start), 0) AND {_FITS}
    ORDER BY s.place LIMIT 1
), fresh AS (
    SELECT s.id FROM labeling_slot s
    WHERE s.queue_id = (SELECT id FROM who) AND s.state = 'open' AND s.place >= (SELECT place FROM ahead)
      AND NOT EXISTS (SELECT 1 FROM handed) AND NOT EXISTS (SELECT 1 FROM overdue)
      AND NOT EXISTS (SELECT 1 FROM reopened) AND {_FITS}
    ORDER BY s.place LIMIT 1 FOR UPDATE OF s SKIP LOCKED
), picked AS (
    SELECT id FROM handed UNION ALL SELECT id FROM overdue
    UNION ALL SELECT id FROM reopened UNION ALL SELECT id FROM fresh
), rest AS MATERIALIZED (
    -- Those that opened before the bookmark and are left: how many, where the first is, and whether to go back there.
    SELECT number, place, number * looked_at > {worth} AS many FROM (
        SELECT looked_at, CASE WHEN ids[1] = (SELECT id FROM picked) THEN places[2] ELSE places[1] END AS place,
               COALESCE(cardinality(ids), 0) - COALESCE((SELECT id FROM picked) = ANY(ids), false)::int AS number
        FROM again
    ) counted
), marked AS (
    INSERT INTO labeling_bookmark (queue_id, annotator_id, after, horizon, languages, seen_at)
    SELECT who.id, %(annotator)s,
           CASE WHEN rest.many THEN rest.place ELSE COALESCE((SELECT place FROM ahead), {_LAST_PLACE}) END,
           -- While some are left, the old horizon still holds, with the place that came since.
           CASE WHEN rest.number > 0 AND NOT rest.many THEN (SELECT horizon FROM start) ELSE {_HORIZON} END,
           who.languages, %(now)s
    FROM who, rest
    ON CONFLICT (queue_id, annotator_id) DO UPDATE SET
        after = EXCLUDED.after, horizon = EXCLUDED.horizon, languages = EXCLUDED.languages, seen_at = EXCLUDED.seen_at
), left_by AS (
    -- Whose lease ran out has not met the task any more: its other seats are theirs to take again.
    INSERT INTO labeling_opening (queue_id, xid, place, annotator_id, at)
    SELECT %(queue)s, {THIS_XID}, min(other.place), overdue.annotator_id, %(now)s
    FROM overdue JOIN labeling_slot other ON other.task_id = overdue.task_id AND other.state = 'open'
    GROUP BY overdue.annotator_id
), begun AS (
    -- Where tasks that were begun come first, the other seats of this one move up; those that are being taken may stay.
    UPDATE labeling_slot SET
        place = labeling_place('finish', priority, task_id, seat, true), reopened_xid = {THIS_XID}
    WHERE id IN (
        SELECT other.id FROM labeling_slot other
        WHERE (SELECT ordering FROM who) = 'finish' AND other.state = 'open'
          AND other.task_id IN (SELECT task_id FROM labeling_slot WHERE id IN (SELECT id FROM picked))
          AND other.id NOT IN (SELECT id FROM picked)
          AND other.place <> labeling_place('finish', other.priority, other.task_id, other.seat, true)
        FOR UPDATE SKIP LOCKED
    )
), told AS (
    INSERT INTO labeling_event (project_id, actor_id, verb, target_type, target_id, data, created_at)
    SELECT who.project_id, %(annotator)s, %(verb)s, 'slot', picked.id,
           COALESCE((SELECT jsonb_build_object('held_by', overdue.annotator_id) FROM overdue), '{{}}'), %(now)s
    FROM picked, who
)
UPDATE labeling_slot slot SET
    state = 'leased', annotator_id = %(annotator)s, lease = %(lease)s, leased_at = %(now)s, ahead = %(ahead)s,
    lease_expires_at = %(now)s + CASE WHEN %(ahead)s THEN %(ahead_lease)s
                                      ELSE make_interval(mins => (SELECT lease_minutes FROM who)) END,
    form_id = (SELECT form_id FROM who), guidelines_id = (SELECT guidelines_id FROM who),
    reopened_xid = NULL, reserved_for_id = NULL
WHERE id = (SELECT id FROM picked)
RETURNING {{slot}}, EXISTS (
    SELECT 1 FROM labeling_draft d JOIN labeling_slot o ON o.id = d.slot_id
    WHERE d.annotator_id = %(annotator)s AND o.task_id = slot.task_id AND o.id <> slot.id
)
"""  # noqa: S608 - our own constants


TAKE = Statement(written(), slot=Slot)
TAKE_AT_ONCE = Statement(written(at_once=True), slot=Slot)


def claim(queue: Queue, *, by: User, ahead: bool = False, at_once: bool = False) -> tuple[Slot, bool] | None:
    """Leases the next seat for a person: its slot, and whether a draft of theirs lies in another seat of the task.

    None where there is none, or where they may take none. Call it in a transaction that holds the person's turn
    (labeling.services.locks); or `at_once` without one, where None also means that the turn has to be taken first.
    Raises IntegrityError where another claim of the same person at the same moment came first.
    """
    now = timezone.now()
    parameters = {
        "queue": queue.pk,
        "annotator": by.pk,
        "lease": uuid.uuid4(),
        "now": now,
        "forgotten": now - FORGOTTEN,
        "verb": "slot.kept" if ahead else "slot.taken",
        "ahead": ahead,
        "ahead_lease": AHEAD_LEASE,
    }
    row = (TAKE_AT_ONCE if at_once else TAKE).first(**parameters)
    if row is None:
        return None
    slot, left_a_draft = row
    slot.queue = queue
    return slot, left_a_draft


def announce(task_id: int, *, annotator_id: int) -> None:
    """Says to somebody who has not met a task any more that its open seats are theirs to take again.

    Call it in the transaction in which they gave it back.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO labeling_opening (queue_id, xid, place, annotator_id, at)
            SELECT queue_id, {THIS_XID}, min(place), %s, now() FROM labeling_slot
            WHERE task_id = %s AND state = 'open' GROUP BY queue_id
            """,  # noqa: S608 - our own constant
            [annotator_id, task_id],
        )


def forget_openings() -> int:
    """Takes away openings that no bookmark needs any more. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM labeling_opening WHERE at < %s", [timezone.now() - OPENINGS_KEPT])
        return int(cursor.rowcount)
