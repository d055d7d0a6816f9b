import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exports", "0002_parts_given_out"),
        ("labeling", "0008_webhooks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Transfer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("choice", models.JSONField(help_text="What was asked for, as it was understood.")),
                (
                    "state",
                    models.CharField(
                        choices=[("sending", "on its way"), ("whole", "whole"), ("broken", "broken off")],
                        default="sending",
                        max_length=7,
                    ),
                ),
                ("rows", models.PositiveBigIntegerField(default=0)),
                ("bytes", models.PositiveBigIntegerField(default=0)),
                (
                    "sha256",
                    models.CharField(
                        blank=True, help_text="Of all bytes, in hexadecimal, once it is whole.", max_length=64
                    ),
                ),
                ("began_at", models.DateTimeField(auto_now_add=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="transfers", to="labeling.project"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("state", "sending")),
                            models.Q(("ended_at__isnull", False), ("state__in", ["whole", "broken"])),
                            _connector="OR",
                        ),
                        name="transfer_ends_when_it_ends",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "whole"), _negated=True),
                            models.Q(("sha256", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="transfer_whole_has_its_hash",
                    ),
                ],
            },
        ),
    ]
