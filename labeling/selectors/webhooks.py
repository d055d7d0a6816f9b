"""The webhooks of a project, and what was sent to them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from labeling.models import Delivery, DeliveryState, Project, Webhook

COUNTED = 1000  # of what waits, before it is only “more than”


@dataclass(frozen=True)
class Standing:
    """A webhook with how much waits for it (`COUNTED` and one for more), and what was tried last."""

    webhook: Webhook
    waiting: int
    last: Delivery | None

    @property
    def waiting_in_words(self) -> str:
        """The number, or “more than …”."""
        return f"more than {COUNTED:,}" if self.waiting > COUNTED else f"{self.waiting:,}"


def of_project(project: Project) -> QuerySet[Webhook]:
    """The webhooks of a project."""
    return Webhook.objects.filter(project=project)


def standing(webhook: Webhook) -> Standing:
    """How a webhook stands."""
    waiting = deliveries(webhook, state=DeliveryState.PENDING).order_by()[: COUNTED + 1].count()
    last = deliveries(webhook).filter(tried_at__isnull=False).order_by("-tried_at").first()
    return Standing(webhook, waiting, last)


def deliveries(webhook: Webhook, *, state: str = "") -> QuerySet[Delivery]:
    """What was put into the outbox for a webhook, or what of it is in one state."""
    found = Delivery.objects.filter(webhook=webhook)
    return found.filter(state=state) if state else found
