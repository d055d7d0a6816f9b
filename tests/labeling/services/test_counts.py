"""The kept numbers are what is there, whoever wrote it and how."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib import import_module
from random import Random
from typing import Any

import pytest
from django.db import connection, transaction

from labeling.errors import DomainError
from labeling.models import (
    Annotation,
    Candidate,
    PersonCount,
    Project,
    ProjectCount,
    Prompt,
    Queue,
    QueueCount,
    Slot,
    SlotState,
    Task,
    User,
)
from labeling.selectors import annotations as annotation_reads
from labeling.selectors import counts
from labeling.selectors import queues as queue_reads
from labeling.services import annotations, prompts, queues, skips, slots
from labeling.services.counts import mend
from tests import make

pytestmark = pytest.mark.django_db

NOW = datetime.now(tz=UTC)
ANSWER = {"response": {"text": "So."}}


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return make.project(annotators=[ann, ben])


@pytest.fixture
def queue(project: Project) -> Queue:
    """A queue of five tasks with two seats each, of prompts with two candidates."""
    make.imported(project, 5, candidates=2)
    return make.queue(project, overlap=2)


def sql(statement: str, *given: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)


def of(queue: Queue) -> dict[str, int]:
    """The kept numbers of a queue that are not 0."""
    return {what: number for what, number in counts.of_queues([queue.pk])[queue.pk].items() if number}


def taken(queue: Queue, by: User) -> Slot:
    slot = slots.take_next(queue, by=by)
    assert slot is not None
    return slot


def days(user: User) -> dict[date, tuple[int, int]]:
    """How many tasks somebody submitted and skipped on which day."""
    found: dict[date, tuple[int, int]] = {}
    for row in PersonCount.objects.filter(annotator=user):
        submitted, skipped = found.get(row.day, (0, 0))
        found[row.day] = (submitted + row.submitted, skipped + row.skipped)
    return {day: numbers for day, numbers in found.items() if any(numbers)}


def test_it_works(project: Project, queue: Queue, ann: User, ben: User) -> None:
    assert of(queue) == {"slot.open": 10, "task.open": 5}
    assert counts.of_project(project) == {"prompt": 5, "candidate": 10}
    skipped = taken(queue, ann)
    skips.skip(skipped, lease=str(skipped.lease), reason="unclear", by=ann)
    for person in (ann, ben):
        make.written(queue, person)
        make.written(queue, person)
    slots.take_next(queue, by=ben)
    answers = f"annotation.{queue.form_id}"
    # Ann skipped the first task and did the second and third; Ben did the first two and holds the third.
    done = Task.objects.filter(queue=queue, state="done").count()
    assert of(queue) == {
        "slot.open": 5,
        "slot.leased": 1,
        "slot.submitted": 4,
        "slot.skipped": 1,
        "skip.unclear": 1,
        "task.open": 5 - done,
        "task.done": done,
        answers: 4,
    }
    assert counts.of_person(ann, [queue.pk]) == {queue.pk: counts.Finished(submitted=2, skipped=1)}
    assert annotation_reads.number_done(ben, queue) == 2
    found = queue_reads.counts([queue])[queue.pk]
    assert (found.seats, found.answered, found.annotations, found.tasks) == (10, 4, 4, 5)
    assert queue_reads.skips(found) == [("The prompt is unclear", 1)]
    sql("UPDATE labeling_task SET state = 'retired' WHERE id = (SELECT max(id) FROM labeling_task)")
    found = queue_reads.counts([queue])[queue.pk]
    assert (found.tasks, found.tasks_done, found.tasks_retired) == (4, done, 1)
    assert counts.differences() == []


def test_an_undo_takes_away_what_was_counted_on_the_day_of_the_submit(queue: Queue, ann: User) -> None:
    slot = taken(queue, ann)
    lease = str(slot.lease)
    make.answered(slot, ann, ANSWER)
    today = datetime.now(tz=UTC).date()
    assert days(ann) == {today: (1, 0)}
    # As if the clock had struck twelve since: in UTC, wherever the server and the person are.
    long_ago = datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
    Slot.objects.filter(pk=slot.pk).update(finished_at=long_ago)
    assert days(ann) == {date(2024, 2, 29): (1, 0)}
    assert counts.differences() == []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Pacific/Kiritimati'")
    sql("UPDATE labeling_slot SET state = 'leased', finished_at = NULL WHERE id = %s", slot.pk)
    assert days(ann) == {}
    sql("UPDATE labeling_slot SET state = 'submitted', finished_at = now() WHERE id = %s", slot.pk)
    assert days(ann) == {today: (1, 0)}
    annotations.undo(slot, lease=lease, by=ann)
    assert days(ann) == {}
    assert counts.of_person(ann, [queue.pk]) == {queue.pk: counts.Finished(0, 0)}
    assert counts.differences() == []


def test_a_renewed_lease_writes_no_count(queue: Queue, ann: User) -> None:
    def rows() -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT ctid, * FROM labeling_count ORDER BY what")
            return list(cursor.fetchall())

    slot = taken(queue, ann)
    before = rows()
    assert before
    taken(queue, ann)
    sql("UPDATE labeling_slot SET lease_expires_at = now() + interval '1 day' WHERE id = %s", slot.pk)
    sql("UPDATE labeling_slot SET priority = priority + 1")
    assert rows() == before
    sql("UPDATE labeling_slot SET state = 'open', annotator_id = NULL, lease = NULL, lease_expires_at = NULL")
    assert rows() != before


# Each is done to a queue in which two tasks were submitted and one was skipped.
BARE: dict[str, list[str]] = {
    "two states change at once, against each other": [
        """UPDATE labeling_slot SET
               state = CASE state WHEN 'open' THEN 'submitted' ELSE 'open' END,
               annotator_id = CASE state WHEN 'open' THEN (SELECT max(id) FROM labeling_user) END,
               lease = CASE state WHEN 'open' THEN gen_random_uuid() END, lease_expires_at = NULL,
               finished_at = CASE state WHEN 'open' THEN now() - interval '9 days' END
           WHERE state = 'submitted' OR id = (SELECT max(id) FROM labeling_slot)"""
    ],
    "answers change hands": [
        """UPDATE labeling_slot SET annotator_id = (SELECT max(id) FROM labeling_user)
           WHERE id = (SELECT min(id) FROM labeling_slot WHERE state = 'submitted')""",
    ],
    "an insert that finds its row there": [
        """INSERT INTO labeling_slot SELECT * FROM labeling_slot WHERE state = 'submitted'
           ON CONFLICT (id) DO UPDATE SET finished_at = excluded.finished_at - interval '3 days'""",
        """INSERT INTO labeling_slot SELECT * FROM labeling_slot ON CONFLICT DO NOTHING""",
    ],
    "a merge that does everything": [
        """MERGE INTO labeling_task t USING (SELECT min(id) AS first FROM labeling_task) f ON true
           WHEN MATCHED AND t.id = f.first THEN UPDATE SET state = 'retired'
           WHEN MATCHED THEN UPDATE SET state = 'done'"""
    ],
    "seats and tasks go in one statement": [
        """WITH seats AS (DELETE FROM labeling_slot WHERE state = 'open' RETURNING task_id)
           DELETE FROM labeling_task WHERE id NOT IN (SELECT task_id FROM labeling_slot WHERE state <> 'open')"""
    ],
    "a task moves to another queue with its seats": [
        "UPDATE labeling_task SET queue_id = (SELECT max(id) FROM labeling_queue)",
        "UPDATE labeling_slot SET queue_id = (SELECT max(id) FROM labeling_queue)",
    ],
    "annotations are undone, come, and go": [
        "UPDATE labeling_annotation SET undone_at = now()",
        "UPDATE labeling_annotation SET undone_at = NULL WHERE id = (SELECT min(id) FROM labeling_annotation)",
        """INSERT INTO labeling_annotation (slot_id, annotator_id, queue_id, version, answers, form_id, guidelines_id,
           created_at) SELECT slot_id, annotator_id, queue_id, version + 1, answers, form_id, guidelines_id, created_at
           FROM labeling_annotation""",
        "DELETE FROM labeling_annotation WHERE version = 1 AND undone_at IS NULL",
        "UPDATE labeling_annotation SET form_id = (SELECT max(id) FROM labeling_formversion)",
    ],
    "prompts wait, and wait no more": [
        "UPDATE labeling_prompt SET candidates_awaited = id % 3",
        "UPDATE labeling_prompt SET candidates_awaited = 1 WHERE candidates_awaited = 2",
    ],
    "prompts move to another project": [
        """UPDATE labeling_prompt SET project_id = (SELECT max(id) FROM labeling_project), key = id::text
           WHERE id % 2 = 0""",
        "UPDATE labeling_prompt SET project_id = project_id",
    ],
    "candidates move to another prompt, and go": [
        """UPDATE labeling_candidate SET prompt_id = (SELECT max(id) FROM labeling_prompt), text_hash = id::text
           WHERE origin = 'imported'""",
        "DELETE FROM labeling_candidate WHERE id % 2 = 0",
    ],
    "a prompt goes before its candidates": [
        "DELETE FROM labeling_slot WHERE task_id IN (SELECT max(id) FROM labeling_task)",
        "DELETE FROM labeling_task WHERE id IN (SELECT max(id) FROM labeling_task)",
        "DELETE FROM labeling_prompt WHERE id NOT IN (SELECT prompt_id FROM labeling_task)",
        "DELETE FROM labeling_candidate WHERE prompt_id NOT IN (SELECT id FROM labeling_prompt)",
    ],
    "all annotations and slots are cut off": ["TRUNCATE labeling_slot CASCADE"],
    "all prompts are cut off, and what hangs on them": ["TRUNCATE labeling_prompt CASCADE"],
    "all candidates are cut off": ["TRUNCATE labeling_candidate CASCADE"],
    "all tasks are cut off": ["TRUNCATE labeling_task CASCADE"],
}


@pytest.mark.parametrize("statements", BARE.values(), ids=BARE)
def test_bare_statements_are_counted(
    project: Project, queue: Queue, ann: User, ben: User, statements: list[str]
) -> None:
    with transaction.atomic():
        other = make.project(slug="other")
        make.imported(other, 1, candidates=1)
        make.queue(other)
        make.person("cleo")
        make.written(queue, ann)
        make.written(queue, ben)
        skipped = taken(queue, ann)
        skips.skip(skipped, lease=str(skipped.lease), reason="unclear", by=ann)
    # What was put off until the end of a transaction would keep tables from being cut off.
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("SET CONSTRAINTS ALL DEFERRED")
    # Some of these leave rows behind that no foreign key would let pass; here they are only counted.
    with transaction.atomic():
        before = [list(table.objects.order_by("pk").values()) for table in (QueueCount, ProjectCount, PersonCount)]
        for statement in statements:
            sql(statement.replace("%", "%%") if "%" in statement else statement)
            assert counts.differences() == []
        after = [list(table.objects.order_by("pk").values()) for table in (QueueCount, ProjectCount, PersonCount)]
        assert after != before  # that it was counted at all
        transaction.set_rollback(True)


def test_a_copy_is_counted(project: Project) -> None:
    columns = (
        "project_id, key, external_id, messages, context, batch, priority, tags, language, metadata, gold, "
        "content_hash, line_hash, created_at, candidates_count, candidates_awaited"
    )
    with connection.cursor() as cursor, cursor.copy(f"COPY labeling_prompt ({columns}) FROM STDIN") as copy:
        for number in range(1000):
            copy.write_row(
                (project.pk, f"k{number}", "", "[]", "[]", "", 0, [], "", "{}", "{}", "", "", NOW, 0, number % 2)
            )
    assert counts.of_project(project) == {"prompt": 1000, "prompt.waiting": 500}


def delete(queue: Queue) -> None:
    """As Django does it, after what it refuses to take along."""
    Annotation.objects.filter(queue=queue).delete()
    Slot.objects.filter(queue=queue).update(form=None)
    Queue.objects.filter(pk=queue.pk).update(form=None)
    Queue.objects.get(pk=queue.pk).delete()


def test_what_is_deleted_leaves_no_numbers(project: Project, queue: Queue, ann: User) -> None:
    make.written(queue, ann)
    delete(queue)
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    assert not QueueCount.objects.exists()
    assert not PersonCount.objects.exists()
    assert counts.of_project(project) == {"prompt": 5, "candidate": 10}
    assert Candidate.objects.count() == 10
    project.delete()
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    assert not ProjectCount.objects.exists()
    assert counts.differences() == []


def test_a_queue_may_go_before_what_is_in_it(queue: Queue, ann: User) -> None:
    make.written(queue, ann)
    gone = queue.pk
    # As SQL may do it in one transaction: the foreign keys are looked at when it ends.
    for table in ("queue", "annotation", "draft", "slot", "task", "formversion"):
        column = "id" if table == "queue" else "slot_id" if table == "draft" else "queue_id"
        sql(f"DELETE FROM labeling_{table} WHERE {column} = %s", gone)  # noqa: S608 - our own names
    assert QueueCount.objects.filter(queue=gone).exists()
    for table in ("labeling_bookmark", "labeling_opening", "labeling_queueperson"):
        sql(f"DELETE FROM {table}")  # noqa: S608 - our own names
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    assert not QueueCount.objects.exists()
    assert not PersonCount.objects.exists()
    assert counts.differences() == []


def test_what_is_wrong_is_found_and_mended(project: Project, queue: Queue, ann: User) -> None:
    make.written(queue, ann)
    sql("UPDATE labeling_count SET n = n + 3 WHERE what = 'slot.open'")
    sql("DELETE FROM labeling_project_count WHERE what = 'candidate'")
    sql("UPDATE labeling_person_count SET submitted = submitted - 1, skipped = skipped + 1")
    sql("INSERT INTO labeling_count (queue_id, what, shard, n) VALUES (0, 'task.open', 5, 2)")
    today = datetime.now(tz=UTC).date()
    assert [str(one) for one in counts.differences()] == [
        "queue 0, task.open: 2 kept, 0 counted",
        f"queue {queue.pk}, slot.open: 12 kept, 9 counted",
        f"project {project.pk}, candidate: 0 kept, 10 counted",
        f"person {ann.pk} in queue {queue.pk} on {today}, submitted: 0 kept, 1 counted",
        f"person {ann.pk} in queue {queue.pk} on {today}, skipped: 1 kept, 0 counted",
    ]
    mend()
    assert counts.differences() == []
    assert not QueueCount.objects.filter(queue=0).exists()
    assert of(queue)["slot.open"] == 9
    # What comes after is added as before.
    make.written(queue, ann)
    assert counts.differences() == []


def test_the_migration_counts_what_is_there_and_can_be_taken_back(project: Project, queue: Queue, ann: User) -> None:
    migration = import_module("labeling.migrations.0004_counts")
    # What was put off until the end of a transaction would keep the tables from being changed.
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    for statement in migration.dropped():
        sql(statement)
    for table in (QueueCount, ProjectCount, PersonCount):
        table.objects.all().delete()
    make.written(queue, ann)
    skipped = taken(queue, ann)
    skips.skip(skipped, lease=str(skipped.lease), reason="unclear", by=ann)
    make.imported(project, 2, start=5)
    assert counts.differences()
    assert not QueueCount.objects.exists()
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    for statement in (migration.SHARD, *migration.triggers(), *migration.fill()):
        sql(statement.replace("%", "%%"))
    assert counts.differences() == []
    make.written(queue, ann)
    assert counts.differences() == []


# --- Anything after anything ---


class Walk:
    """People, managers and programs that do whatever comes, in an order that a number decides."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.boss = make.person("boss")
        self.people = [make.person(name) for name in ("ann", "ben", "cleo")]
        self.project = make.project(self.boss, annotators=self.people)
        make.imported(self.project, 4, candidates=1)
        make.queue(self.project, overlap=2)
        self.said: list[str] = []

    def queue(self) -> Queue:
        return self.dice.choice(list(self.project.queues.all()))

    def person(self) -> User:
        return self.dice.choice(self.people)

    def held(self) -> Slot | None:
        found = list(Slot.objects.filter(state=SlotState.LEASED).select_related("annotator"))
        return self.dice.choice(found) if found else None

    def take(self) -> None:
        slots.take_next(self.queue(), by=self.person())

    def take_ahead(self) -> None:
        slots.take_ahead(self.queue(), by=self.person())

    def submit(self) -> None:
        slot = self.held()
        if slot and slot.annotator:
            make.answered(slot, slot.annotator, ANSWER)

    def skip(self) -> None:
        slot = self.held()
        reason = self.dice.choice(["unclear", "broken", "other"])
        if slot and slot.annotator:
            skips.skip(slot, lease=str(slot.lease), reason=reason, by=slot.annotator)

    def undo(self) -> None:
        for slot in Slot.objects.filter(state=SlotState.SUBMITTED).select_related("annotator").order_by("?")[:1]:
            assert slot.annotator
            annotations.undo(slot, lease=str(slot.lease), by=slot.annotator)

    def revise(self) -> None:
        for slot in Slot.objects.filter(state=SlotState.SUBMITTED).select_related("annotator").order_by("?")[:1]:
            newest = annotation_reads.current(slot)
            assert slot.annotator
            assert newest
            other = {"response": {"text": f"Better {self.dice.random()}."}}
            annotations.revise(slot, other, lease=str(slot.lease), version=newest.version, by=slot.annotator)

    def release(self) -> None:
        slot = self.held()
        if slot:
            slots.release(slot, by=self.boss)

    def run_out(self) -> None:
        Slot.objects.filter(state=SlotState.LEASED).update(lease_expires_at=datetime(2024, 1, 1, tzinfo=UTC))

    def change_overlap(self) -> None:
        queues.change(self.queue(), overlap=self.dice.randint(1, 4), by=self.boss)

    def change_state(self) -> None:
        queues.change(self.queue(), state=self.dice.choice(["open", "open", "paused", "closed"]), by=self.boss)

    def add_queue(self) -> None:
        if self.project.queues.count() < 4:
            make.queue(self.project, overlap=self.dice.randint(1, 3))

    def add_prompts(self) -> None:
        make.imported(self.project, self.dice.randint(1, 3), start=Prompt.objects.count(), candidates=1)

    def rewrite_prompts(self) -> None:
        # The same keys with other candidates and other words: those that nobody has taken are made anew.
        number = self.dice.randint(1, 3)
        lines = make.lines(number, candidates=2, system=f"Be brief. {self.dice.random()}")
        prompts.import_lines(self.project, lines, source="jsonl", by=self.boss)

    def await_candidates(self) -> None:
        sql("UPDATE labeling_prompt SET candidates_awaited = %s WHERE id %% 3 = 0", self.dice.randint(0, 2))

    def retire(self) -> None:
        sql("UPDATE labeling_task SET state = 'retired' WHERE id IN (SELECT id FROM labeling_task LIMIT 1)")
        sql(
            """DELETE FROM labeling_slot WHERE state = 'open' AND id NOT IN (SELECT slot_id FROM labeling_draft)
               AND task_id IN (SELECT id FROM labeling_task WHERE state = 'retired')"""
        )

    def drop_queue(self) -> None:
        if self.project.queues.count() < 2:
            return
        delete(self.queue())
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        sql("SET CONSTRAINTS ALL DEFERRED")

    def give_up(self) -> None:
        """Something that is taken back as a whole."""
        with transaction.atomic():
            self.take()
            self.submit()
            transaction.set_rollback(True)


