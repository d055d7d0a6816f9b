"""Queues, and the next slot of one."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.base import ApiView, body, page, person
from labeling.api.schema import PageQuery, describe, page_of
from labeling.api.shapes import queues as shapes
from labeling.api.shapes.slots import Slot
from labeling.errors import Fault, Invalid
from labeling.models import Membership, Project, Queue, Role
from labeling.selectors import queues as reads
from labeling.selectors import slots as slot_reads
from labeling.services import batch_priorities, queues, slots


class Queues(ApiView):
    @describe({200: page_of(shapes.QueueSummary)}, errors=(400,), query=PageQuery, operation_id="list_queues")
    def get(self, request: Request, slug: str) -> Response:
        """The queues of a project, with their counts."""
        project = access.get_project(person(request), slug)
        return page(request, project.queues.all(), shapes.QueueSummary, reads.progress)

    @describe({201: shapes.QueueDetail}, request=shapes.NewQueue, errors=(409,), operation_id="create_queue")
    def post(self, request: Request, slug: str) -> Response:
        """Makes a queue from a preset or a form. Tasks and slots follow for every prompt that is ready."""
        user = person(request)
        project = access.get_project(user, slug, least=Role.MANAGER)
        sent = body(request, shapes.NewQueue, strict=True)
        sent["preset"] = sent.get("preset") or ""
        queue = queues.create(project, **_with_people(project, sent), by=user)
        return Response(_detail(queue), status=201)


class QueueDetail(ApiView):
    @describe({200: shapes.QueueDetail}, operation_id="get_queue")
    def get(self, request: Request, queue_id: int) -> Response:
        """A queue with its form and counts. Only its managers see whom it names, its price and its rules for skips."""
        user = person(request)
        queue = access.get_queue(user, queue_id)
        manages = access.role_in(user, queue.project) == Role.MANAGER
        return Response(_detail(queue) | ({} if manages else shapes.FOR_MANAGERS))

    @describe({200: shapes.QueueDetail}, request=shapes.QueueChange, operation_id="change_queue")
    def patch(self, request: Request, queue_id: int) -> Response:
        """Changes a queue while people work in it. Nothing that was submitted is lost."""
        user = person(request)
        queue = access.get_queue(user, queue_id, least=Role.MANAGER)
        sent = body(request, shapes.QueueChange, strict=True)
        queue = queues.change(queue, **_with_people(queue.project, sent), by=user)
        return Response(_detail(queue))


def _with_people(project: Project, sent: dict[str, Any]) -> dict[str, Any]:
    """What was sent, with the people of the project in the place of their addresses. Raises Invalid."""
    if "people" in sent:
        members = {
            member.user.email.lower(): member.user
            for member in Membership.objects.filter(project=project).select_related("user")
        }
        unknown = [email for email in sent["people"] if email.lower() not in members]
        if unknown:
            raise Invalid(
                "Not everybody named is in the project.",
                errors=[Fault("people", f"“{unknown[0]}” is no member of it. Add them first.")],
            )
        sent["people"] = [members[email.lower()] for email in sent["people"]]
    return sent


class BatchPriorities(ApiView):
    @describe(
        {200: page_of(shapes.BatchPriority)}, errors=(400,), query=PageQuery, operation_id="list_batch_priorities"
    )
    def get(self, request: Request, slug: str) -> Response:
        """The batches that add something to the priority of their prompts; all others add nothing."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        return page(request, project.batch_priorities.all(), shapes.BatchPriority)

    @describe({200: shapes.BatchPriority}, request=shapes.BatchPriority, operation_id="prioritise_batch")
    def put(self, request: Request, slug: str) -> Response:
        """Sets what a batch adds to the priority of its prompts, in all queues of the project."""
        user = person(request)
        project = access.get_project(user, slug, least=Role.MANAGER)
        sent = body(request, shapes.BatchPriority, strict=True)
        batch_priorities.set_priority(project, sent["batch"], sent["priority"], by=user)
        return Response(sent)


class NextSlot(ApiView):
    @describe({200: Slot, 204: "There is nothing for you now."}, operation_id="take_next_slot")
    def post(self, request: Request, queue_id: int) -> Response:
        """The slot that you hold already, with its lease renewed, or the next one that there is for you."""
        user = person(request)
        slot = slots.take_next(access.get_queue(user, queue_id), by=user)
        if slot is None:
            return Response(status=204)
        # It has the shape of Slot; to copy it field by field took longer than to claim the slot.
        return Response(slot_reads.payload(slot, user=user))


def _detail(queue: Queue) -> dict[str, object]:
    return shapes.QueueDetail(reads.progress([queue])[0]).data
