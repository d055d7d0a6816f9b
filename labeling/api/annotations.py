"""Submitted answers, for programs that follow them."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.base import ApiView, page, person, query
from labeling.api.schema import describe, page_of
from labeling.api.shapes import slots as shapes
from labeling.errors import Fault, Invalid
from labeling.models import Project, Queue, Role
from labeling.selectors import annotations as reads
from labeling.text import typed_number


class Annotations(ApiView):
    @describe(
        {200: page_of(shapes.Annotation)},
        errors=(400,),
        query=shapes.AnnotationQuery,
        operation_id="list_annotations",
    )
    def get(self, request: Request, slug: str) -> Response:
        """Every version of every annotation, the oldest first.

        To follow them, ask with `since` the time of the last answer and pass over those that you know by their ids:
        an annotation that was being written at that moment can carry an earlier time.
        """
        user = person(request)
        project = access.get_project(user, slug, least=Role.MANAGER)
        rows = reads.with_subjects(access.visible_annotations(user, project))
        asked = query(request, shapes.AnnotationQuery)
        if "since" in asked:
            rows = rows.filter(created_at__gte=asked["since"])
        if "queue" in asked:
            rows = rows.filter(queue=queue_named(project, asked["queue"]))
        return page(request, rows, shapes.Annotation)


def queue_named(project: Project, name: str) -> Queue:
    """The queue of a project by its slug or id. Raises Invalid with the slugs that there are."""
    queue = project.queues.filter(slug=name).first()
    if queue is None and (number := typed_number(name)) is not None:
        queue = project.queues.filter(pk=number).first()
    if queue is None:
        known = ", ".join(project.queues.values_list("slug", flat=True)) or "none"
        raise Invalid(f"There is no queue “{name}” in this project.", errors=[Fault("queue", f"Known: {known}.")])
    return queue
