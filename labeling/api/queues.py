"""Queues, and the next slot of one."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api import serializers as shapes
from labeling.api.base import ApiView, body, page, person
from labeling.api.schema import PageQuery, describe, page_of
from labeling.models import Queue, Role
from labeling.selectors import queues as reads
from labeling.selectors import slots as slot_reads
from labeling.services import queues, slots


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
        queue = queues.create(project, **sent, by=user)
        return Response(_detail(queue), status=201)


class QueueDetail(ApiView):
    @describe({200: shapes.QueueDetail}, operation_id="get_queue")
    def get(self, request: Request, queue_id: int) -> Response:
        """A queue with its form and counts."""
        return Response(_detail(access.get_queue(person(request), queue_id)))

    @describe({200: shapes.QueueDetail}, request=shapes.QueueChange, operation_id="change_queue")
    def patch(self, request: Request, queue_id: int) -> Response:
        """Changes a queue while people work in it. Nothing that was submitted is lost."""
        user = person(request)
        queue = access.get_queue(user, queue_id, least=Role.MANAGER)
        queue = queues.change(queue, **body(request, shapes.QueueChange, strict=True), by=user)
        return Response(_detail(queue))


class NextSlot(ApiView):
    @describe({200: shapes.Slot, 204: "There is nothing for you now."}, operation_id="take_next_slot")
    def post(self, request: Request, queue_id: int) -> Response:
        """The slot that you hold already, with its lease renewed, or the next one that there is for you."""
        user = person(request)
        slot = slots.take_next(access.get_queue(user, queue_id), by=user)
        if slot is None:
            return Response(status=204)
        return Response(shapes.Slot(slot_reads.payload(slot, user=user)).data)


def _detail(queue: Queue) -> dict[str, object]:
    return shapes.QueueDetail(reads.progress([queue])[0]).data
