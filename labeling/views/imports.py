"""Files of prompts: sending one in, and what became of each."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from labeling import access
from labeling.forms import ImportForm, posted
from labeling.importing import SOURCES
from labeling.models import PromptImport, Role
from labeling.selectors import imports as reads
from labeling.services import prompts
from labeling.views.pages import MemberRequest, page
from labeling.views.paging import key_page


@page("GET", "HEAD", "POST")
def index(request: MemberRequest, slug: str) -> HttpResponse:
    """Sends a file in; shows those that were sent before, the newest first."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    form = ImportForm(posted(request), request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file, source = form.cleaned_data["file"], form.cleaned_data["source"]
        lines = SOURCES[source](file)
        report = prompts.import_lines(project, lines, source=source, filename=file.name or "", by=request.user)
        messages.success(request, f"{file.name} is read. What became of its lines stands below.")
        return redirect("import", slug, report.record.pk)
    found = key_page(PromptImport.objects.filter(project=project).select_related("by"), request.GET, newest_first=True)
    context = {"project": project, "manages": True, "form": form, "page": found}
    return render(request, "labeling/imports.html", context, status=422 if form.errors else 200)


@page()
def detail(request: MemberRequest, slug: str, import_id: int) -> HttpResponse:
    """What became of a file: the counts and the first rejected lines."""
    record = access.get_import(request.user, slug, import_id)
    context = {"project": record.project, "manages": True, "record": record, "rejected": reads.first_rejected(record)}
    return render(request, "labeling/import.html", context)


@page()
def rejected(request: MemberRequest, slug: str, import_id: int) -> HttpResponseBase:
    """All rejected lines that were kept, as a file of JSON Lines."""
    record = access.get_import(request.user, slug, import_id)
    answer = StreamingHttpResponse(reads.rejected_as_jsonl(record), content_type="application/x-ndjson")
    answer["Content-Disposition"] = f'attachment; filename="rejected-{record.pk}.jsonl"'
    return answer
