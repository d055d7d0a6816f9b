"""Annotations: submitted answers, append-only."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils import timezone

from labeling.models.reviews import REPLACED, Verdict


class Annotation(models.Model):
    """Submitted answers to every question of a form. A correction is a new version, never an edit."""

    # The indexes below begin with them.
    slot = models.ForeignKey("labeling.Slot", on_delete=models.PROTECT, db_index=False, related_name="annotations")
    annotator = models.ForeignKey("labeling.User", on_delete=models.PROTECT, db_index=False, related_name="annotations")
    queue = models.ForeignKey("labeling.Queue", on_delete=models.PROTECT, db_index=False, related_name="annotations")
    version = models.PositiveIntegerField(default=1)
    answers = models.JSONField()
    form = models.ForeignKey("labeling.FormVersion", on_delete=models.PROTECT, related_name="annotations")
    guidelines = models.ForeignKey("labeling.GuidelinesVersion", on_delete=models.PROTECT, related_name="annotations")
    active_seconds = models.FloatField(null=True, blank=True, help_text="Time of focus and use, as the page saw it.")
    created_at = models.DateTimeField(default=timezone.now)
    # Taken back by its annotator within the first moments: kept as a record, but it is no answer any more.
    undone_at = models.DateTimeField(null=True, blank=True)
    # Empty while it waits for a review, then what the newest one says, and REPLACED once a newer version corrects it.
    # Kept by the services for lists and counts: what was said when is in the reviews themselves.
    verdict = models.CharField(
        max_length=10,
        choices=[*Verdict.choices, (REPLACED, "Corrected since")],
        blank=True,
        default="",
        db_default="",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["slot", "version"], name="annotation_version_once_per_slot"),
            models.CheckConstraint(condition=models.Q(version__gte=1), name="annotation_version_from_one"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["queue", "id"], name="annotation_by_queue"),
            models.Index(fields=["annotator", "queue", "id"], name="annotation_by_annotator"),
            # By their times, and not by their ids: PostgreSQL would go through the ids of all queues to save a sort.
            models.Index(
                fields=["queue", "created_at", "id"],
                include=["annotator"],
                condition=models.Q(verdict="", undone_at__isnull=True),
                name="annotation_to_review",
            ),
            models.Index(
                fields=["queue", "verdict", "id"],
                condition=models.Q(verdict__in=Verdict.values, undone_at__isnull=True),
                name="annotation_reviewed",
            ),
            # They come in the order of their times, so a page of the table says which it holds.
            BrinIndex(fields=["created_at"], autosummarize=True, name="annotation_by_time"),
        ]

    def __str__(self) -> str:
        return f"annotation {self.pk} (version {self.version})"
