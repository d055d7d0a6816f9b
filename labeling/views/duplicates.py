"""Prompts that say the same: looking for them, and judging what was found."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from labeling import access
from labeling.errors import Conflict, DomainError
from labeling.forms.base import complain, posted
from labeling.forms.projects import DuplicatesForm
from labeling.models import Role
from labeling.selectors import duplicates as reads
from labeling.services import duplicates
from labeling.text import typed_number
from labeling.views.pages import MemberRequest, page
from labeling.views.paging import key_page

GROUPS = 20  # on a page


@page("GET", "HEAD", "POST")
def index(request: MemberRequest, slug: str) -> HttpResponse:
    """Has the project searched; shows the groups that were found, or (`?judged=1`) those that were judged."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    form = DuplicatesForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            duplicates.search(project, likeness=form.likeness, by=request.user)
            return redirect("duplicates", slug)
        except DomainError as error:
            complain(form, error)
    judged = request.GET.get("judged") == "1"
    found = key_page(reads.groups(project, judged=judged), request.GET, size=GROUPS)
    context = {
        "project": project,
        "manages": True,
        "form": form,
        "search": reads.newest_search(project),
        "judged": judged,
        "page": found,
        "rows": reads.rows(found.rows),
    }
    return render(request, "labeling/duplicates.html", context, status=422 if form.errors else 200)


@page("POST")
def cancel(request: MemberRequest, slug: str) -> HttpResponse:
    """Calls the search off that is under way."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    search = reads.newest_search(project)
    try:
        if search is None:
            raise Conflict("There is no search.")
        duplicates.cancel(search, by=request.user)
    except Conflict as error:
        messages.info(request, error.detail)
    return redirect("duplicates", slug)


@page("POST")
def judge(request: MemberRequest, slug: str, group_id: int) -> HttpResponse:
    """Says of a group what stays: all of it, all but the ticked ones (`retire`), or its first prompt."""
    group = access.get_duplicate_group(request.user, slug, group_id)
    said = request.POST.get("stays")
    try:
        if said == "all":
            duplicates.keep(group, by=request.user)
            messages.success(request, "All of them stay. They are not asked about again unless another prompt joins.")
        else:
            ticked = [pk for sent in request.POST.getlist("retire") if (pk := typed_number(sent)) is not None]
            left = duplicates.thin(group, retire=None if said == "first" else ticked, by=request.user)
            if left:
                messages.info(request, f"{left:,} tasks are left to retire: press once more.")
            else:
                messages.success(request, "Their tasks are retired. Answers that were given stay.")
    except DomainError as error:
        messages.error(request, " ".join([fault.message for fault in error.errors] or [error.detail]))
    return redirect("duplicates", slug)
