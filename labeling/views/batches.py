"""The batches of a project, and what each adds to the priority of its prompts."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from labeling import access
from labeling.errors import DomainError
from labeling.forms.base import complain, posted
from labeling.forms.projects import BatchForm
from labeling.models import Project, Role
from labeling.selectors import batches as reads
from labeling.services import batch_priorities
from labeling.views.pages import MemberRequest, page


@page("GET", "HEAD", "POST")
def index(request: MemberRequest, slug: str) -> HttpResponse:
    """Shows batches in the order of their names, or (`?set=1`) those with a priority; sets the priority of one."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    only_set, after = request.GET.get("set") == "1", request.GET.get("after", "").replace("\0", "")
    form = BatchForm(posted(request))
    if form.is_bound and form.is_valid() and _set(request, project, form):
        return redirect(f"{reverse('batches', args=[slug])}{_query(only_set, after)}")
    found = reads.page_of(project, after=after, only_set=only_set)
    context = {
        "project": project,
        "manages": True,
        "form": form,
        "only_set": only_set,
        "rows": found.rows,
        "here": _query(only_set, after),
        "first": _query(only_set) or "?" if after else "",
        "following": _query(only_set, found.rows[-1].name) if found.more else "",
    }
    return render(request, "labeling/batches.html", context, status=422 if form.errors else 200)


def _set(request: MemberRequest, project: Project, form: BatchForm) -> bool:
    batch, priority = form.cleaned_data["batch"], form.cleaned_data["priority"]
    try:
        batch_priorities.set_priority(project, batch, priority, by=request.user)
    except DomainError as error:
        complain(form, error)
        return False
    what = f"adds {priority:+,} to" if priority else "adds nothing any more to"
    messages.success(request, f"The batch “{batch}” {what} the priority of its prompts.")
    return True


def _query(only_set: bool, after: str = "") -> str:
    asked = ({"set": "1"} if only_set else {}) | ({"after": after} if after else {})
    return f"?{urlencode(asked)}" if asked else ""
