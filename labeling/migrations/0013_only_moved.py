"""Queues that take no prompts by themselves: skip rules and managers move tasks to them. Skips are found by reason."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("labeling", "0012_project_license")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="queue",
            name="only_moved",
            field=models.BooleanField(
                db_default=False, default=False, help_text="It takes no prompts by itself: tasks are moved to it."
            ),
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(
                condition=models.Q(("state", "skipped")),
                fields=["queue", "skip_reason", "id"],
                name="slot_skipped_for_a_reason",
            ),
        ),
    ]
