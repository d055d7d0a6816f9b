"""Webhooks: the addresses that other programs gave to hear of a project, and the outbox of what is sent to them."""

from __future__ import annotations

import uuid
from typing import ClassVar
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone


class EventType(models.TextChoices):
    """What a webhook can be told of. Receivers rely on these words."""

    TASK_COMPLETED = "task.completed", "A task is completed: every answer that it asks for is submitted"
    RELEASE_BUILT = "release.built", "A release is built"


# Sent when a manager presses a button, to that webhook alone: nobody listens for it.
TEST = "webhook.test"


class WebhookState(models.TextChoices):
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    FAILED = "failed", "Switched off"


class Webhook(models.Model):
    """One address of a receiver, and which events of the project it is told of.

    While it is paused (by a manager) or failed (switched off by the platform, `reason` says why), nothing new is put
    into the outbox for it and nothing is sent.
    """

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, db_index=False, related_name="webhooks")
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, blank=True)
    types = ArrayField(models.CharField(max_length=50))
    # Kept readable, for each request is signed with it: docs/security.md says why. Shown once, and in no Event.
    secret = models.CharField(max_length=100)
    # The one before it signs too until then, so that a receiver has time to take over the new one.
    old_secret = models.CharField(max_length=100, blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=6, choices=WebhookState, default=WebhookState.ACTIVE)
    reason = models.TextField(blank=True, help_text="Why the platform switched it off, in words.")
    # The first failure since something was delivered last; null: the last try went well, or there was none.
    failing_since = models.DateTimeField(null=True, blank=True)
    # The receiver asked for a rest: nothing is sent to it before.
    rests_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=WebhookState.values), name="webhook_state_known"),
            models.CheckConstraint(condition=Q(types__len__gte=1), name="webhook_listens_for_something"),
            models.CheckConstraint(
                condition=Q(old_secret="", old_secret_until__isnull=True)
                | (~Q(old_secret="") & Q(old_secret_until__isnull=False)),
                name="webhook_old_secret_has_an_end",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["project", "id"], name="webhook_by_project")]

    def __str__(self) -> str:
        return f"webhook {self.pk} to {self.host}"

    @property
    def host(self) -> str:
        """The host, which may be told: the rest of an address is often a key."""
        return urlsplit(self.url).netloc


class DeliveryState(models.TextChoices):
    PENDING = "pending", "Waiting"
    SENDING = "sending", "Being sent"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"


class Delivery(models.Model):
    """One message for one webhook. The row is written in the transaction of what it tells of, so it stands for a deed
    that is done; it is the work, too: a worker claims it, sends it, and writes down what came of it.

    A claim is a token with an end that its holder keeps moving, as in labeling.models.background.
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, db_index=False, related_name="deliveries")
    # The same for all webhooks that are told of one event, and for every try: what `webhook-id` is made of.
    message = models.UUIDField(default=uuid.uuid4)
    type = models.CharField(max_length=50)
    data = models.JSONField()
    occurred_at = models.DateTimeField()
    state = models.CharField(
        max_length=9, choices=DeliveryState, default=DeliveryState.PENDING, db_default=DeliveryState.PENDING
    )
    # When it is to be sent; null for what is not waiting.
    due_at = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    # How often it was begun since it was put in, or since somebody asked to send it again.
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    # What came of the last try: the HTTP status (null where there was no answer), what to tell a person, and the
    # beginning of the body where the answer was no good one.
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(max_length=300, blank=True, default="", db_default="")
    body = models.TextField(blank=True, default="", db_default="")
    seconds = models.FloatField(null=True)
    tried_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_known"),
            models.CheckConstraint(
                condition=(
                    Q(state="sending", claim__isnull=False, claimed_until__isnull=False)
                    | (~Q(state="sending") & Q(claim__isnull=True, claimed_until__isnull=True))
                ),
                name="delivery_sending_is_claimed",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", due_at__isnull=False) | (~Q(state="pending") & Q(due_at__isnull=True)),
                name="delivery_pending_is_due",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "sending"], finished_at__isnull=True)
                | (~Q(state__in=["pending", "sending"]) & Q(finished_at__isnull=False)),
                name="delivery_ended_at_its_end",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["webhook", "id"], name="delivery_by_webhook"),
            models.Index(fields=["webhook", "due_at", "id"], condition=Q(state="pending"), name="delivery_due"),
            models.Index(fields=["webhook", "claimed_until"], condition=Q(state="sending"), name="delivery_sending"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="delivery_finished"),
            models.Index(fields=["webhook", "-tried_at"], condition=Q(tried_at__isnull=False), name="delivery_tried"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.message_id}"

    @property
    def message_id(self) -> str:
        """What the receiver gets as `webhook-id`: no full stop is in it, for the signature joins its parts by them."""
        return f"msg_{self.message.hex}"
