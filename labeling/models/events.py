"""The audit log."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone


class Event(models.Model):
    """One audit line: who did what to what, and when. Written by services, in the transaction of the deed."""

    # The indexes below begin with them.
    project = models.ForeignKey(
        "labeling.Project", on_delete=models.SET_NULL, null=True, db_index=False, related_name="events"
    )
    actor = models.ForeignKey(
        "labeling.User", on_delete=models.SET_NULL, null=True, db_index=False, related_name="events"
    )
    verb = models.CharField(max_length=50)
    target_type = models.CharField(max_length=30)
    target_id = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["project", "-id"], name="event_by_project"),
            models.Index(fields=["actor", "-id"], name="event_by_actor"),
            # Most of the log is labelling; what managers do stands far apart in it.
            models.Index(
                fields=["project", "-id"],
                condition=~models.Q(target_type__in=["slot", "annotation"]),
                name="event_of_managing",
            ),
            models.Index(fields=["target_type", "target_id"], name="event_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target_type} {self.target_id}"
