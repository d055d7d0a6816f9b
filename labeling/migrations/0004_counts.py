"""The kept counts and the triggers that keep them: see labeling/models/counts.py.

Triggers for each statement, not for each row: a statement that makes a million seats adds to a handful of rows once.
PostgreSQL gives the rows of a statement only to triggers that ask for no columns, so they also run when a lease is
renewed; they find then that nothing moved, and write nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models
from django.db.models.deletion import DO_NOTHING, PROTECT, SET_NULL

# ruff: noqa: S608 - every name below is ours

# A shard is taken with a lock that is only tried: whoever counts never waits, and the locks on the rows, which come in
# whatever order the statements of a transaction have, can be in nobody's way. The lowest free one is taken, so that
# there are few. 7402 is the room of these locks beside that of labeling.services.locks.
SHARD = """
CREATE FUNCTION labeling_count_shard() RETURNS smallint LANGUAGE plpgsql AS $$
BEGIN
    FOR shard IN 0..255 LOOP
        IF pg_try_advisory_xact_lock(7402, shard) THEN
            RETURN shard;
        END IF;
    END LOOP;
    RETURN pg_backend_pid() % 256;
END $$;
"""

# What the rows of each table count for: whose number, and which.
COUNTED = {
    "slot": """
        SELECT queue_id, 'slot.' || state FROM {rows}
        UNION ALL SELECT queue_id, 'skip.' || skip_reason FROM {rows} WHERE state = 'skipped'""",
    "task": "SELECT queue_id, 'task.' || state FROM {rows}",
    "annotation": "SELECT queue_id, 'annotation.' || form_id FROM {rows} WHERE undone_at IS NULL",
    "prompt": """
        SELECT project_id, 'prompt' FROM {rows}
        UNION ALL SELECT project_id, 'prompt.waiting' FROM {rows} WHERE candidates_awaited > 0""",
    "candidate": """
        SELECT p.project_id, 'candidate' FROM {rows} c JOIN labeling_prompt p ON p.id = c.prompt_id""",
}
# Where they are kept, and which of the numbers there are this table's.
KEPT = {
    "slot": ("labeling_count", "queue_id", "what LIKE 'slot.%' OR what LIKE 'skip.%'"),
    "task": ("labeling_count", "queue_id", "what LIKE 'task.%'"),
    "annotation": ("labeling_count", "queue_id", "what LIKE 'annotation.%'"),
    "prompt": ("labeling_project_count", "project_id", "what LIKE 'prompt%'"),
    "candidate": ("labeling_project_count", "project_id", "what = 'candidate'"),
}

FINISHED = """
        SELECT queue_id, annotator_id, (finished_at AT TIME ZONE 'UTC')::date AS day,
               {sign} * (state = 'submitted')::int AS submitted, {sign} * (state = 'skipped')::int AS skipped
        FROM {rows} WHERE state IN ('submitted', 'skipped')"""

SIGNS = {"come": 1, "gone": -1}
# The rows that a statement brought, those that it took away, or both: what they were and what they are.
STATEMENTS = {
    "insert": ("NEW TABLE AS come", ("come",)),
    "update": ("OLD TABLE AS gone NEW TABLE AS come", ("gone", "come")),
    "delete": ("OLD TABLE AS gone", ("gone",)),
}


def add(kept: str, whose: str, moved: str) -> str:
    """What moved, of the shape (whose, what, n), is added to the numbers that are kept, in a fixed order."""
    return f"""
    INSERT INTO {kept} AS kept ({whose}, what, shard, n)
    SELECT whose, what, (SELECT labeling_count_shard()), sum(n)
    FROM ({moved}) moved (whose, what, n)
    GROUP BY whose, what HAVING sum(n) <> 0 ORDER BY whose, what
    ON CONFLICT ({whose}, what, shard) DO UPDATE SET n = kept.n + excluded.n;
    """


def signed(table: str, rows: str, sign: int) -> str:
    return f"SELECT *, {sign} FROM ({COUNTED[table].format(rows=rows)}) {rows}"


def add_finished(moved: str) -> str:
    return f"""
    INSERT INTO labeling_person_count AS kept (queue_id, annotator_id, day, shard, submitted, skipped)
    SELECT queue_id, annotator_id, day, (SELECT labeling_count_shard()), sum(submitted), sum(skipped)
    FROM ({moved}) moved
    GROUP BY queue_id, annotator_id, day HAVING sum(submitted) <> 0 OR sum(skipped) <> 0
    ORDER BY queue_id, annotator_id, day
    ON CONFLICT (queue_id, annotator_id, day, shard)
    DO UPDATE SET submitted = kept.submitted + excluded.submitted, skipped = kept.skipped + excluded.skipped;
    """


# Most updates of slots renew a lease. This costs a third of finding out by counting. By days, so that PostgreSQL, which
# compares in memory, holds few rows whatever it is given.
UNMOVED = """
    IF NOT EXISTS (
        SELECT queue_id, state, skip_reason, annotator_id, (finished_at AT TIME ZONE 'UTC')::date FROM gone
        EXCEPT ALL
        SELECT queue_id, state, skip_reason, annotator_id, (finished_at AT TIME ZONE 'UTC')::date FROM come
    ) THEN
        RETURN NULL;
    END IF;
    """


def body(table: str, rows: tuple[str, ...]) -> str:
    kept, whose, _ = KEPT[table]
    moved = " UNION ALL ".join(signed(table, name, SIGNS[name]) for name in rows)
    if table == "prompt" and rows == ("gone",):
        # Candidates are counted for the project of their prompt. Those that outlive it by a moment go with it: when
        # their turn comes, nobody can tell whose they were.
        moved += " UNION ALL SELECT gone.project_id, 'candidate', -1 FROM gone JOIN labeling_candidate c ON c.prompt_id = gone.id"
    text = UNMOVED if table == "slot" and len(rows) == 2 else ""
    text += add(kept, whose, moved)
    if table == "slot":
        text += add_finished(" UNION ALL ".join(FINISHED.format(rows=name, sign=SIGNS[name]) for name in rows))
    return text


def function(name: str, statements: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN{statements}RETURN NULL;\nEND $$;"


def triggers() -> Iterator[str]:
    """The statements that make every trigger with its function."""
    for table, (kept, _, mine) in KEPT.items():
        for event, (tables, rows) in STATEMENTS.items():
            name = f"labeling_{table}_{event}_counted"
            yield function(name, body(table, rows))
            yield f"""
            CREATE TRIGGER {name} AFTER {event} ON labeling_{table} REFERENCING {tables}
            FOR EACH STATEMENT EXECUTE FUNCTION {name}();
            """
        name = f"labeling_{table}_truncate_counted"
        people = "DELETE FROM labeling_person_count;" if table == "slot" else ""
        yield function(name, f"\nDELETE FROM {kept} WHERE {mine};\n{people}\n")
        yield f"""
        CREATE TRIGGER {name} AFTER TRUNCATE ON labeling_{table} FOR EACH STATEMENT EXECUTE FUNCTION {name}();
        """
    # No code of ours does these, and the triggers above could not see them: they cost nothing until somebody does.
    move = """
    SELECT OLD.project_id, 'candidate', -1 FROM labeling_candidate WHERE prompt_id = OLD.id
    UNION ALL SELECT NEW.project_id, 'candidate', 1 FROM labeling_candidate WHERE prompt_id = NEW.id"""
    yield function("labeling_prompt_moved", add("labeling_project_count", "project_id", move))
    yield """
    CREATE TRIGGER labeling_prompt_moved AFTER UPDATE OF project_id ON labeling_prompt
    FOR EACH ROW WHEN (OLD.project_id <> NEW.project_id) EXECUTE FUNCTION labeling_prompt_moved();
    """
    # At the commit, when everything that was in it is gone and counted.
    for table, column, numbers in (
        ("queue", "queue_id", ("labeling_count", "labeling_person_count")),
        ("project", "project_id", ("labeling_project_count",)),
    ):
        name = f"labeling_{table}_uncounted"
        yield function(name, "".join(f"\nDELETE FROM {kept} WHERE {column} = OLD.id;\n" for kept in numbers))
        yield f"""
        CREATE CONSTRAINT TRIGGER {name} AFTER DELETE ON labeling_{table} DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION {name}();
        """


def fill() -> Iterator[str]:
    """Counts what is there. The triggers stand already, and their locks keep every writer out until the commit."""
    for table, (kept, whose, _) in KEPT.items():
        yield add(kept, whose, f"SELECT *, 1 FROM ({COUNTED[table].format(rows=f'labeling_{table}')}) counted")
    yield add_finished(FINISHED.format(rows="labeling_slot", sign=1))


def dropped() -> Iterator[str]:
    """Takes the triggers away with their functions."""
    for table in KEPT:
        for event in (*STATEMENTS, "truncate"):
            yield f"DROP FUNCTION labeling_{table}_{event}_counted() CASCADE;"
    for name in ("labeling_prompt_moved", "labeling_queue_uncounted", "labeling_project_uncounted"):
        yield f"DROP FUNCTION {name}() CASCADE;"
    yield "DROP FUNCTION labeling_count_shard();"


# Room beside each row for the next versions of it: an update then touches no index, and clears up after the last one.
ROOM = """
ALTER TABLE labeling_count SET (fillfactor = 20);
ALTER TABLE labeling_project_count SET (fillfactor = 20);
ALTER TABLE labeling_person_count SET (fillfactor = 50);
"""


def key(*names: str) -> tuple[str, models.Field]:
    made = models.CompositePrimaryKey(*names, blank=True, editable=False, primary_key=True, serialize=False)
    return "pk", made


def refers(to: str) -> models.Field:
    return models.ForeignKey(db_constraint=False, db_index=False, on_delete=DO_NOTHING, related_name="+", to=to)


def unindexed(to: str, on_delete: Callable[..., None], related_name: str, **given: bool) -> models.Field:
    return models.ForeignKey(db_index=False, on_delete=on_delete, related_name=related_name, to=to, **given)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("labeling", "0003_imports")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="QueueCount",
            fields=[
                key("queue_id", "what", "shard"),
                ("queue", refers("labeling.queue")),
                ("what", models.CharField(max_length=30)),
                ("shard", models.SmallIntegerField()),
                ("n", models.BigIntegerField()),
            ],
            options={"db_table": "labeling_count"},
        ),
        migrations.CreateModel(
            name="ProjectCount",
            fields=[
                key("project_id", "what", "shard"),
                ("project", refers("labeling.project")),
                ("what", models.CharField(max_length=30)),
                ("shard", models.SmallIntegerField()),
                ("n", models.BigIntegerField()),
            ],
            options={"db_table": "labeling_project_count"},
        ),
        migrations.CreateModel(
            name="PersonCount",
            fields=[
                key("queue_id", "annotator_id", "day", "shard"),
                ("queue", refers("labeling.queue")),
                ("annotator", refers(settings.AUTH_USER_MODEL)),
                ("day", models.DateField()),
                ("shard", models.SmallIntegerField()),
                ("submitted", models.IntegerField(default=0)),
                ("skipped", models.IntegerField(default=0)),
            ],
            options={"db_table": "labeling_person_count"},
        ),
        migrations.RunSQL(ROOM, migrations.RunSQL.noop),
        migrations.RunSQL(SHARD + "".join(triggers()), "".join(dropped())),
        migrations.RunSQL("".join(fill()), migrations.RunSQL.noop),
        # What lists are narrowed down by; and no index of a key that another one begins with.
        migrations.RemoveIndex(model_name="annotation", name="annotation_by_annotator"),
        migrations.AlterField("annotation", "annotator", unindexed(settings.AUTH_USER_MODEL, PROTECT, "annotations")),
        migrations.AlterField("annotation", "queue", unindexed("labeling.queue", PROTECT, "annotations")),
        migrations.AlterField("annotation", "slot", unindexed("labeling.slot", PROTECT, "annotations")),
        migrations.AlterField("event", "actor", unindexed(settings.AUTH_USER_MODEL, SET_NULL, "events", null=True)),
        migrations.AlterField("event", "project", unindexed("labeling.project", SET_NULL, "events", null=True)),
        migrations.AddIndex(
            "annotation", models.Index(fields=["annotator", "queue", "id"], name="annotation_by_annotator")
        ),
        migrations.AddIndex(
            "annotation", BrinIndex(autosummarize=True, fields=["created_at"], name="annotation_by_time")
        ),
        migrations.AddIndex("event", models.Index(fields=["actor", "-id"], name="event_by_actor")),
        migrations.AddIndex(
            "event",
            models.Index(
                condition=~models.Q(target_type__in=["slot", "annotation"]),
                fields=["project", "-id"],
                name="event_of_managing",
            ),
        ),
        migrations.AddIndex(
            "prompt",
            models.Index(condition=~models.Q(batch=""), fields=["project", "batch", "id"], name="prompt_by_batch"),
        ),
        migrations.AddIndex(
            "prompt",
            models.Index(condition=models.Q(candidates_awaited__gt=0), fields=["project", "id"], name="prompt_waiting"),
        ),
    ]
