"""The checker finds nothing in what the services leave, and finds whatever else is put there."""

import io
import re

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from labeling.management.commands.check_queues import CHECKS, MOST_TOLD, broken
from labeling.models import Project, Queue, Slot, Task, User
from labeling.services import annotations, queues, skips, slots, tasks
from tests import make


@pytest.fixture
def people(db: None) -> list[User]:
    return [make.person(name) for name in ("ann", "ben", "cleo", "dan")]


@pytest.fixture
def queue(people: list[User]) -> Queue:
    """Two of three tasks begun: a submitted slot, one corrected, one undone and held, one skipped, one held."""
    ann, ben, cleo, dan = people
    project = make.project(annotators=people)
    make.imported(project, 3, candidates=2)
    queue = make.queue(project, preset="ranking", overlap=2)
    first, second = taken(queue, ann), taken(queue, ben)
    assert first.task_id == second.task_id
    answers = {"ranking": {"groups": [["a"], ["b"]]}}
    make.answered(first, ann, answers)
    make.answered(second, ben, answers)
    other = {"ranking": {"groups": [["b"], ["a"]]}}
    annotations.revise(first, other, lease=str(first.lease), version=1, by=ann)
    third, fourth = taken(queue, cleo), taken(queue, dan)
    make.answered(third, cleo, answers)
    annotations.undo(third, lease=str(third.lease), by=cleo)
    skips.skip(fourth, lease=str(fourth.lease), reason="other", by=dan)
    return queue


def taken(queue: Queue, by: User) -> Slot:
    slot = slots.take_next(queue, by=by)
    assert slot is not None
    return slot


