"""Who is in a project."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.base import ApiView, body, page, person
from labeling.api.schema import PageQuery, describe, page_of
from labeling.api.shapes import projects as shapes
from labeling.models import Membership, Role
from labeling.services import projects


class Members(ApiView):
    @describe({200: page_of(shapes.Member)}, errors=(400,), query=PageQuery, operation_id="list_members")
    def get(self, request: Request, slug: str) -> Response:
        """The members of a project."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        members = Membership.objects.filter(project=project).select_related("user")
        return page(request, members, shapes.Member)

    @describe(
        {201: shapes.Member, 200: shapes.Member},
        request=shapes.NewMember,
        errors=(409,),
        operation_id="add_member",
    )
    def post(self, request: Request, slug: str) -> Response:
        """Gives a person a role: 201 when they are new here, 200 when they were in it already.

        A new address gets an account without a password. The role of the last manager stays: 409.
        """
        user = person(request)
        project = access.get_project(user, slug, least=Role.MANAGER)
        sent = body(request, shapes.NewMember, strict=True)
        member, created = projects.add_member(project, email=sent["email"], role=sent["role"], by=user)
        return Response(shapes.Member(member).data, status=201 if created else 200)


class Member(ApiView):
    @describe({200: shapes.Member}, request=shapes.MemberChange, errors=(409,), operation_id="change_member")
    def patch(self, request: Request, slug: str, membership_id: int) -> Response:
        """Sets a person's role, skills and languages. Queues may ask for them."""
        user = person(request)
        membership = access.get_membership(user, slug, membership_id)
        sent = body(request, shapes.MemberChange, strict=True)
        return Response(shapes.Member(projects.change_member(membership, **sent, by=user)).data)

    @describe({204: "The person is out; their work stays."}, errors=(409,), operation_id="remove_member")
    def delete(self, request: Request, slug: str, membership_id: int) -> Response:
        """Takes a person out of a project."""
        user = person(request)
        projects.remove_member(access.get_membership(user, slug, membership_id), by=user)
        return Response(status=204)
