"""Files of prompts: sending one in, and what became of each."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from labeling import access
from labeling.errors import Conflict, DomainError, TooLarge
from labeling.forms.base import complain, posted
from labeling.forms.projects import ImportForm
from labeling.importing import SOURCES
from labeling.models import Project, PromptImport, Role
from labeling.selectors import imports as reads
from labeling.services import imports, spool
from labeling.services.batches import REJECTED_KEPT
from labeling.text import typed_number
from labeling.views.pages import MemberRequest, page
from labeling.views.paging import key_page


# Django reads the whole form to find its token, so the size is looked at before that.
@page("GET", "HEAD", "POST")
@csrf_exempt
def index(request: MemberRequest, slug: str) -> HttpResponse:
    """Sends a file in; shows those that were sent before, the newest first."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    try:
        spool.check_size(typed_number(request.headers.get("Content-Length", "")))
    except TooLarge as error:
        return _show(request, project, ImportForm(), refused=error.detail, status=413)
    return _take_in(request, project)


@csrf_protect
def _take_in(request: MemberRequest, project: Project) -> HttpResponse:
    form = ImportForm(posted(request), request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("import", project.slug, _sent(request, project, form).pk)
        except DomainError as error:
            complain(form, error)
    return _show(request, project, form, status=422 if form.errors else 200)


def _sent(request: MemberRequest, project: Project, form: ImportForm) -> PromptImport:
    """The import of the file: ended where the file is small, else waiting for a worker."""
    file: UploadedFile[bytes] = form.cleaned_data["file"]
    source, filename = form.cleaned_data["source"], file.name or ""
    # What is larger is on the disk already.
    if form.cleaned_data["background"] or (file.size or 0) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
        return imports.send(project, file, source=source, filename=filename, by=request.user)
    lines = SOURCES[source](file)  # type: ignore[arg-type]
    report = imports.import_lines(
        project, lines, source=source, filename=filename, size=file.size, read=file.tell, by=request.user
    )
    messages.success(request, f"{filename} is read. What became of its lines stands below.")
    return report.record


def _show(
    request: MemberRequest, project: Project, form: ImportForm, *, refused: str = "", status: int = 200
) -> HttpResponse:
    found = key_page(PromptImport.objects.filter(project=project).select_related("by"), request.GET, newest_first=True)
    busy = any(record.is_under_way for record in found.rows)
    context = {"project": project, "manages": True, "form": form, "refused": refused, "page": found, "busy": busy}
    return render(request, "labeling/imports.html", context, status=status)


@page()
def detail(request: MemberRequest, slug: str, import_id: int) -> HttpResponse:
    """How far a file is, what became of it, and its first rejected lines."""
    record = access.get_import(request.user, slug, import_id)
    rejected = reads.first_rejected(record)
    context = {
        "project": record.project,
        "manages": True,
        "record": record,
        "rejected": rejected,
        "kept": REJECTED_KEPT,
        "mendable": record.source == "jsonl" and any(line.text_is_whole for line in rejected),
    }
    return render(request, "labeling/import.html", context)


@page("POST")
def cancel(request: MemberRequest, slug: str, import_id: int) -> HttpResponse:
    """Calls an import off."""
    record = access.get_import(request.user, slug, import_id)
    try:
        imports.cancel(record, by=request.user)
    except Conflict as error:
        messages.info(request, error.detail)
    else:
        messages.success(request, "The import is called off. Lines that were in by then stay.")
    return redirect("import", slug, record.pk)


@page()
def rejected(request: MemberRequest, slug: str, import_id: int) -> HttpResponseBase:
    """The rejected lines that were kept, as a file: with the reasons, or (`?as=lines`) as they came, to be mended."""
    record = access.get_import(request.user, slug, import_id)
    as_came = request.GET.get("as") == "lines"
    lines = reads.rejected_as_they_came(record) if as_came else reads.rejected_as_jsonl(record)
    answer = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    answer["Content-Disposition"] = f'attachment; filename="{"lines" if as_came else "rejected"}-{record.pk}.jsonl"'
    return answer
