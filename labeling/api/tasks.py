"""What managers do with single tasks."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.base import ApiView, body, person
from labeling.api.schema import describe
from labeling.api.shapes import queues as shapes
from labeling.api.shapes.slots import SlotOutcome
from labeling.errors import Fault, Invalid
from labeling.models import Membership
from labeling.services import slots, tasks


class Retire(ApiView):
    @describe({200: shapes.Task}, request=shapes.TaskDeed, operation_id="retire_task")
    def post(self, request: Request, task_id: int) -> Response:
        """Takes a task out of its queue. Answers stay, and what somebody holds they may finish."""
        user = person(request)
        task = access.get_task(user, task_id)
        sent = body(request, shapes.TaskDeed, strict=True)
        return Response(shapes.Task(tasks.retire(task, reason=sent.get("reason", ""), by=user)).data)


class Reopen(ApiView):
    @describe({200: shapes.Task}, errors=(409,), operation_id="reopen_task")
    def post(self, request: Request, task_id: int) -> Response:
        """Brings a retired task back; of one that is done it asks for one answer more."""
        user = person(request)
        return Response(shapes.Task(tasks.reopen(access.get_task(user, task_id), by=user)).data)


class Hand(ApiView):
    @describe({200: shapes.Task}, request=shapes.Handing, errors=(409,), operation_id="hand_task")
    def post(self, request: Request, task_id: int) -> Response:
        """Hands a free seat of a task to a member: they get it next, and nobody else gets it meanwhile."""
        user = person(request)
        task = access.get_task(user, task_id)
        email = body(request, shapes.Handing, strict=True)["to"]
        found = Membership.objects.filter(project=task.queue.project_id, user__email__iexact=email)
        member = found.select_related("user").first()
        if member is None:
            raise Invalid("They are not in the project.", errors=[Fault("to", "Add them as a member first.")])
        tasks.hand(task, to=member.user, by=user)
        return Response(shapes.Task(task).data)


class Move(ApiView):
    @describe({200: shapes.TaskMoved}, request=shapes.TaskMoving, errors=(409,), operation_id="move_task")
    def post(self, request: Request, task_id: int) -> Response:
        """Retires a task and sees that its prompt has one in another queue of the project, opened again if need be."""
        user = person(request)
        task = access.get_task(user, task_id)
        queue = access.get_queue(user, body(request, shapes.TaskMoving, strict=True)["queue"])
        moved = tasks.move(task, to=queue, by=user)
        return Response(shapes.TaskMoved({"opened": int(moved.opened), "task": moved.task.pk}).data)


class FreeSlot(ApiView):
    @describe({204: "Anybody may take it."}, errors=(409,), operation_id="free_slot")
    def post(self, request: Request, slot_id: int) -> Response:
        """Takes back that a seat was handed to somebody who has not taken it yet."""
        user = person(request)
        slot = access.get_slot(user, slot_id)
        access.get_task(user, slot.task_id)
        tasks.hand_to_anybody(slot, by=user)
        return Response(status=204)


class TakeBack(ApiView):
    @describe({200: SlotOutcome}, errors=(409,), operation_id="take_back_slot")
    def post(self, request: Request, slot_id: int) -> Response:
        """Gives what somebody holds back to its queue, without their lease. Their draft stays. 409 if nobody does."""
        user = person(request)
        slot = access.get_slot(user, slot_id)
        access.get_task(user, slot.task_id)
        return Response(SlotOutcome(slots.release(slot, by=user)).data)
