"""What batches add to the priority of their prompts."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from labeling.errors import Fault, Invalid
from labeling.models import BatchPriority, Project, Queue, User
from labeling.services import events, locks, seats
from labeling.services.queue_settings import whole


def set_priority(project: Project, batch: Any, priority: Any, *, by: User) -> None:
    """What a batch adds to the priority of its prompts in every queue, from now on; 0 takes it away.

    Seats that are there follow in steps, as with a queue's own settings. Raises Invalid.
    """
    if not isinstance(batch, str) or not 1 <= len(batch) <= 100:
        raise Invalid(
            "There is no such batch.", errors=[Fault("batch", "Give a batch's name, of 1 to 100 characters.")]
        )
    number = whole(priority, "priority", low=-1_000_000, high=1_000_000)
    with transaction.atomic():
        locks.hold_queues(project)
        if number:
            BatchPriority.objects.update_or_create(project=project, batch=batch, defaults={"priority": number})
        else:
            BatchPriority.objects.filter(project=project, batch=batch).delete()
        queues = list(Queue.objects.select_for_update(no_key=True).filter(project=project).order_by("pk"))
        Queue.objects.filter(pk__in=[queue.pk for queue in queues]).update(following_from=0)
        events.record("batch.prioritised", project, by=by, project=project, batch=batch, priority=number)
    for queue in queues:
        seats.follow(queue, seconds=seats.PATIENCE / len(queues))
