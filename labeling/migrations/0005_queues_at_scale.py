from __future__ import annotations

from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# Where a seat stands in the order of offer, as one number: the lower the sooner. From the top: 22 bits of priority (higher
# ones first), then 41 of the queue's own order, in which 7 are the seat's. A task's seats stand together, but where
# one answer everywhere comes first.
PLACE = """
CREATE FUNCTION labeling_place(ordering text, priority integer, task bigint, seat integer, begun boolean)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ((2097152 - greatest(least(priority, 2097151), -2097151))::bigint << 41) | CASE ordering
        WHEN 'spread' THEN (seat::bigint << 34) | (task & 17179869183)
        WHEN 'random' THEN ((hashint8extended(task, 0) & 17179869183) << 7) | seat
        WHEN 'finish' THEN (CASE WHEN begun THEN 0 ELSE 1::bigint << 40 END) | ((task & 8589934591) << 7) | seat
        ELSE ((task & 17179869183) << 7) | seat
    END
$$
"""

FILL = """
UPDATE labeling_slot s SET place = labeling_place('oldest', s.priority, s.task_id, s.seat, false), language = p.language
FROM labeling_task t JOIN labeling_prompt p ON p.id = t.prompt_id WHERE t.id = s.task_id
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("labeling", "0004_counts"),
    ]

    operations: ClassVar = [
        migrations.RunSQL(PLACE, "DROP FUNCTION labeling_place(text, integer, bigint, integer, boolean)"),
        migrations.CreateModel(
            name="BatchPriority",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("batch", models.CharField(max_length=100)),
                ("priority", models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Bookmark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("after", models.BigIntegerField()),
                ("horizon", models.BigIntegerField()),
                (
                    "languages",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=35), null=True, size=None
                    ),
                ),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Opening",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("xid", models.BigIntegerField()),
                ("place", models.BigIntegerField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="QueuePerson",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ],
        ),
        migrations.RemoveIndex(
            model_name="slot",
            name="slot_next_open",
        ),
        migrations.AddField(
            model_name="membership",
            name="languages",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=35), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="membership",
            name="skills",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="queue",
            name="by_language",
            field=models.BooleanField(default=False, help_text="Only prompts in a language that the person reads."),
        ),
        migrations.AddField(
            model_name="queue",
            name="closes_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="queue",
            name="currency",
            field=models.CharField(blank=True, max_length=3),
        ),
        migrations.AddField(
            model_name="queue",
            name="hours",
            field=models.JSONField(
                blank=True, default=dict, help_text='{"timezone", "week": [{"days", "from", "to"}, …]}'
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="most_in_all",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="queue",
            name="most_in_hand",
            field=models.PositiveSmallIntegerField(default=2, help_text="The one in hand and one kept for after it."),
        ),
        migrations.AddField(
            model_name="queue",
            name="most_per_day",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="queue",
            name="open_to",
            field=models.CharField(
                choices=[("members", "Everybody in the project"), ("people", "The people named")],
                default="members",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="opens_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="queue",
            name="ordering",
            field=models.CharField(
                choices=[
                    ("oldest", "Oldest first"),
                    ("random", "Random, the same for everybody"),
                    ("finish", "Finish what was begun"),
                    ("spread", "One answer everywhere first"),
                ],
                default="oldest",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="price",
            field=models.DecimalField(
                blank=True, decimal_places=4, help_text="For one answer.", max_digits=10, null=True
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="skills",
            field=models.JSONField(blank=True, default=dict, help_text="{skill: least level}"),
        ),
        migrations.AddField(
            model_name="queue",
            name="skip_rules",
            field=models.JSONField(blank=True, default=dict, help_text='{reason: {"then", "after"?, "queue"?}}'),
        ),
        migrations.AddField(
            model_name="slot",
            name="language",
            field=models.CharField(blank=True, db_default="", default="", max_length=35),
        ),
        migrations.AddField(
            model_name="slot",
            name="place",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="slot",
            name="reopened_xid",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="slot",
            name="reserved_for",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField("queue", "opening_from", models.BigIntegerField(blank=True, null=True)),
        migrations.AddField("queue", "following_from", models.BigIntegerField(blank=True, null=True)),
        # Other indexes begin with these columns.
        migrations.AlterField(
            "slot",
            "annotator",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="slots",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            "slot",
            "queue",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="slots",
                to="labeling.queue",
            ),
        ),
        migrations.AlterField(
            "task",
            "queue",
            models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="tasks", to="labeling.queue"
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        # What a loader of an export has to see first (labeling.exports.examples).
        *(
            migrations.RunSQL(
                f"CREATE INDEX {name} ON labeling_prompt (project_id, id) WHERE messages @? '{path}'",
                f"DROP INDEX {name}",
            )
            for name, path in (
                ("prompt_with_tools", "$[*].tool_calls"),
                ("prompt_with_names", "$[*] ? (exists(@.name) || exists(@.tool_call_id))"),
            )
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(condition=models.Q(("state", "skipped")), fields=["queue", "id"], name="slot_skipped"),
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(condition=models.Q(("state", "open")), fields=["queue", "place"], name="slot_next_open"),
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(
                condition=models.Q(("reopened_xid__isnull", False), ("state", "open")),
                fields=["queue", "reopened_xid"],
                name="slot_reopened",
            ),
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(
                condition=models.Q(("reserved_for__isnull", False), ("state", "open")),
                fields=["queue", "reserved_for"],
                name="slot_reserved",
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.CheckConstraint(
                condition=models.Q(("ordering__in", ["oldest", "random", "finish", "spread"])),
                name="queue_ordering_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.CheckConstraint(
                condition=models.Q(("open_to__in", ["members", "people"])), name="queue_open_to_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.CheckConstraint(
                condition=models.Q(("most_in_hand__range", (1, 2))), name="queue_one_or_two_in_hand"
            ),
        ),
        migrations.AddField(
            model_name="batchpriority",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="batch_priorities", to="labeling.project"
            ),
        ),
        migrations.AddField(
            model_name="bookmark",
            name="annotator",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="bookmark",
            name="queue",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="labeling.queue"
            ),
        ),
        migrations.AddField(
            model_name="opening",
            name="annotator",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="opening",
            name="queue",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="labeling.queue"
            ),
        ),
        migrations.AddField(
            model_name="queueperson",
            name="queue",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="named", to="labeling.queue"
            ),
        ),
        migrations.AddField(
            model_name="queueperson",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="batchpriority",
            constraint=models.UniqueConstraint(fields=("project", "batch"), name="batch_priority_once"),
        ),
        migrations.AddConstraint(
            model_name="bookmark",
            constraint=models.UniqueConstraint(fields=("queue", "annotator"), name="bookmark_once"),
        ),
        migrations.AddIndex(
            model_name="opening",
            index=models.Index(fields=["queue", "xid"], name="opening_by_xid"),
        ),
        migrations.AddConstraint(
            model_name="queueperson",
            constraint=models.UniqueConstraint(fields=("queue", "user"), name="queue_person_once"),
        ),
    ]
