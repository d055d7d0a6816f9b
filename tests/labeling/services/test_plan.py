"""The claim's plan: steps along indexes, as many for who is far ahead as for who begins."""

import json
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from time import monotonic, sleep
from typing import Any, cast

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from labeling.models import Bookmark, Membership, Queue, Slot, Task, User
from labeling.services import batches, claims, queues, seats, slots, tasks
from tests import make

# Committed: what a bookmark knows of transactions that are still running counts.
pytestmark = pytest.mark.django_db(transaction=True)

TASKS = 3000
FILL = """
INSERT INTO labeling_prompt (project_id, key, external_id, messages, context, batch, priority, tags, language, metadata,
    gold, content_hash, line_hash, normal_hash, created_at, candidates_count, candidates_awaited)
SELECT %(project)s, 'id:f' || n, 'f' || n, '[]', '[]', '', 0, '{}', '', '{}', '{}', '', '', gen_random_uuid(), now(),
    0, 0
FROM generate_series(1, %(tasks)s) n;
INSERT INTO labeling_task (queue_id, prompt_id, candidate_ids, overlap, state, created_at)
SELECT %(queue)s, id, '{}', 3, 'open', now() FROM labeling_prompt WHERE external_id LIKE 'f%%' ORDER BY id;
INSERT INTO labeling_slot (queue_id, task_id, seat, priority, place, candidate_order, state, skip_reason, skip_comment)
SELECT %(queue)s, t.id, seat, 0, labeling_place(%(ordering)s, 0, t.id, seat, false), '{}', 'open', '', ''
FROM labeling_task t, generate_series(1, 3) seat WHERE t.queue_id = %(queue)s ORDER BY t.id, seat;
-- Somebody has answered all but the last tasks alone.
UPDATE labeling_slot SET state = 'submitted', annotator_id = %(person)s, lease = gen_random_uuid(), finished_at = now()
WHERE seat = 1 AND task_id IN (
    SELECT task_id FROM labeling_slot WHERE queue_id = %(queue)s AND seat = 1 ORDER BY place LIMIT %(tasks)s - 200);
ANALYZE labeling_prompt; ANALYZE labeling_task; ANALYZE labeling_slot
"""


@pytest.fixture
def ahead() -> User:
    return make.person("ahead")


@pytest.fixture
def settings_given() -> dict[str, Any]:
    """The queue's settings, where they are not what they are by themselves."""
    return {}


@pytest.fixture
def queue(ahead: User, settings_given: dict[str, Any]) -> Queue:
    project = make.project(annotators=[ahead, make.person("new")])
    made = make.queue(project, overlap=3, **settings_given)
    given: dict[str, Any] = {
        "project": project.pk,
        "queue": made.pk,
        "tasks": TASKS,
        "person": ahead.pk,
        "ordering": made.ordering,
    }
    with connection.cursor() as cursor:
        for statement in FILL.split(";"):
            cursor.execute(statement, given)
    return made


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


