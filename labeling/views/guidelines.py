"""The guidelines of a project: reading them, changing them, and how they read before."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from labeling import access
from labeling.errors import DomainError, NotAllowed
from labeling.forms.base import complain, posted
from labeling.forms.projects import GuidelinesForm
from labeling.models import Role
from labeling.selectors import projects as reads
from labeling.services import projects
from labeling.views.pages import MemberRequest, page


@page("GET", "HEAD", "POST")
def edit(request: MemberRequest, slug: str) -> HttpResponse:
    """The guidelines in force or an older version (`?version=2`); managers change them, and look before they save."""
    project = access.get_project(request.user, slug)
    manages = access.role_in(request.user, project) == Role.MANAGER
    shown = reads.guidelines(project, request.GET.get("version", ""))
    form = GuidelinesForm(posted(request), initial={"guidelines": shown.text})
    if request.method == "POST":
        if not manages:
            raise NotAllowed(f"Only a manager of “{project}” changes its guidelines.")
        if form.is_valid() and "preview" not in request.POST and _saved(request, form, slug):
            return redirect("guidelines", slug)
    context = {"project": project, "manages": manages, "shown": shown, "versions": reads.guidelines_versions(project)}
    preview = form.cleaned_data["guidelines"] if form.is_bound and form.is_valid() else None
    context |= {"form": form, "preview": preview, "editing": form.is_bound or "edit" in request.GET}
    return render(request, "labeling/guidelines.html", context, status=422 if form.errors else 200)


def _saved(request: MemberRequest, form: GuidelinesForm, slug: str) -> bool:
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    try:
        version = projects.set_guidelines(project, form.cleaned_data["guidelines"], by=request.user)
    except DomainError as error:
        complain(form, error)
        return False
    messages.success(request, f"Version {version.number} is in force for every task that is taken from now on.")
    return True
