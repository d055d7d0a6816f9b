"""Downloading an export, and what there is to know about it."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.base import ApiView, person
from labeling.api.errors import as_json
from labeling.api.schema import describe
from labeling.exports import choices, stream
from labeling.exports.formats import FORMATS
from labeling.exports.policies import Edits, Pairs, Responses, Split, Style
from labeling.models import Role
from labeling.services import events


class ExportQuery(serializers.Serializer[Any]):
    """What to export. Read by `labeling.exports.choices.parse`; this describes it."""

    format = serializers.ChoiceField(
        choices=[(name, kind.title) for name, kind in FORMATS.items()], help_text="What one line looks like."
    )
    queue = serializers.CharField(required=False, help_text="The slug or the number of one queue; all without it.")
    pairs = serializers.ChoiceField(
        choices=[kind.value for kind in Pairs],
        required=False,
        default=Pairs.BEST_VS_WORST.value,
        help_text="Which pairs of a ranking become rows, for formats of pairs.",
    )
    edits = serializers.ChoiceField(
        choices=[kind.value for kind in Edits],
        required=False,
        default=Edits.OVER_ORIGINAL.value,
        help_text="Which pairs edited responses give, for formats of pairs: over the response that was edited, over "
        "those too that its editor put below that one, these pairs only, or none.",
    )
    responses = serializers.ChoiceField(
        choices=[kind.value for kind in Responses],
        required=False,
        default=Responses.ANY.value,
        help_text="What people wrote or edited, what they put first, or the second where the first is missing.",
    )
    # DRF's fields have a `style` of their own, for forms; what is declared here never becomes that attribute.
    style = serializers.ChoiceField(  # type: ignore[assignment]
        choices=[kind.value for kind in Style],
        required=False,
        default=Style.CONVERSATIONAL.value,
        help_text="Messages, or plain text for prompts of one turn, for formats that trainers take in both forms.",
    )
    split = serializers.ChoiceField(
        choices=[kind.value for kind in Split], required=False, help_text="One part of the dataset; all without it."
    )


class RemovedCount(serializers.Serializer[Any]):
    rule = serializers.CharField()
    count = serializers.IntegerField()
    meaning = serializers.CharField()


class ExportReport(serializers.Serializer[Any]):
    """What an export holds, what each rule left out of it, and what to know before training on it."""

    choice = serializers.DictField(child=serializers.CharField(), help_text="What was asked for, with defaults.")
    rows = serializers.IntegerField()
    prompts = serializers.IntegerField(help_text="How many prompts the rows come from.")
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Of the whole file, in hexadecimal; empty for an export without rows.")
    labels = serializers.DictField(
        child=serializers.IntegerField(), help_text="Rows labelled `true` and `false`, where the format has labels."
    )
    removed = RemovedCount(many=True)
    warnings = serializers.ListField(child=serializers.CharField())


def _choice(request: Request, slug: str) -> choices.Choice:
    project = access.get_project(person(request), slug, least=Role.MANAGER)
    return choices.parse(project, request.query_params.dict())


class Export(ApiView):
    @describe(
        {
            (200, "application/x-ndjson"): OpenApiResponse(
                {"type": "string", "format": "binary"}, description="One JSON object on each line."
            )
        },
        errors=(400, 409),
        query=ExportQuery,
        operation_id="export",
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """The file, streamed from one moment's view of the database.

        Where there is no row, 409 `empty_export` says why. If something fails on the way, the connection breaks off:
        a transfer that ended well is a whole file. The `Link` header names the report with the file's rows and hash.
        """
        choice = _choice(request, slug)
        try:
            export = stream.Export(choice, watch=False)
        except stream.EmptyExport as error:
            return Response(as_json(error), status=409)
        events.record("project.exported", choice.project, by=person(request), project=choice.project, **choice.as_dict)
        report = request.build_absolute_uri(f"{reverse('api-export-report', args=[slug])}?{choice.query}")
        return StreamingHttpResponse(
            export,
            content_type="application/x-ndjson",
            headers={
                "Content-Disposition": f'attachment; filename="{choice.filename}"',
                "Cache-Control": "no-store",
                "Link": f'<{report}>; rel="describedby"; type="application/json"',
                # Proxies that collect an answer before they pass it on would undo the streaming.
                "X-Accel-Buffering": "no",
            },
        )


class Report(ApiView):
    @describe({200: ExportReport}, errors=(400,), query=ExportQuery, operation_id="export_report")
    def get(self, request: Request, slug: str) -> Response:
        """Rows, bytes and SHA-256 of the export that the same query gives, what was left out, and warnings.

        It makes the whole export to know, so it takes as long. New answers change it.
        """
        return Response(stream.as_json(stream.measure(_choice(request, slug))))
