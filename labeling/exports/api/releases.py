"""Releases: asking for one, following it, its files, and people who withdraw."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from labeling import access
from labeling.api.base import ApiView, StrictJSON, body, page, person
from labeling.api.schema import PageQuery, describe, page_of
from labeling.api.shapes.base import Fields, Known
from labeling.api.uploads import length_of
from labeling.errors import Conflict, Fault, Invalid, NotFound
from labeling.exports import benchmarks, manifests, models, stored
from labeling.exports.access import get_release
from labeling.exports.api import asking, serving
from labeling.exports.files import KINDS
from labeling.exports.formats import FORMATS
from labeling.exports.services import releases, withdrawals
from labeling.models import Role, User, WorkState
from labeling.services import events


class NewRelease(Fields):
    """What a release is to hold. The services judge the values."""

    format = serializers.JSONField(required=False, help_text=f"One of: {', '.join(FORMATS)}.")
    formats = serializers.JSONField(required=False, help_text="Several of them, as a list; else send `format`.")
    filters = serializers.JSONField(
        required=False, allow_null=True, help_text="The settings of an export, but for format and split."
    )
    splits = serializers.JSONField(
        required=False,
        allow_null=True,
        help_text="true for 80, 10 and 10 percent; `{train, validation, test}` in percent or as fractions of 1; or "
        '`"tags"` to have the tags of prompts decide. Without it nothing is divided.',
    )
    files = serializers.JSONField(
        required=False, allow_null=True, help_text=f"One of: {', '.join(KINDS)}; `jsonl` without it."
    )
    title = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    benchmark_of = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="The number of a release of this project: rows that share words with its benchmark are left out.",
    )


class NewReleaseForm(Fields):
    """A release that is compared with a benchmark which is sent along."""

    release = NewRelease(help_text="What a call without a form takes as its body, as JSON.")
    benchmark = serializers.FileField(
        help_text="Plain text or JSON Lines in UTF-8, a text a line: rows that share words with it are left out."
    )


class ReleaseFile(Fields):
    path = serializers.CharField()
    format = serializers.CharField(allow_blank=True, help_text="Empty for what goes beside the rows.")
    split = serializers.CharField(allow_blank=True)
    rows = serializers.IntegerField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    media_type = serializers.CharField()
    url = serializers.CharField()


class ReleaseProgress(Fields):
    prompts = serializers.IntegerField(source="prompts_done")
    of = serializers.IntegerField(source="prompts_of", allow_null=True, help_text="null until they are counted.")
    percent = serializers.IntegerField(allow_null=True)


class ReleaseAsked(Fields):
    formats = serializers.ListField(child=serializers.CharField())
    choices = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))
    splits = serializers.JSONField(
        allow_null=True,
        help_text='`{train, validation, test}` in percent, `"tags"` where tags decide, null where nothing is divided.',
    )
    files = Known(KINDS)
    benchmark = serializers.CharField(
        default="", allow_blank=True, help_text="The SHA-256 of the runs of words of the benchmark; empty without one."
    )


class ReleaseSummary(Fields):
    number = serializers.IntegerField(source="release.number")
    title = serializers.CharField(source="release.title", allow_blank=True)
    state = Known(WorkState.values, source="release.state")
    reason = serializers.CharField(
        source="release.reason", allow_blank=True, help_text="Why it failed or was called off, or what it waits for."
    )
    by = serializers.CharField(source="release.by.email", default=None, allow_null=True)
    asked = ReleaseAsked(source="release.asked")
    cutoff = serializers.DateTimeField(source="release.cutoff", help_text="What stood at this moment is in it.")
    progress = ReleaseProgress(source="release")
    counts = serializers.DictField(
        source="release.counts", child=serializers.IntegerField(), help_text="Empty until it is built."
    )
    warnings = serializers.ListField(
        source="release.asked.warnings",
        child=serializers.CharField(),
        default=list,
        help_text="What to know about how it is divided; the manifest has those of each format.",
    )
    created_at = serializers.DateTimeField(source="release.created_at")
    finished_at = serializers.DateTimeField(source="release.finished_at", allow_null=True)
    url = serializers.CharField()
    cancel_url = serializers.CharField()
    manifest_url = serializers.CharField()


class Release(ReleaseSummary):
    manifest = serializers.DictField(source="release.manifest", allow_null=True, help_text="null until it is built.")
    files = ReleaseFile(many=True, help_text="None until it is built.")


class NewWithdrawal(Fields):
    email = serializers.CharField(max_length=254)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=10_000)


class WithdrawalSummary(Fields):
    email = serializers.CharField(source="user.email")
    at = serializers.DateTimeField()
    by = serializers.CharField(source="by.email", default=None, allow_null=True)
    reason = serializers.CharField(allow_blank=True)


class Withdrawal(WithdrawalSummary):
    releases = ReleaseSummary(many=True, help_text="Those that hold something of theirs, the newest first.")


class Releases(ApiView):
    @describe({200: page_of(ReleaseSummary)}, errors=(400,), query=PageQuery, operation_id="list_releases")
    def get(self, request: Request, slug: str) -> Response:
        """The releases of a project, the newest first."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        rows = models.Release.objects.filter(project=project).select_related("by", "project").defer("manifest")
        links = partial(_links, request)
        return page(request, rows, ReleaseSummary, lambda found: [*map(links, found)], newest_first=True)

    parser_classes = [StrictJSON, MultiPartParser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Looks at the size first: whoever has a session is known only once the whole form is read."""
        if asking.is_form(request):
            benchmarks.check_sent(length_of(request._request))
        super().initial(request, *args, **kwargs)

    @describe(
        {202: Release},
        request={"application/json": NewRelease, "multipart/form-data": NewReleaseForm},
        errors=(409, 413, 507),
        operation_id="ask_release",
    )
    def post(self, request: Request, slug: str) -> Response:
        """Asks for a numbered, immutable release of what stands at this moment. A worker builds it.

        With a form it is compared with a benchmark. A file that is no benchmark is refused, and nothing is asked for.
        """
        user = person(request)
        project = access.get_project(user, slug, least=Role.MANAGER)
        sent, file = asking.read(request, NewRelease)
        given = {name: sent.get(name) for name in ("filters", "splits", "files")}
        given["benchmark"] = asking.benchmark(user, project, sent.get("benchmark_of"), file)
        try:
            release = releases.ask(project, formats=_formats(sent), title=sent.get("title", ""), by=user, **given)
        except Invalid as error:
            # Told by the name under which it was sent.
            faults = [Fault("format", f.message) if f.path == "formats.0" else f for f in error.errors]
            raise Invalid(error.detail, errors=faults if "format" in sent else error.errors) from error
        answer = _shown(request, release)
        return Response(Release(answer).data, status=202, headers={"Location": answer["url"]})


class ReleaseDetail(ApiView):
    @describe({200: Release}, operation_id="get_release")
    def get(self, request: Request, slug: str, number: int) -> Response:
        """How far a release is; once it is built, its manifest and its files with their addresses."""
        return Response(Release(_shown(request, get_release(person(request), slug, number))).data)


class CancelRelease(ApiView):
    @describe({200: Release}, errors=(409,), operation_id="cancel_release")
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Calls a release off that is not built yet. It keeps its number and has no files. 409 when it has ended."""
        user = person(request)
        release = get_release(user, slug, number)
        releases.cancel(release, by=user)
        release.refresh_from_db()
        return Response(Release(_shown(request, release)).data)


_RANGE = [
    OpenApiParameter(
        "Range", str, OpenApiParameter.HEADER, description="A part: `bytes=0-99`, `bytes=100-`, `bytes=-100`"
    ),
    OpenApiParameter(
        "If-Range", str, OpenApiParameter.HEADER, description="The ETag of the rest that is there already."
    ),
]
_BINARY = OpenApiResponse({"type": "string", "format": "binary"}, description="The file, or the part asked for.")

_WITHOUT_BODY = {
    304: "It is the one that you have.",
    412: "It is not the one of If-Match.",
    416: "Nothing of it lies in this range.",
}


class ReleaseFiles(ApiView):
    @extend_schema(parameters=_RANGE)
    @describe(
        {
            **{(status, kind.media_type): _BINARY for status in (200, 206) for kind in KINDS.values()},
            **_WITHOUT_BODY,
        },
        errors=(409,),
        operation_id="download_release_file",
    )
    def get(self, request: Request, slug: str, number: int, path: str) -> HttpResponseBase:
        """A file of a release. Its ETag is its SHA-256; a download that broke off goes on with `Range`.

        404 where it is gone from the storage, 409 where it was changed there, before any byte.
        """
        release = get_release(person(request), slug, number)
        manifest = _manifest(release)
        file = next((file for file in manifest["files"] if file["path"] == path), None)
        if file is None:
            raise NotFound("This release has no such file.")
        size = stored.size(release, path)
        if size is None:
            raise _gone(release, path)
        if size != file["bytes"]:
            raise Conflict(
                f"“{path}” was changed in the storage: it has {size:,} bytes in place of {file['bytes']:,}. {_TELL}"
            )
        return _served(request, release, file)


class ReleaseManifest(ApiView):
    @extend_schema(parameters=_RANGE)
    @describe(
        {200: OpenApiTypes.OBJECT, 206: _BINARY, **_WITHOUT_BODY},
        errors=(409,),
        operation_id="download_release_manifest",
    )
    def get(self, request: Request, slug: str, number: int) -> HttpResponseBase:
        """The manifest as it is stored beside the files: what is in them, where it comes from, and their hashes."""
        release = get_release(person(request), slug, number)
        _manifest(release)
        size = stored.size(release, manifests.PATH)
        if size is None:
            raise _gone(release, manifests.PATH)
        sha256 = stored.digest(release, manifests.PATH)
        file = {"path": manifests.PATH, "bytes": size, "sha256": sha256, "media_type": "application/json"}
        return _served(request, release, file)


class Withdrawals(ApiView):
    @describe({200: page_of(WithdrawalSummary)}, errors=(400,), query=PageQuery, operation_id="list_withdrawals")
    def get(self, request: Request, slug: str) -> Response:
        """Who has withdrawn from a project, the latest first."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        rows = models.Withdrawal.objects.filter(project=project).select_related("user", "by")
        return page(request, rows, WithdrawalSummary, newest_first=True)

    @describe({200: Withdrawal, 201: Withdrawal}, request=NewWithdrawal, operation_id="withdraw")
    def post(self, request: Request, slug: str) -> Response:
        """Leaves everything of a person out of what is exported from now on, and says which releases hold them.

        201, or 200 where they had withdrawn already. Their answers stay in the project.
        """
        user = person(request)
        project = access.get_project(user, slug, least=Role.MANAGER)
        sent = body(request, NewWithdrawal, strict=True)
        who = User.objects.filter(email=sent["email"].strip().lower()).first()
        if who is None:
            raise Invalid("There is no such person.", errors=[Fault("email", "Nobody here has this address.")])
        made, holding, is_new = withdrawals.withdraw(project, who, reason=sent.get("reason", ""), by=user)
        shown = {"user": who, "at": made.at, "by": made.by, "reason": made.reason}
        links = [_links(request, release) for release in holding]
        return Response(Withdrawal(shown | {"releases": links}).data, status=201 if is_new else 200)


def _formats(sent: dict[str, Any]) -> Any:
    if ("format" in sent) == ("formats" in sent):
        raise Invalid("Say which formats.", errors=[Fault("formats", "Send either `format` or `formats`.")])
    if "format" not in sent:
        return sent["formats"]
    if not isinstance(sent["format"], str):
        raise Invalid("Say which format.", errors=[Fault("format", "Send the name of a format.")])
    return [sent["format"]]


def _manifest(release: models.Release) -> dict[str, Any]:
    if release.manifest is None:
        raise Conflict(f"Release {release.number} is {release.state}: it has no files.")
    found: dict[str, Any] = release.manifest
    return found


_TELL = "Tell whoever runs the platform."


def _gone(release: models.Release, path: str) -> NotFound:
    return NotFound(f"Release {release.number} has “{path}”, which is gone from the storage. {_TELL}")


def _served(request: Request, release: models.Release, file: dict[str, Any]) -> HttpResponseBase:
    answer = serving.serve(
        request._request,
        stored.opened(release, file["path"]),
        size=file["bytes"],
        sha256=file["sha256"],
        media_type=file["media_type"],
        filename=f"{release.project.slug}-{release.number}-{file['path'].replace('/', '-')}",
    )
    # Whoever shows by If-Range that they have the beginning goes on with a download that is told already.
    begins = answer.headers.get("Content-Range", "bytes 0-").startswith("bytes 0-")
    if answer.streaming and (begins or request.headers.get("If-Range") != answer.headers["ETag"]):
        told = {"number": release.number, "path": file["path"]}
        events.record("release.downloaded", release, by=person(request), project=release.project, **told)
    return answer


def _links(request: Request, release: models.Release) -> dict[str, Any]:
    place = {"slug": release.project.slug, "number": release.number}
    return {
        "release": release,
        "url": reverse("api-release-detail", kwargs=place, request=request),
        "cancel_url": reverse("api-release-cancel", kwargs=place, request=request),
        "manifest_url": reverse("api-release-manifest", kwargs=place, request=request),
    }


def _shown(request: Request, release: models.Release) -> dict[str, Any]:
    place = {"slug": release.project.slug, "number": release.number}
    files = [
        {**file, "url": reverse("api-release-file", kwargs={**place, "path": file["path"]}, request=request)}
        for file in (release.manifest or {}).get("files", [])
    ]
    return {**_links(request, release), "files": files}
