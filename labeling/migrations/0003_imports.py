from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("labeling", "0002_labelling_workbench")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="DuplicateGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("same", "The same"), ("near", "Nearly the same")], max_length=4)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "To be judged"), ("kept", "All kept"), ("thinned", "Some retired")],
                        default="open",
                        max_length=7,
                    ),
                ),
                ("size", models.PositiveIntegerField()),
                ("likeness", models.PositiveSmallIntegerField(default=100)),
                ("judged_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="DuplicateMember",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ],
        ),
        migrations.CreateModel(
            name="DuplicateSearch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=9,
                    ),
                ),
                ("reason", models.TextField(blank=True, help_text="Why it failed or was called off, in words.")),
                ("in_background", models.BooleanField(default=False)),
                ("claim", models.UUIDField(blank=True, null=True)),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("waiting_since", models.DateTimeField(default=django.utils.timezone.now)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("likeness", models.PositiveSmallIntegerField(null=True)),
                ("prompts", models.PositiveBigIntegerField(default=0, help_text="How many it is to look at.")),
                ("looked_at", models.PositiveBigIntegerField(default=0)),
                (
                    "groups",
                    models.PositiveBigIntegerField(
                        default=0, help_text="How many groups it found that nobody had judged."
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="prompt",
            name="normal_hash",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="promptimport",
            name="bytes_read",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="promptimport",
            name="claim",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="promptimport",
            name="claimed_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="promptimport",
            name="duplicates",
            field=models.PositiveBigIntegerField(
                default=0, help_text="Lines that came in though they say the same as a prompt with another key."
            ),
        ),
        migrations.AddField(
            model_name="promptimport",
            name="in_background",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="promptimport",
            name="reason",
            field=models.TextField(blank=True, help_text="Why it failed or was called off, in words."),
        ),
        migrations.AddField(
            model_name="promptimport",
            name="size",
            field=models.PositiveBigIntegerField(
                blank=True, help_text="Bytes of the whole file, where known.", null=True
            ),
        ),
        migrations.AddField(
            model_name="promptimport",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("running", "Running"),
                    ("done", "Done"),
                    ("cancelled", "Cancelled"),
                    ("failed", "Failed"),
                ],
                default="waiting",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="promptimport",
            name="stored_as",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="promptimport",
            name="tries",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="promptimport",
            name="waiting_since",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddField(
            model_name="rejectedline",
            name="text",
            field=models.TextField(blank=True, help_text="The line itself, or its beginning, where it was kept."),
        ),
        migrations.AddField(
            model_name="rejectedline",
            name="text_is_whole",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="prompt",
            name="last_import",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="labeling.promptimport",
            ),
        ),
        migrations.AlterField(
            model_name="prompt",
            name="project",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="prompts",
                to="labeling.project",
            ),
        ),
        migrations.AlterField(
            model_name="promptimport",
            name="finished_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunSQL(
            """
            UPDATE labeling_promptimport SET
                state = CASE WHEN finished_at IS NULL THEN 'failed' ELSE 'done' END,
                reason = CASE WHEN finished_at IS NULL THEN 'It broke off. Send the file again.' ELSE '' END,
                finished_at = COALESCE(finished_at, now())
            """,
            migrations.RunSQL.noop,
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(fields=["normal_hash", "project"], name="prompt_by_what_it_says"),
        ),
        migrations.RemoveConstraint(model_name="prompt", name="prompt_key_once_per_project"),
        migrations.AddConstraint(
            model_name="prompt",
            constraint=models.UniqueConstraint(fields=("key", "project"), name="prompt_key_once_per_project"),
        ),
        migrations.AddIndex(
            model_name="promptimport",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "running"])),
                fields=["state", "waiting_since"],
                name="promptimport_unfinished",
            ),
        ),
        migrations.AddConstraint(
            model_name="promptimport",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "running", "done", "cancelled", "failed"])),
                name="promptimport_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="promptimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("claim__isnull", False), ("claimed_until__isnull", False), ("state", "running")),
                    models.Q(
                        models.Q(("state", "running"), _negated=True),
                        ("claim__isnull", True),
                        ("claimed_until__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="promptimport_running_is_claimed",
            ),
        ),
        migrations.AddConstraint(
            model_name="promptimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at__isnull", True), ("state__in", ["waiting", "running"])),
                    models.Q(
                        models.Q(("state__in", ["waiting", "running"]), _negated=True), ("finished_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="promptimport_ended_at_its_end",
            ),
        ),
        migrations.AddField(
            model_name="duplicategroup",
            name="judged_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="duplicategroup",
            name="project",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="duplicate_groups",
                to="labeling.project",
            ),
        ),
        migrations.AddField(
            model_name="duplicatemember",
            name="group",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="members",
                to="labeling.duplicategroup",
            ),
        ),
        migrations.AddField(
            model_name="duplicatemember",
            name="prompt",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="labeling.prompt"
            ),
        ),
        migrations.AddField(
            model_name="duplicatesearch",
            name="by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="duplicatesearch",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="duplicate_searches", to="labeling.project"
            ),
        ),
        migrations.AddIndex(
            model_name="duplicategroup",
            index=models.Index(fields=["project", "state", "id"], name="duplicategroup_by_state"),
        ),
        migrations.AddConstraint(
            model_name="duplicategroup",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["same", "near"])), name="duplicategroup_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="duplicategroup",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "kept", "thinned"])), name="duplicategroup_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="duplicatemember",
            constraint=models.UniqueConstraint(fields=("group", "prompt"), name="duplicatemember_once_per_group"),
        ),
        migrations.AddIndex(
            model_name="duplicatesearch",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "running"])),
                fields=["state", "waiting_since"],
                name="duplicatesearch_unfinished",
            ),
        ),
        migrations.AddConstraint(
            model_name="duplicatesearch",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "running", "done", "cancelled", "failed"])),
                name="duplicatesearch_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="duplicatesearch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("claim__isnull", False), ("claimed_until__isnull", False), ("state", "running")),
                    models.Q(
                        models.Q(("state", "running"), _negated=True),
                        ("claim__isnull", True),
                        ("claimed_until__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="duplicatesearch_running_is_claimed",
            ),
        ),
        migrations.AddConstraint(
            model_name="duplicatesearch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at__isnull", True), ("state__in", ["waiting", "running"])),
                    models.Q(
                        models.Q(("state__in", ["waiting", "running"]), _negated=True), ("finished_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="duplicatesearch_ended_at_its_end",
            ),
        ),
    ]
