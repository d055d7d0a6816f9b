"""A queue while people work in it: who holds what, what waits for whom, how fast it goes, and what was skipped."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.base import ApiView, page, person, query
from labeling.api.schema import PageQuery, describe, page_of
from labeling.api.shapes.base import Fields, Known
from labeling.api.shapes.queues import SlotCounts
from labeling.models import QueueState, Role, SkipReason, TaskState
from labeling.selectors import live as reads
from labeling.selectors import queues as queue_reads
from labeling.services import slots


class TasksByState(Fields):
    open = serializers.IntegerField()
    done = serializers.IntegerField()
    retired = serializers.IntegerField()


class HeldSlot(Fields):
    slot = serializers.IntegerField(source="slot.pk")
    task = serializers.IntegerField(source="slot.task_id")
    annotator = serializers.CharField(source="slot.annotator.email")
    ahead = serializers.BooleanField(source="slot.ahead", help_text="Kept for after the one in hand.")
    leased_at = serializers.DateTimeField(source="slot.leased_at", allow_null=True)
    expires_at = serializers.DateTimeField(source="slot.lease_expires_at")


class HandedSlot(Fields):
    slot = serializers.IntegerField(source="slot.pk")
    task = serializers.IntegerField(source="slot.task_id")
    to = serializers.CharField(source="slot.reserved_for.email")
    barrier = serializers.CharField(
        source="barrier.code",
        default=None,
        allow_null=True,
        help_text="What keeps them from taking it now, if anything.",
    )


class PersonPace(Fields):
    annotator = serializers.CharField(source="person.email")
    quarter = serializers.IntegerField(help_text="Answers in the last 15 minutes.")
    hour = serializers.IntegerField(help_text="Answers in the last hour.")
    skipped = serializers.IntegerField(help_text="Skips in the last hour.")


class QueuePace(Fields):
    quarter = serializers.IntegerField()
    hour = serializers.IntegerField()
    people = PersonPace(many=True)


class QueueDay(Fields):
    day = serializers.DateField(help_text="Of UTC.")
    answers = serializers.IntegerField()
    skipped = serializers.IntegerField()


class QueueForecast(Fields):
    """What is left, and how long that takes; null where there is no pace to go by, or no price."""

    left = serializers.IntegerField(help_text="Seats that are open or held.")
    hours = serializers.FloatField(
        allow_null=True, help_text="At the pace of the last hour; where all of it was in its last quarter, of that."
    )
    days = serializers.FloatField(
        allow_null=True, help_text="At the pace of the seven days before today, or of those since the first answer."
    )
    cost = serializers.DecimalField(
        allow_null=True, max_digits=30, decimal_places=4, help_text="Of all seats; for managers."
    )
    cost_so_far = serializers.DecimalField(allow_null=True, max_digits=30, decimal_places=4, help_text="For managers.")
    currency = serializers.CharField(allow_blank=True)


class QueueLive(Fields):
    """What is held (`?held=` is the page of it) or waits for somebody is told of at most 200 slots: what is in hand
    before what is kept for after it, and whose lease ends first in front.
    """

    queue = serializers.IntegerField()
    state = Known(QueueState.values)
    gives_out = serializers.BooleanField(help_text="Open, and within its dates and opening hours.")
    tasks = TasksByState()
    slots = SlotCounts()
    held = HeldSlot(many=True)
    handed = HandedSlot(many=True)
    pace = QueuePace()
    days = QueueDay(many=True, help_text="The last fourteen, today at the end.")
    forecast = QueueForecast()


class LiveQuery(Fields):
    held = serializers.IntegerField(
        required=False, default=1, min_value=1, max_value=100_000, help_text="The page of what people hold, from 1 on."
    )


class LiveQueue(ApiView):
    @describe({200: QueueLive}, errors=(400,), query=LiveQuery, operation_id="get_queue_live")
    def get(self, request: Request, queue_id: int) -> Response:
        """Who holds what, how fast it goes, what is left and when it ends, at this moment."""
        user = person(request)
        queue = access.get_queue(user, queue_id, least=Role.REVIEWER)
        page_of_held = query(request, LiveQuery)["held"]
        counts = queue_reads.counts([queue])[queue.pk]
        pace, days = reads.pace(queue), reads.days(queue)
        shown: dict[str, Any] = QueueLive(
            {
                "queue": queue.pk,
                "state": queue.state,
                "gives_out": slots.gives_out(queue),
                "tasks": {state: reads.tasks_by_state(queue)[state] for state in TaskState.values},
                "slots": counts.slots,
                "held": reads.leases(queue, page=page_of_held),
                "handed": reads.handed(queue),
                "pace": pace,
                "days": days.bars,
                "forecast": reads.forecast(queue, counts, pace, days),
            }
        ).data
        if access.role_in(user, queue.project) != Role.MANAGER:
            shown["forecast"] |= {"cost": None, "cost_so_far": None}
        return Response(shown)


class SkipsQuery(PageQuery):
    reason = Known(SkipReason.values, required=False)


class SkippedSlot(Fields):
    slot = serializers.IntegerField(source="pk")
    task = serializers.IntegerField(source="task_id")
    task_state = Known(TaskState.values, source="task.state")
    prompt = serializers.IntegerField(source="task.prompt_id")
    annotator = serializers.CharField(source="annotator.email")
    reason = Known(SkipReason.values, source="skip_reason")
    comment = serializers.CharField(source="skip_comment", allow_blank=True)
    skipped_at = serializers.DateTimeField(source="finished_at")


class Skips(ApiView):
    @describe({200: page_of(SkippedSlot)}, errors=(400,), query=SkipsQuery, operation_id="list_skips")
    def get(self, request: Request, queue_id: int) -> Response:
        """What was skipped in a queue and why, the newest first."""
        queue = access.get_queue(person(request), queue_id, least=Role.MANAGER)
        reason = query(request, SkipsQuery).get("reason", "")
        return page(request, reads.skips(queue, reason), SkippedSlot, newest_first=True)
