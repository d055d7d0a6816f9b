"""A project: making one, how far it is, and what was done in it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from labeling import access
from labeling.errors import DomainError, NotAllowed
from labeling.forms.base import complain, posted
from labeling.forms.projects import EventFilter, ProjectForm, ProjectSettingsForm
from labeling.models import Role
from labeling.selectors import events as event_reads
from labeling.selectors import projects as reads
from labeling.selectors import queues as queue_reads
from labeling.services import projects
from labeling.views.pages import MemberRequest, page
from labeling.views.paging import key_page


@page("GET", "HEAD", "POST")
def create(request: MemberRequest) -> HttpResponse:
    """Makes a project."""
    if not access.may_create_projects(request.user):
        raise NotAllowed("Only managers and staff make projects. Ask one of them to make it and to add you.")
    form = ProjectForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            project = projects.create(**form.cleaned_data, by=request.user)
        except DomainError as error:
            complain(form, error)
        else:
            messages.success(request, f"{project.name} is made. Import its prompts next.")
            return redirect("project", project.slug)
    return render(request, "labeling/project_form.html", {"form": form}, status=422 if form.errors else 200)


@page()
def overview(request: MemberRequest, slug: str) -> HttpResponse:
    """How far a project is, who is working, and what comes next."""
    project = access.get_project(request.user, slug, least=Role.REVIEWER)
    counts = reads.counts(project)
    context = {
        "project": project,
        "manages": access.role_in(request.user, project) == Role.MANAGER,
        "counts": counts,
        "held": queue_reads.held([progress.queue for progress in counts.queues])[: queue_reads.HELD_SHOWN],
        "now": timezone.now(),
    }
    return render(request, "labeling/project.html", context)


@page("GET", "HEAD", "POST")
def settings(request: MemberRequest, slug: str) -> HttpResponse:
    """What is said of a project: its name, a line about it, and the licence of its data."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    form = ProjectSettingsForm(posted(request), initial=ProjectSettingsForm.filled(project))
    if request.method == "POST" and form.is_valid():
        try:
            projects.change(project, **form.changes, by=request.user)
        except DomainError as error:
            complain(form, error)
        else:
            messages.success(request, "Saved. Releases that were made keep what was said then.")
            return redirect("project-settings", slug)
    context = {"project": project, "manages": True, "form": form}
    return render(request, "labeling/project_settings.html", context, status=422 if form.errors else 200)


@page()
def event_log(request: MemberRequest, slug: str) -> HttpResponse:
    """Who did what, the newest first."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    form = EventFilter(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    events = event_reads.of_project(project, about=asked.get("about", ""), actor=asked.get("who", ""))
    found = key_page(events, request.GET, newest_first=True)
    return render(request, "labeling/events.html", {"project": project, "manages": True, "form": form, "page": found})
