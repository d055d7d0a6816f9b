"""Reviews of annotations, what is kept of them on the annotations, and how many answers have which verdict."""

from importlib import import_module
from typing import ClassVar

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

counts = import_module("labeling.migrations.0004_counts")

# Answers with a verdict are counted for whoever gave them, beside those to each version of the form.
BY_FORM = counts.COUNTED["annotation"]
BY_VERDICT = """
        UNION ALL SELECT queue_id, verdict || '.' || annotator_id FROM {rows}
        WHERE undone_at IS NULL AND verdict IN ('accepted', 'rejected')"""
MINE = "what LIKE 'annotation.%'"
MINE_BY_VERDICT = f"{MINE} OR what LIKE 'accepted.%' OR what LIKE 'rejected.%'"

# Of the versions of an answer the newest waits for a review.
OLDER = """
UPDATE labeling_annotation a SET verdict = 'replaced'
WHERE a.undone_at IS NULL AND EXISTS (
    SELECT 1 FROM labeling_annotation n
    WHERE n.slot_id = a.slot_id AND n.version > a.version AND n.undone_at IS NULL
)
"""


def counting(counted: str, mine: str) -> list[str]:
    """The functions of the triggers on annotations, made anew."""
    written = []
    for event, (_, rows) in counts.STATEMENTS.items():
        moved = " UNION ALL ".join(
            f"SELECT *, {counts.SIGNS[name]} FROM ({counted.format(rows=name)}) {name}"  # noqa: S608 - our own names
            for name in rows
        )
        written.append(
            counts.function(f"labeling_annotation_{event}_counted", counts.add("labeling_count", "queue_id", moved))
        )
    forgotten = f"\nDELETE FROM labeling_count WHERE {mine};\n"
    written.append(counts.function("labeling_annotation_truncate_counted", forgotten))
    return [text.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION") for text in written]


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("labeling", "0013_only_moved"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "verdict",
                    models.CharField(choices=[("accepted", "Accepted"), ("rejected", "Rejected")], max_length=10),
                ),
                (
                    "reason",
                    models.TextField(
                        blank=True, default="", help_text="What is wrong: for the annotator, and for the record."
                    ),
                ),
                ("again", models.BooleanField(default=False, help_text="One answer more was asked for with it.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="ReviewHold",
            fields=[
                (
                    "annotation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="review_hold",
                        serialize=False,
                        to="labeling.annotation",
                    ),
                ),
                ("until", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="annotation",
            name="verdict",
            field=models.CharField(
                blank=True,
                choices=[("accepted", "Accepted"), ("rejected", "Rejected"), ("replaced", "Corrected since")],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="annotation",
            index=models.Index(
                condition=models.Q(("undone_at__isnull", True), ("verdict", "")),
                fields=["queue", "created_at", "id"],
                include=("annotator",),
                name="annotation_to_review",
            ),
        ),
        migrations.AddIndex(
            model_name="annotation",
            index=models.Index(
                condition=models.Q(("undone_at__isnull", True), ("verdict__in", ["accepted", "rejected"])),
                fields=["queue", "verdict", "id"],
                name="annotation_reviewed",
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="annotation",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reviews",
                to="labeling.annotation",
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="queue",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="reviews", to="labeling.queue"
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="reviewer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="reviews", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="reviewhold",
            name="queue",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="labeling.queue"
            ),
        ),
        migrations.AddField(
            model_name="reviewhold",
            name="reviewer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["annotation", "-id"], name="review_by_annotation"),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["queue", "id"], name="review_by_queue"),
        ),
        migrations.AddIndex(
            model_name="review",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="review_by_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("verdict", "rejected"), _negated=True),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="review_rejects_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewhold",
            constraint=models.UniqueConstraint(fields=("queue", "reviewer"), name="review_hold_one_each"),
        ),
        migrations.RunSQL(
            counting(BY_FORM + BY_VERDICT, MINE_BY_VERDICT),
            [*counting(BY_FORM, MINE), "DELETE FROM labeling_count WHERE what ~ '^(accepted|rejected)'"],
        ),
        migrations.RunSQL(OLDER, migrations.RunSQL.noop),
    ]
