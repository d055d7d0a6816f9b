"""Long work that outlives the request that asked for it: the row is the queue, and a worker holds it by a claim."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone


class WorkState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


UNFINISHED = (WorkState.WAITING, WorkState.RUNNING)


class Work(models.Model):
    """What every such row has: its state, who holds it until when, and why it ended badly if it did.

    A claim is a token with an end that its holder keeps moving. Every write of the holder carries the token, so one
    that was silent for too long, or whose work was called off meanwhile, writes nothing any more.
    """

    state = models.CharField(max_length=9, choices=WorkState, default=WorkState.WAITING)
    reason = models.TextField(blank=True, help_text="Why it failed or was called off, in words.")
    # Whether a worker may take it up; if not, it is done within the request or command that began it.
    in_background = models.BooleanField(default=False)
    claim = models.UUIDField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    # How many times it was lost with its worker since it last got a step further.
    tries = models.PositiveSmallIntegerField(default=0)
    # Since when it waits: the longest wait is the next turn.
    waiting_since = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=WorkState.values), name="%(class)s_state_known"),
            models.CheckConstraint(
                condition=(
                    Q(state="running", claim__isnull=False, claimed_until__isnull=False)
                    | (~Q(state="running") & Q(claim__isnull=True, claimed_until__isnull=True))
                ),
                name="%(class)s_running_is_claimed",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running"], finished_at__isnull=True)
                | (~Q(state__in=["waiting", "running"]) & Q(finished_at__isnull=False)),
                name="%(class)s_ended_at_its_end",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["state", "waiting_since"],
                condition=Q(state__in=["waiting", "running"]),
                name="%(class)s_unfinished",
            ),
        ]

    @property
    def is_under_way(self) -> bool:
        """Whether it waits or is worked on."""
        return self.state in UNFINISHED
