"""Projects."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.base import ApiView, body, page, person
from labeling.api.schema import PageQuery, describe, page_of
from labeling.api.shapes import projects as shapes
from labeling.errors import NotAllowed
from labeling.models import Project, Role, User
from labeling.selectors import projects as reads
from labeling.services import projects


class Projects(ApiView):
    @describe({200: page_of(shapes.Project)}, errors=(400,), query=PageQuery, operation_id="list_projects")
    def get(self, request: Request) -> Response:
        """The projects that you are in."""
        user = person(request)
        return page(request, access.visible_projects(user), shapes.Project, lambda rows: reads.joined(user, rows))

    @describe(
        {201: shapes.ProjectDetail},
        request=shapes.NewProject,
        errors=(409,),
        operation_id="create_project",
    )
    def post(self, request: Request) -> Response:
        """Makes a project; you manage it. For staff, superusers and whoever manages a project already."""
        user = person(request)
        if not access.may_create_projects(user):
            raise NotAllowed("Only managers and staff make projects. Ask one of them to make it and to add you.")
        project = projects.create(**body(request, shapes.NewProject, strict=True), by=user)
        return Response(_detail(project, user), status=201)


class ProjectDetail(ApiView):
    @describe({200: shapes.ProjectDetail}, operation_id="get_project")
    def get(self, request: Request, slug: str) -> Response:
        """How far a project is: what is in it, and in each of its queues."""
        user = person(request)
        return Response(_detail(access.get_project(user, slug), user))

    @describe({200: shapes.ProjectDetail}, request=shapes.ProjectChange, operation_id="change_project")
    def patch(self, request: Request, slug: str) -> Response:
        """Sets a project's name, description and licence. Releases that were made keep what was said then."""
        user = person(request)
        project = access.get_project(user, slug, least=Role.MANAGER)
        project = projects.change(project, **body(request, shapes.ProjectChange, strict=True), by=user)
        return Response(_detail(project, user))


def _detail(project: Project, user: User) -> dict[str, object]:
    counts = reads.counts(project)
    return shapes.ProjectDetail(
        {
            "project": project,
            "role": access.role_in(user, project) or Role.ANNOTATOR,
            "guidelines_version": reads.guidelines_number(project),
            "counts": counts,
            "queues": counts.queues,
        }
    ).data
