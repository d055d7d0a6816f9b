from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("labeling", "0006_candidates_put_aside"),
    ]

    operations: ClassVar = [
        migrations.AddField("queue", "following_overlap", models.BooleanField(db_default=False, default=False)),
        # What is being followed at this moment may be an overlap.
        migrations.RunSQL(
            "UPDATE labeling_queue SET following_overlap = true WHERE following_from IS NOT NULL",
            migrations.RunSQL.noop,
        ),
    ]