def run(statement: str, **parameters: int) -> None:
    """One statement that no constraint stops, as in a copy that has none."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("labeling_slot", "labeling_annotation", "labeling_task"):
            # Checks and uniqueness; the primary keys and the references to other rows stay.
            cursor.execute(
                "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'u')", [table]
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
            cursor.execute(
                "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = %s::regclass AND indisunique "
                "AND NOT indisprimary",
                [table],
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP INDEX {name}")
        cursor.execute(re.sub(r"@(?=[a-z])", "labeling_", statement), parameters)
        assert cursor.rowcount != 0, "the statement has changed nothing"


def test_finds_nothing_in_what_the_services_leave(queue: Queue, people: list[User]) -> None:
    by = make.manager(queue.project)
    assert broken() == []
    for settings in ({"ordering": "spread"}, {"overlap": 4}, {"ordering": "finish", "overlap": 1}, {"overlap": 2}):
        queue = queues.change(queue, by=by, **settings)
        assert broken() == []
        for person in people:
            slots.take_next(queue, by=person)
            slots.take_ahead(queue, by=person)
        assert broken() == []
    for task in Task.objects.all():
        tasks.retire(task, by=by)
    assert broken() == []
    out = io.StringIO()
    call_command("check_queues", stdout=out)
    assert out.getvalue() == "Every queue keeps its promises.\n"


# What must never be, and a statement that makes it so; @ stands for the name of our tables.
WRONGS = [
    (
        "a task has more seats than its overlap, and open ones among them",
        "INSERT INTO @slot (queue_id, task_id, seat, priority, candidate_order, state, skip_reason, "
        "skip_comment, place) SELECT queue_id, task_id, 9, 0, candidate_order, 'open', '', '', place FROM @slot "
        "WHERE state = 'open' LIMIT 1",
    ),
    ("a task lacks seats", "DELETE FROM @slot WHERE state = 'open'"),
    ("a seat is there twice", "UPDATE @slot SET seat = 1"),
    (
        "somebody meets a task twice",
        "UPDATE @slot SET annotator_id = (SELECT min(annotator_id) FROM @slot) WHERE state = 'submitted'",
    ),
    (
        "somebody holds more than one in hand and one for after it",
        "UPDATE @slot SET state = 'leased', lease = gen_random_uuid(), lease_expires_at = now(), "
        "annotator_id = (SELECT annotator_id FROM @slot WHERE state = 'leased') WHERE state = 'open'",
    ),
    (
        "an open seat carries something of a holder",
        "UPDATE @slot SET form_id = (SELECT min(id) FROM @formversion) WHERE state = 'open'",
    ),
    ("an open seat carries something of a holder", "UPDATE @slot SET lease = gen_random_uuid() WHERE state = 'open'"),
    ("a seat that was taken lacks something of its holder", "UPDATE @slot SET lease = NULL WHERE state = 'submitted'"),
    (
        "a seat that was taken lacks something of its holder",
        "UPDATE @slot SET skip_reason = '' WHERE state = 'skipped'",
    ),
    (
        "a seat that was taken lacks something of its holder",
        "UPDATE @slot SET finished_at = now() WHERE state = 'leased'",
    ),
    (
        "a slot, its task and its prompt are of different queues or projects",
        "UPDATE @slot SET queue_id = %(elsewhere)s WHERE state = 'skipped'",
    ),
    (
        "a slot, its task and its prompt are of different queues or projects",
        "UPDATE @prompt SET project_id = %(project)s",
    ),
    (
        "the order of candidates is not of the task's candidates",
        "UPDATE @slot SET candidate_order = candidate_order[1:1] || 0::bigint WHERE state = 'open'",
    ),
    (
        "the order of candidates is not of the task's candidates",
        "UPDATE @slot SET candidate_order = array_append(candidate_order, candidate_order[1])",
    ),
    ("a task's state does not fit its seats", "UPDATE @task SET state = 'open' WHERE state = 'done'"),
    ("a task's state does not fit its seats", "UPDATE @task SET state = 'done' WHERE state = 'open'"),
    ("a task's state does not fit its seats", "UPDATE @task SET state = 'retired'"),
    ("a submitted slot has no standing answer", "UPDATE @annotation SET undone_at = now()"),
    ("a submitted slot has no standing answer", "DELETE FROM @annotation"),
    ("an answer stands on a slot that is not submitted", "UPDATE @annotation SET undone_at = NULL"),
    ("a standing answer is not its slot's annotator's", "UPDATE @annotation SET annotator_id = annotator_id + 1"),
    (
        "the newest answer was taken back and an older one stands",
        "UPDATE @annotation SET undone_at = now() WHERE version = 2",
    ),
    ("versions of an answer have gaps", "UPDATE @annotation SET version = 3 WHERE version = 2"),
    ("versions of an answer have gaps", "UPDATE @annotation SET version = 1"),
    (
        "an answer's verdict is not that of its newest review",
        "UPDATE @annotation SET verdict = 'accepted' WHERE version = 2",
    ),
    ("an answer's verdict is not that of its newest review", "UPDATE @annotation SET verdict = '' WHERE version = 1"),
    ("an answer is of another queue than its slot or its form", "UPDATE @annotation SET queue_id = %(elsewhere)s"),
    (
        "an open seat does not stand where its queue's order puts it",
        "UPDATE @slot SET place = place + 1 WHERE state = 'open'",
    ),
    ("a task has not the overlap of its queue", "UPDATE @queue SET overlap = overlap + 1"),
    (
        "an open seat waits for somebody who cannot take it",
        "UPDATE @slot SET reserved_for_id = %(outsider)s WHERE state = 'open'",
    ),
    (
        "an open seat waits for somebody who cannot take it",
        "UPDATE @slot s SET reserved_for_id = m.annotator_id FROM @slot m WHERE m.task_id = s.task_id "
        "AND s.state = 'open' AND m.state = 'skipped'",
    ),
    (
        "an open seat lies before the bookmark of somebody who could take it",
        "WITH gone AS (DELETE FROM @opening) UPDATE @bookmark SET after = 9223372036854775807, "
        "horizon = pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
    ),
    ("a kept number is wrong", "UPDATE @count SET n = n + 1"),
]


@pytest.mark.parametrize(("promise", "statement"), WRONGS)
def test_finds_what_must_never_be(queue: Queue, promise: str, statement: str) -> None:
    elsewhere = make.project()
    run(
        statement,
        elsewhere=make.queue(elsewhere).pk,
        project=elsewhere.pk,
        outsider=make.person("eve").pk,
    )
    assert promise in [wrong.promise for wrong in broken()]


def test_every_check_is_tried() -> None:
    assert {promise for promise, _ in WRONGS} == {*CHECKS, "a kept number is wrong"}


def test_what_is_wrong_is_told_with_ids_and_ends_with_1(queue: Queue) -> None:
    slot = Slot.objects.get(state="skipped")
    run("UPDATE labeling_slot SET skip_reason = '' WHERE state = 'skipped'")
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("check_queues", stdout=out)
    assert ended.value.code == 1
    assert out.getvalue().startswith(
        f"a seat that was taken lacks something of its holder: 1\n  slot {slot.pk} (skipped)\n"
    )


def test_only_the_first_of_many_are_told(people: list[User]) -> None:
    project = make.project()
    make.imported(project, MOST_TOLD + 5)
    make.queue(project)
    run("UPDATE labeling_task SET state = 'done'")
    (wrong, *_) = [one for one in broken() if one.promise == "a task's state does not fit its seats"]
    assert str(wrong).startswith(f"a task's state does not fit its seats: {MOST_TOLD + 5}\n  task ")
    assert str(wrong).endswith("\n  … and 5 more")


def test_can_be_asked_about_one_project(queue: Queue) -> None:
    other = make.project(slug="other")
    run("UPDATE labeling_slot SET place = place + 1 WHERE state = 'open'")
    out = io.StringIO()
    call_command("check_queues", project=other.slug, stdout=out)
    assert out.getvalue() == "Every queue keeps its promises.\n"
    with pytest.raises(SystemExit):
        call_command("check_queues", project=Project.objects.get(pk=queue.project_id).slug, stdout=out)
    with pytest.raises(CommandError, match="no project “nowhere”"):
        call_command("check_queues", project="nowhere")


def test_a_seat_that_waits_for_a_member_is_right(queue: Queue, people: list[User]) -> None:
    by = make.manager(queue.project)
    untouched = Task.objects.filter(queue=queue).order_by("-pk")[0]
    tasks.hand(untouched, to=people[0], by=by)
    assert broken() == []
