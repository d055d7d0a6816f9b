from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("labeling", "0011_settle")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="project",
            name="license",
            # Of the database, too: processes of the version before go on making projects until they are replaced.
            field=models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
    ]