STEPS: list[tuple[Callable[[Walk], None], int]] = [
    (Walk.take, 10),
    (Walk.submit, 8),
    (Walk.skip, 3),
    (Walk.undo, 3),
    (Walk.take_ahead, 2),
    (Walk.release, 2),
    (Walk.revise, 2),
    (Walk.change_overlap, 2),
    (Walk.add_prompts, 2),
    (Walk.rewrite_prompts, 2),
    (Walk.give_up, 2),
    (Walk.run_out, 1),
    (Walk.change_state, 1),
    (Walk.add_queue, 1),
    (Walk.await_candidates, 1),
    (Walk.retire, 1),
    (Walk.drop_queue, 1),
]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_what_is_kept_is_what_is_counted(seed: int) -> None:
    walk = Walk(seed)
    deeds, weights = zip(*STEPS, strict=True)
    done = set()
    for _ in range(120):
        (deed,) = walk.dice.choices(deeds, weights)
        try:
            with transaction.atomic():
                deed(walk)
        except DomainError as error:
            walk.said.append(f"{deed.__name__}: {error}")
            continue
        walk.said.append(deed.__name__)
        done.add(deed)
        assert counts.differences() == [], walk.said
    # The walk came somewhere.
    assert {Walk.take, Walk.submit, Walk.skip, Walk.change_overlap} <= done
    ids = list(walk.project.queues.values_list("pk", flat=True))
    finished = [mine for person in walk.people for mine in counts.of_person(person, ids).values()]
    assert sum(mine.submitted for mine in finished) == Slot.objects.filter(state=SlotState.SUBMITTED).count()
