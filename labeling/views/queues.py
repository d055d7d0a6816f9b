"""The queues of a project: making one, changing it while people work, and who holds what."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from labeling import access
from labeling.errors import DomainError, NotFound
from labeling.forms.base import complain, posted
from labeling.forms.queues import QueueForm, QueueSettings
from labeling.models import Queue, Role
from labeling.selectors import forms as form_reads
from labeling.selectors import queues as reads
from labeling.selectors.queue_words import settings_in_words
from labeling.services import queues, slots
from labeling.views.day import zone_of
from labeling.views.form_builder import builder_page
from labeling.views.pages import MemberRequest, page


@page()
def index(request: MemberRequest, slug: str) -> HttpResponse:
    """How far each queue is."""
    project = access.get_project(request.user, slug, least=Role.REVIEWER)
    context = {
        "project": project,
        "manages": access.role_in(request.user, project) == Role.MANAGER,
        "queues": reads.progress(project.queues.all()),
    }
    return render(request, "labeling/queues.html", context)


@page("GET", "HEAD", "POST")
def create(request: MemberRequest, slug: str) -> HttpResponse:
    """Makes a queue from a published recipe or from questions of one's own."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    form = QueueForm(posted(request), project=project, queue=None, zone=str(zone_of(request)))
    if request.method == "POST" and form.is_valid():
        try:
            queue = queues.create(project, **form.fields_for_service(), by=request.user)
        except DomainError as error:
            complain(form, error)
        else:
            messages.success(request, f"{queue.name} is made.")
            return redirect("queue", slug, queue.pk)
    status = 422 if form.errors else 200
    context = {"form": form, "words": settings_in_words(Queue(project=project))}
    return builder_page(request, "labeling/queue_form.html", context, project=project, status=status)


@page()
def detail(request: MemberRequest, slug: str, queue_id: int) -> HttpResponse:
    """A queue: how far it is, who holds what, what it asks, and what is set."""
    queue = queue_of(request, slug, queue_id, least=Role.REVIEWER)
    progress = reads.progress([queue])[0]
    context = {
        **queue_context(request, queue),
        "progress": progress,
        "versions": form_reads.versions(queue),
        "words": settings_in_words(queue),
        "held": reads.held([queue])[: reads.HELD_SHOWN],
        "skips": reads.skips(progress.counts),
        "now": timezone.now(),
    }
    return render(request, "labeling/queue.html", context)


@page("GET", "HEAD", "POST")
def settings(request: MemberRequest, slug: str, queue_id: int) -> HttpResponse:
    """Changes a queue while people work in it. A button that sets one thing (pause) sends that alone."""
    queue = queue_of(request, slug, queue_id, least=Role.MANAGER)
    data = posted(request)
    if data is not None and set(data) <= {"state", "csrfmiddlewaretoken"}:
        return _state_set(request, queue)
    form = QueueSettings(data, project=queue.project, queue=queue, zone=str(zone_of(request)))
    if data is not None and form.is_valid() and _changed(request, queue, form):
        return redirect("queue", slug, queue_id)
    context = {**queue_context(request, queue), "form": form, "words": settings_in_words(queue)}
    return render(request, "labeling/queue_settings.html", context, status=422 if form.errors else 200)


def queue_context(request: MemberRequest, queue: Queue) -> dict[str, Any]:
    """What every page of a queue shows: it, its project, and whether this person manages it."""
    manages = access.role_in(request.user, queue.project) == Role.MANAGER
    return {"project": queue.project, "queue": queue, "manages": manages}


def queue_of(request: MemberRequest, slug: str, queue_id: int, *, least: Role) -> Queue:
    """The queue at an address below its project's. Raises NotFound or NotAllowed."""
    queue = access.get_queue(request.user, queue_id, least=least)
    if queue.project.slug != slug:
        raise NotFound("There is no such queue.")
    return queue


def _state_set(request: MemberRequest, queue: Queue) -> HttpResponse:
    try:
        queue = queues.change(queue, state=request.POST.get("state"), by=request.user)
    except DomainError as error:
        messages.error(request, " ".join([error.detail, *(fault.message for fault in error.errors)]))
    else:
        messages.success(request, f"{queue.name} is {queue.get_state_display().lower()}.")
    return redirect("queue", queue.project.slug, queue.pk)


def _changed(request: MemberRequest, queue: Queue, form: QueueSettings) -> bool:
    try:
        queue = queues.change(queue, **form.settings(), by=request.user)
    except DomainError as error:
        complain(form, error)
        return False
    messages.success(request, f"{queue.name} is changed.{_following(queue)}")
    return True


def _following(queue: Queue) -> str:
    """What is said of a queue whose settings are in force, but not carried out for every task yet."""
    if queue.opening_from is None and queue.following_from is None:
        return ""
    return " What that means for its tasks is being carried out in the background: the numbers move on for a while."


@page("POST")
def release(request: MemberRequest, slug: str, queue_id: int, slot_id: int) -> HttpResponse:
    """Gives what somebody holds back to its queue."""
    queue = queue_of(request, slug, queue_id, least=Role.MANAGER)
    slot = access.get_slot(request.user, slot_id)
    if slot.queue_id != queue.pk:
        raise NotFound("There is no such slot.")
    try:
        slots.release(slot, by=request.user)
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, f"Task {slot.task_id} is back in its queue. What was typed is kept.")
    if "overview" in request.POST:
        return redirect("project", slug)
    return redirect("queue-live" if "live" in request.POST else "queue", slug, queue_id)
