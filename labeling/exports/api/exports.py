"""Downloading an export, and what there is to know about it."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.base import ApiView, person
from labeling.api.errors import as_json
from labeling.api.schema import describe
from labeling.courtesy import GiveWay
from labeling.exports import beside, choices, stream
from labeling.exports.access import get_transfer
from labeling.exports.formats import FORMATS
from labeling.exports.models import TransferState
from labeling.exports.services import transfers
from labeling.exports.settings import SETTINGS, Setting
from labeling.models import Role

_MEDIA_TYPE = "application/x-ndjson"


class ExportQuery(serializers.Serializer[Any]):
    """What to export. Read by `labeling.exports.choices.parse`; this describes it."""

    format = serializers.ChoiceField(
        choices=[(name, kind.title) for name, kind in FORMATS.items()], help_text="What one line looks like."
    )
    queue = serializers.CharField(required=False, help_text="The slug or the number of one queue; all without it.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return super().get_fields() | {setting.name: _field(setting) for setting in SETTINGS}


def _field(setting: Setting) -> serializers.Field[Any, Any, Any, Any]:
    known: dict[str, Any] = {"required": False, "help_text": setting.help}
    if setting.default_text:
        known["default"] = setting.default_text
    if setting.titles:
        return serializers.ChoiceField(choices=[str(value) for value in setting.titles], **known)
    known["help_text"] += f" Such as {setting.kind.example}."
    return serializers.CharField(**known)


class RemovedCount(serializers.Serializer[Any]):
    rule = serializers.CharField()
    count = serializers.IntegerField()
    meaning = serializers.CharField()


class ExportReport(serializers.Serializer[Any]):
    """What an export holds, what each rule left out of it, and what to know before training on it."""

    choice = serializers.DictField(
        child=serializers.CharField(),
        help_text="What was asked for, as it was understood: what the format uses, and what differs from its default.",
    )
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
            (200, _MEDIA_TYPE): OpenApiResponse(
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
        a transfer that ended well is a whole file. The `Link` header names two addresses: `describedby` is the report
        of what such an export holds now; `status` is this export's own, which says once all was sent how many rows and
        bytes it had, and their hash. HEAD tells whether there is anything, and leaves no such record.
        """
        choice = _choice(request, slug)
        try:
            export = stream.Export(choice, watch=False, between=GiveWay())
        except stream.EmptyExport as error:
            return Response(as_json(error), status=409)
        if request.method == "HEAD":
            # Nothing is sent, so there is nothing to keep a record of.
            export.close()
            return HttpResponse(content_type=_MEDIA_TYPE, headers=_headers(request, slug, choice))
        transfer = transfers.begin(choice, by=person(request))
        sent = request.build_absolute_uri(reverse("api-export-sent", args=[slug, transfer.pk]))
        headers = _headers(request, slug, choice)
        headers["Link"] += f', <{sent}>; rel="status"; type="application/json"'
        return StreamingHttpResponse(transfers.Sent(export, transfer), content_type=_MEDIA_TYPE, headers=headers)


def _headers(request: Request, slug: str, choice: choices.Choice) -> dict[str, str]:
    report = request.build_absolute_uri(f"{reverse('api-export-report', args=[slug])}?{choice.query}")
    return {
        "Content-Disposition": f'attachment; filename="{choice.filename}"',
        "Cache-Control": "no-store",
        "Link": f'<{report}>; rel="describedby"; type="application/json"',
        # Proxies that collect an answer before they pass it on would undo the streaming.
        "X-Accel-Buffering": "no",
    }


class SentExport(serializers.Serializer[Any]):
    """What was sent of an export."""

    id = serializers.IntegerField(source="pk")
    state = serializers.ChoiceField(
        choices=TransferState.choices, help_text="`whole` once all was sent; `broken` where it broke off."
    )
    choice = serializers.DictField(child=serializers.CharField())
    rows = serializers.IntegerField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Of the whole file, in hexadecimal; empty until it is whole.")
    began_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class Sent(ApiView):
    @describe({200: SentExport}, operation_id="export_sent")
    def get(self, request: Request, slug: str, transfer_id: int) -> Response:
        """Rows, bytes and SHA-256 of one export as it was sent: compare them with the file that arrived."""
        return Response(SentExport(get_transfer(person(request), slug, transfer_id)).data)


class DatasetInfo(ApiView):
    @describe({200: OpenApiTypes.OBJECT}, errors=(400, 409), query=ExportQuery, operation_id="export_dataset_info")
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """`dataset_info.json` of LLaMA-Factory for the file that the same query gives, under the name it comes with.

        It names the columns that the rows have. 400 for a format whose loaders need no such file, and 409
        `empty_export` where there is no row.
        """
        choice = _choice(request, slug)
        beside.require(choice)
        try:
            with closing(stream.Export(stream.unshuffled(choice), watch=False)) as export:
                found = beside.entries(choice, choice.filename, export.columns)
        except stream.EmptyExport as error:
            return Response(as_json(error), status=409)
        return HttpResponse(
            beside.encoded(found),
            content_type="application/json",
            headers={
                "Content-Disposition": f'attachment; filename="{beside.NAME}"',
                "Cache-Control": "no-store",
            },
        )


class Report(ApiView):
    @describe({200: ExportReport}, errors=(400,), query=ExportQuery, operation_id="export_report")
    def get(self, request: Request, slug: str) -> Response:
        """Rows, bytes and SHA-256 of the export that the same query gives, what was left out, and warnings.

        It makes the whole export to know, so it takes as long. New answers change it.
        """
        return Response(stream.as_json(stream.measure(_choice(request, slug), between=GiveWay())))
