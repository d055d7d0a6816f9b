"""Reviews: what a reviewer says of submitted answers, append-only."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils import timezone


class Verdict(models.TextChoices):
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"


# What stands on an annotation in the place of a verdict once a newer version corrects it.
REPLACED = "replaced"


class Review(models.Model):
    """A reviewer's verdict on an annotation. Another one is a new row, never an edit: the newest is in force."""

    # The indexes below begin with them.
    annotation = models.ForeignKey(
        "labeling.Annotation", on_delete=models.PROTECT, db_index=False, related_name="reviews"
    )
    queue = models.ForeignKey("labeling.Queue", on_delete=models.PROTECT, db_index=False, related_name="reviews")
    reviewer = models.ForeignKey("labeling.User", on_delete=models.PROTECT, related_name="reviews")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    reason = models.TextField(blank=True, default="", help_text="What is wrong: for the annotator, and for the record.")
    again = models.BooleanField(default=False, help_text="One answer more was asked for with it.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~models.Q(verdict="rejected") | ~models.Q(reason=""), name="review_rejects_for_a_reason"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["annotation", "-id"], name="review_by_annotation"),
            models.Index(fields=["queue", "id"], name="review_by_queue"),
            # They come in the order of their times.
            BrinIndex(fields=["created_at"], autosummarize=True, name="review_by_time"),
        ]

    def __str__(self) -> str:
        return f"review {self.pk} ({self.verdict})"


class ReviewHold(models.Model):
    """Which answers a reviewer has before them, so that two who review a queue at once do not read the same.

    It only spreads them: a verdict needs no hold, and one that has run out holds nobody up.
    """

    annotation = models.OneToOneField(
        "labeling.Annotation", on_delete=models.CASCADE, primary_key=True, related_name="review_hold"
    )
    queue = models.ForeignKey("labeling.Queue", on_delete=models.CASCADE, db_index=False, related_name="+")
    reviewer = models.ForeignKey("labeling.User", on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["queue", "reviewer"], name="review_hold_one_each"),
        ]

    def __str__(self) -> str:
        return f"hold on annotation {self.annotation_id}"
