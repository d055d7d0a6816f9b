"""How many generations of a generator are in which state, kept by triggers: see labeling/models/counts.py.

As with labeling's own counts (its migration 0004): triggers for each statement, and shards, so that nobody waits for
somebody else's count.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from django.db import migrations, models

# ruff: noqa: S608 - every name below is ours

SIGNS = {"come": 1, "gone": -1}
# The rows that a statement brought, those that it took away, or both: what they were and what they are.
STATEMENTS = {
    "insert": ("NEW TABLE AS come", ("come",)),
    "update": ("OLD TABLE AS gone NEW TABLE AS come", ("gone", "come")),
    "delete": ("OLD TABLE AS gone", ("gone",)),
}


def add(moved: str) -> str:
    """What moved, of the shape (generator, state, n), is added to the numbers that are kept."""
    return f"""
    INSERT INTO workers_generation_count AS kept (generator_id, what, shard, n)
    SELECT whose, what, (SELECT labeling_count_shard()), sum(n)
    FROM ({moved}) moved (whose, what, n)
    GROUP BY whose, what HAVING sum(n) <> 0 ORDER BY whose, what
    ON CONFLICT (generator_id, what, shard) DO UPDATE SET n = kept.n + excluded.n;
    """


def function(name: str, statements: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN{statements}RETURN NULL;\nEND $$;"


def triggers() -> Iterator[str]:
    """The statements that make every trigger with its function."""
    for event, (tables, rows) in STATEMENTS.items():
        name = f"workers_generation_{event}_counted"
        yield function(
            name,
            add(" UNION ALL ".join(f"SELECT generator_id, state, {SIGNS[row]} FROM {row}" for row in rows)),
        )
        yield f"""
        CREATE TRIGGER {name} AFTER {event} ON workers_generation REFERENCING {tables}
        FOR EACH STATEMENT EXECUTE FUNCTION {name}();
        """
    name = "workers_generation_truncate_counted"
    yield function(name, "\nDELETE FROM workers_generation_count;\n")
    yield f"""
    CREATE TRIGGER {name} AFTER TRUNCATE ON workers_generation FOR EACH STATEMENT EXECUTE FUNCTION {name}();
    """
    # At the commit, when everything that was the generator's is gone and counted.
    name = "workers_generator_uncounted"
    yield function(name, "\nDELETE FROM workers_generation_count WHERE generator_id = OLD.id;\n")
    yield f"""
    CREATE CONSTRAINT TRIGGER {name} AFTER DELETE ON workers_generator DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION {name}();
    """


def dropped() -> Iterator[str]:
    """Takes the triggers away with their functions."""
    for event in (*STATEMENTS, "truncate"):
        yield f"DROP FUNCTION workers_generation_{event}_counted() CASCADE;"
    yield "DROP FUNCTION workers_generator_uncounted() CASCADE;"


# Both at once and in the order of those who change a generator and then its rows: no deadlock with a running worker.
LOCK = "LOCK TABLE workers_generator, workers_generation IN SHARE ROW EXCLUSIVE MODE;"
# The triggers stand already when this counts what is there, and their locks keep every writer out until the commit.
FILL = add("SELECT generator_id, state, 1 FROM workers_generation")
# Room beside each row for its next versions: an update then touches no index, and clears up after the last one.
ROOM = "ALTER TABLE workers_generation_count SET (fillfactor = 20);"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("workers", "0002_engine"), ("labeling", "0004_counts")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="GenerationCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generator_id",
                        "what",
                        "shard",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "generator",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.DO_NOTHING,
                        related_name="+",
                        to="workers.generator",
                    ),
                ),
                ("what", models.CharField(help_text="The state.", max_length=30)),
                ("shard", models.SmallIntegerField()),
                ("n", models.BigIntegerField()),
            ],
            options={"db_table": "workers_generation_count"},
        ),
        migrations.RunSQL(LOCK + ROOM, migrations.RunSQL.noop),
        migrations.RunSQL("".join(triggers()), "".join(dropped())),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
