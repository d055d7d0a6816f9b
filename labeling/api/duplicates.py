"""Prompts that say the same, or nearly: having a project searched, and judging what was found."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access, models
from labeling.api.base import ApiView, body, page, person, query
from labeling.api.schema import PageQuery, describe, page_of
from labeling.api.shapes.base import Fields, Known
from labeling.errors import Conflict, Fault, Invalid, NotFound
from labeling.models import Project, Role, WorkState
from labeling.models.duplicates import GroupKind, GroupState
from labeling.selectors import duplicates as reads
from labeling.services import duplicates

STAYS = ("all", "first", "others")


class DuplicateSearch(Fields):
    id = serializers.IntegerField(source="pk")
    state = Known(WorkState.values)
    reason = serializers.CharField(allow_blank=True)
    likeness = serializers.IntegerField(allow_null=True, help_text="Percent; null: the very same alone.")
    prompts = serializers.IntegerField(help_text="How many it is to look at.")
    looked_at = serializers.IntegerField()
    groups = serializers.IntegerField(help_text="How many it found that nobody had judged.")
    by = serializers.CharField(source="by.email", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class NewDuplicateSearch(Fields):
    likeness = serializers.IntegerField(
        required=False, allow_null=True, help_text="90, 80 or 70 percent for what is nearly the same, too."
    )


class DuplicatePrompt(Fields):
    prompt = serializers.IntegerField(source="prompt.pk")
    external_id = serializers.CharField(source="prompt.external_id", allow_blank=True)
    opening = serializers.CharField(source="prompt.opening", allow_blank=True, help_text="The first user's text.")
    tasks = serializers.IntegerField()
    open_tasks = serializers.IntegerField()


class DuplicateGroup(Fields):
    id = serializers.IntegerField(source="group.pk")
    kind = Known(GroupKind.values, source="group.kind")
    state = Known(GroupState.values, source="group.state")
    size = serializers.IntegerField(source="group.size")
    likeness = serializers.IntegerField(source="group.likeness", help_text="Percent.")
    members = DuplicatePrompt(source="looks", many=True, help_text="The first six of them.")


class GroupsQuery(PageQuery):
    judged = serializers.BooleanField(required=False, default=False, help_text="1: those that were judged.")


class DuplicateJudgement(Fields):
    stays = Known(
        STAYS, help_text="`all`; `first`: the tasks of the others are retired; `others`: those of `retire` are retired."
    )
    retire = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), required=False, max_length=1000
    )


class DuplicatesJudged(Fields):
    left = serializers.IntegerField(help_text="Tasks that are yet to be retired: send the same again.")


class Duplicates(ApiView):
    @describe({200: page_of(DuplicateGroup)}, errors=(400,), query=GroupsQuery, operation_id="list_duplicates")
    def get(self, request: Request, slug: str) -> Response:
        """Groups of prompts that say the same and wait for a judgement, or those that have one."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        found = reads.groups(project, judged=query(request, GroupsQuery)["judged"])
        return page(request, found, DuplicateGroup, reads.rows)


class DuplicateSearches(ApiView):
    @describe({200: DuplicateSearch}, operation_id="get_duplicate_search")
    def get(self, request: Request, slug: str) -> Response:
        """The search that was asked for last."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        return Response(DuplicateSearch(_newest(project)).data)

    @describe({202: DuplicateSearch}, request=NewDuplicateSearch, errors=(409,), operation_id="search_duplicates")
    def post(self, request: Request, slug: str) -> Response:
        """Has a worker look through the project. 409 while a search is under way."""
        user = person(request)
        project = access.get_project(user, slug, least=Role.MANAGER)
        sent = body(request, NewDuplicateSearch, strict=True)
        return Response(
            DuplicateSearch(duplicates.search(project, likeness=sent.get("likeness"), by=user)).data, status=202
        )


class CancelSearch(ApiView):
    @describe({200: DuplicateSearch}, errors=(409,), operation_id="cancel_duplicate_search")
    def post(self, request: Request, slug: str) -> Response:
        """Calls the search off that is under way. What the one before it found stays."""
        user = person(request)
        search = _newest(access.get_project(user, slug, least=Role.MANAGER))
        duplicates.cancel(search, by=user)
        search.refresh_from_db()
        return Response(DuplicateSearch(search).data)


class JudgeGroup(ApiView):
    @describe({200: DuplicatesJudged}, request=DuplicateJudgement, errors=(409,), operation_id="judge_duplicates")
    def post(self, request: Request, slug: str, group_id: int) -> Response:
        """Says which prompts of a group stay, and retires the tasks of the others. Answers that were given stay."""
        user = person(request)
        group = access.get_duplicate_group(user, slug, group_id)
        sent = body(request, DuplicateJudgement, strict=True)
        if group.state != GroupState.OPEN:
            raise Conflict("This group is judged already.")
        return Response(DuplicatesJudged({"left": _judge(group, sent, by=user)}).data)


def _judge(group: models.DuplicateGroup, sent: dict[str, Any], *, by: Any) -> int:
    if sent["stays"] != "others" and "retire" in sent:
        raise Invalid("It says two things.", errors=[Fault("retire", "Only with “stays”: “others”.")])
    if sent["stays"] == "all":
        duplicates.keep(group, by=by)
        return 0
    return duplicates.thin(group, retire=sent.get("retire", []) if sent["stays"] == "others" else None, by=by)


def _newest(project: Project) -> models.DuplicateSearch:
    search = reads.newest_search(project)
    if search is None:
        raise NotFound("Nobody has had this project searched.")
    return search