@pytest.fixture(autouse=True, params=["TAKE", "TAKE_AT_ONCE"])
def claim(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the two statements that claim takes its turn."""
    monkeypatch.setattr(claims, "TAKE", getattr(claims, request.param))


def wait_for_others() -> None:
    """Waits for every transaction that is older than this call, on other databases of the server too.

    A bookmark does not pass them: what they might open is looked at again. Other tests run at the same time.
    """
    end = monotonic() + 300
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        ours = cursor.fetchone()
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > %s", ours)
        while cursor.fetchone() != (True,):
            assert monotonic() < end, "somebody's transaction does not end"
            sleep(0.05)
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > %s", ours)


def looked_at(queue: Queue, by: User) -> int:
    """Claims a seat; how many seats were looked at, and fails where they were not found along an index."""
    wait_for_others()
    with transaction.atomic():
        return _looked_at(queue, by)


def _looked_at(queue: Queue, by: User) -> int:
    now = timezone.now()
    parameters = {
        "queue bigint": queue.pk, "annotator bigint": by.pk, "lease uuid": uuid.uuid4(), "now timestamptz": now,
        "forgotten timestamptz": now - claims.FORGOTTEN, "ahead boolean": False,
        "ahead_lease interval": claims.AHEAD_LEASE, "verb text": "slot.taken",
    }  # fmt: skip
    # The plan that is kept: made once for all values, as the connection is told to.
    names, types = zip(*(name.split() for name in parameters), strict=True)
    sql = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", claims.TAKE.sql)
    with psycopg.ClientCursor(connection.connection) as cursor:
        cursor.execute(f"PREPARE probe ({', '.join(types)}) AS {sql}")
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE probe ({', '.join(['%s'] * len(names))})"
        answer = cursor.execute(explain, list(parameters.values())).fetchone()
        cursor.execute("DEALLOCATE probe")
    assert answer is not None
    (plan,) = json.loads(answer[0]) if isinstance(answer[0], str) else answer[0]
    count = 0
    for node in nodes(plan["Plan"]):
        if node.get("Relation Name") == "labeling_slot" and node["Node Type"] != "ModifyTable":
            assert node["Node Type"] in ("Index Scan", "Index Only Scan", "Bitmap Heap Scan"), node
            rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            count += int(rows * node["Actual Loops"])
    return count


def finish(by: User) -> None:
    Slot.objects.filter(annotator=by, state="leased").update(state="submitted", finished_at=timezone.now())


def test_who_begins_takes_a_step(queue: Queue) -> None:
    assert looked_at(queue, User.objects.get(email__startswith="new")) < 30


def test_who_is_far_ahead_takes_as_many(queue: Queue, ahead: User) -> None:
    slot = slots.take_next(queue, by=ahead)  # the first time it walks past all that it has met
    assert slot is not None
    finish(ahead)
    assert looked_at(queue, ahead) < 30
    finish(ahead)
    # A seat that opens again before does not bring the walk back.
    released = slots.take_next(queue, by=User.objects.get(email__startswith="new"))
    assert released is not None
    slots.release(released, by=make.manager(queue.project))
    assert looked_at(queue, ahead) < 30


@pytest.mark.parametrize(
    "settings_given",
    [
        {"ordering": "random"},
        {"ordering": "spread"},
        {"ordering": "finish"},
        {"by_language": True},
        {"skills": {"law": 1}, "most_per_day": 100_000, "most_in_all": 100_000},
    ],
    ids=lambda given: next(iter(given.values())) if "ordering" in given else next(iter(given)),
)
def test_it_is_so_in_every_order_and_with_rules_in_force(queue: Queue, ahead: User) -> None:
    Membership.objects.filter(project=queue.project_id).update(languages=["de"], skills={"law": 1})
    assert looked_at(queue, User.objects.get(email__startswith="new")) < 60
    # The one without a turn leaves queues with caps to the other.
    leaves_it = bool(queue.most_per_day) and claims.TAKE is claims.TAKE_AT_ONCE
    assert (slots.take_next(queue, by=ahead) is None) == leaves_it
    finish(ahead)
    assert looked_at(queue, ahead) < 60
    # What was handed to them, and what somebody let run out, is found at once too.
    new = Task.objects.exclude(slots__annotator=ahead).order_by("pk").reverse()[0]
    tasks.hand(new, to=ahead, by=make.manager(queue.project))
    finish(ahead)
    assert looked_at(queue, ahead) < 60
    Slot.objects.filter(state="leased").update(lease_expires_at=timezone.now() - timedelta(minutes=1))
    finish(ahead)
    assert looked_at(queue, ahead) < 60


def set_bookmark(queue: Queue, by: User) -> None:
    """The first claim, which walks past all that the person has met."""
    assert looked_at(queue, by) > TASKS
    finish(by)


def test_who_is_far_ahead_looks_at_what_opens_behind_them_and_at_nothing_else(
    queue: Queue, ahead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bookmark(queue, ahead)
    manager = make.manager(queue.project)
    for task in Task.objects.filter(queue=queue).order_by("pk")[:3]:
        tasks.retire(task, by=manager)
        tasks.reopen(task, by=manager)
        assert looked_at(queue, ahead) < 40
        finish(ahead)
    monkeypatch.setattr(seats, "STEP", 100)
    defaults = seats.follow.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "seconds", 0.0)
    queues.change(queue, overlap=4, by=manager)
    for _ in range(5):
        # A step opens a seat on each of 100 tasks, all of which they have met: each is looked at with what it is for.
        assert looked_at(queue, ahead) < 400
        finish(ahead)
        assert looked_at(queue, ahead) < 30
        finish(ahead)
        assert not seats.follow(queue)
    # For anybody else the first of them is one step away.
    assert looked_at(queue, User.objects.get(email__startswith="new")) < 200


def test_whoever_has_met_little_looks_at_no_more_while_an_overlap_is_raised(queue: Queue) -> None:
    new = User.objects.get(email__startswith="new")
    for _ in range(3):
        assert slots.take_next(queue, by=new)
        finish(new)
    Slot.objects.filter(queue=queue, state="open", task__in=Task.objects.order_by("pk")[:1000]).delete()
    assert looked_at(queue, new) < 30  # somewhere in the middle
    finish(new)
    queues.change(queue, overlap=5, by=make.manager(queue.project))  # and all these are open again
    # Of them it looks at so many as show that they are many, and at the first ones.
    assert looked_at(queue, new) < 800
    finish(new)
    assert looked_at(queue, new) < 30
    assert Slot.objects.get(annotator=new, state="leased").task_id <= Task.objects.order_by("pk")[10].pk


def test_prompts_that_come_before_who_is_far_ahead_are_all_that_they_look_at(queue: Queue, ahead: User) -> None:
    set_bookmark(queue, ahead)
    make.imported(queue.project, 20, start=TASKS, priority=3)
    for _ in range(20):
        assert looked_at(queue, ahead) < 250
        finish(ahead)
    assert looked_at(queue, ahead) < 250
    assert Bookmark.objects.get(annotator=ahead).after > Task.objects.order_by("pk")[TASKS - 300].slots.all()[0].place


def test_who_has_met_all_that_is_left_takes_no_walk(queue: Queue, ahead: User) -> None:
    Slot.objects.filter(queue=queue, state="open", seat=1).update(
        state="submitted", annotator=ahead, lease=uuid.uuid4(), finished_at=timezone.now()
    )
    assert slots.take_next(queue, by=ahead) is None
    assert looked_at(queue, ahead) < 30


def test_the_first_prompts_of_a_project_are_not_walked_through_for_each_line() -> None:
    make.imported(make.project(), 300)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE labeling_prompt")  # which says that there is one project
    project = make.project()
    make.imported(project, 20)
    for statement, values in (
        (batches._KNOWN, ["{a,b}", project.pk]),
        (batches._DUPLICATES, [f"{{{uuid.uuid4()}}}", project.pk, "{}"]),
    ):
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (FORMAT JSON) " + statement, cast(list[str], values))
            (answer,) = cursor.fetchone() or ("",)
        (plan,) = json.loads(answer) if isinstance(answer, str) else answer
        (look,) = [node for node in nodes(plan["Plan"]) if node.get("Relation Name") == "labeling_prompt"]
        assert "given." in look["Index Cond"], look
