"""Importing prompts, and the reports on it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from labeling import access
from labeling.api import uploads
from labeling.api.base import ApiView, page, person, query
from labeling.api.schema import PageQuery, describe, page_of
from labeling.api.shapes import prompts as shapes
from labeling.models import PromptImport, Role
from labeling.selectors import imports as reads
from labeling.services import imports


class Prompts(ApiView):
    @describe(
        {200: shapes.Import, 202: shapes.ImportSummary},
        request=dict.fromkeys(uploads.BODY_TYPES, OpenApiTypes.BINARY) | {"multipart/form-data": shapes.PromptFile},
        errors=(409, 413, 507),
        query=shapes.ImportQuery,
        operation_id="import_prompts",
    )
    def post(self, request: Request, slug: str) -> Response:
        """Imports a file of prompts, of any size: it is read as it comes in. Good lines land though others are bad.

        A line that is known changes nothing, so a file can be sent again, also after it broke off. With
        `background=1` the file is stored for a worker to read, and the answer says where to see how far it is.
        """
        user = person(request)
        project = access.get_project(user, slug, least=Role.MANAGER)
        asked = query(request, shapes.ImportQuery)
        upload = uploads.open_upload(request._request, asked["source"])
        given: dict[str, Any] = {"source": upload.source, "filename": upload.filename, "by": user}
        if asked["background"]:
            links = _links(request, slug, imports.send(project, upload.whole(), **given))
            return Response(shapes.ImportSummary(links).data, status=202, headers={"Location": links["report_url"]})
        done = imports.import_lines(project, upload.lines(), size=upload.size, read=upload.bytes_read, **given)
        return Response(shapes.Import(_report(request, slug, done.record)).data)


class Imports(ApiView):
    @describe({200: page_of(shapes.ImportSummary)}, errors=(400,), query=PageQuery, operation_id="list_imports")
    def get(self, request: Request, slug: str) -> Response:
        """The files that were sent in, the newest first."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        rows = PromptImport.objects.filter(project=project).select_related("by")
        links = partial(_links, request, slug)
        return page(request, rows, shapes.ImportSummary, lambda found: [*map(links, found)], newest_first=True)


class ImportReport(ApiView):
    @describe({200: shapes.ImportReport}, operation_id="get_import")
    def get(self, request: Request, slug: str, import_id: int) -> Response:
        """What became of a file: the counts and its first rejected lines."""
        record = access.get_import(person(request), slug, import_id)
        return Response(shapes.ImportReport(_report(request, slug, record)).data)


class CancelImport(ApiView):
    @describe({200: shapes.ImportReport}, errors=(409,), operation_id="cancel_import")
    def post(self, request: Request, slug: str, import_id: int) -> Response:
        """Calls an import off. Lines that are in stay. 409 when it has ended."""
        user = person(request)
        record = access.get_import(user, slug, import_id)
        imports.cancel(record, by=user)
        record.refresh_from_db()
        return Response(shapes.ImportReport(_report(request, slug, record)).data)


class RejectedLines(ApiView):
    @describe({(200, "application/x-ndjson"): OpenApiTypes.STR}, operation_id="download_rejected_lines")
    def get(self, request: Request, slug: str, import_id: int) -> StreamingHttpResponse:
        """Every rejected line that was kept, as JSON objects of `line`, `message` and, where it was kept, `text`."""
        record = access.get_import(person(request), slug, import_id)
        answer = StreamingHttpResponse(reads.rejected_as_jsonl(record), content_type="application/x-ndjson")
        answer["Content-Disposition"] = f'attachment; filename="rejected-{record.pk}.jsonl"'
        return answer


def _links(request: Request, slug: str, record: PromptImport) -> dict[str, Any]:
    place = {"slug": slug, "import_id": record.pk}
    return {
        "record": record,
        "report_url": reverse("api-import", kwargs=place, request=request),
        "cancel_url": reverse("api-import-cancel", kwargs=place, request=request),
        "rejected_url": reverse("api-import-rejected", kwargs=place, request=request),
    }


def _report(request: Request, slug: str, record: PromptImport) -> dict[str, Any]:
    return {**_links(request, slug, record), "errors": reads.first_rejected(record)}
