"""The queues of a project: making one, changing it while people work, and who holds what."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from labeling import access
from labeling.errors import DomainError, NotFound
from labeling.forms import QueueForm, QueueSettings, complain, posted
from labeling.models import Queue, Role
from labeling.selectors import forms as form_reads
from labeling.selectors import queues as reads
from labeling.services import queues, slots
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
    form = QueueForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            queue = queues.create(project, **form.fields_for_service(), by=request.user)
        except DomainError as error:
            complain(form, error)
        else:
            messages.success(request, f"{queue.name} is made.")
            return redirect("queue", slug, queue.pk)
    status = 422 if form.errors else 200
    return builder_page(request, "labeling/queue_form.html", {"form": form}, project=project, status=status)


@page("GET", "HEAD", "POST")
def detail(request: MemberRequest, slug: str, queue_id: int) -> HttpResponse:
    """A queue: how far it is, who holds what, what it asks, and its settings, which managers change here."""
    queue = queue_of(request, slug, queue_id, least=Role.MANAGER if request.method == "POST" else Role.REVIEWER)
    settings = {name: getattr(queue, name) for name in QueueSettings.base_fields}
    # A button that sets one thing (pause) sends that alone; the rest stays as it is.
    form = QueueSettings({**settings, **request.POST.dict()} if request.method == "POST" else None, initial=settings)
    if request.method == "POST" and form.is_valid() and _changed(request, queue, form):
        return redirect("queue", slug, queue_id)
    context = {
        "project": queue.project,
        "manages": access.role_in(request.user, queue.project) == Role.MANAGER,
        "progress": reads.progress([queue])[0],
        "versions": form_reads.versions(queue),
        "form": form,
        "held": reads.held([queue])[: reads.HELD_SHOWN],
        "skips": reads.skips(queue),
        "now": timezone.now(),
    }
    return render(request, "labeling/queue.html", context, status=422 if form.errors else 200)


def queue_of(request: MemberRequest, slug: str, queue_id: int, *, least: Role) -> Queue:
    """The queue at an address below its project's. Raises NotFound or NotAllowed."""
    queue = access.get_queue(request.user, queue_id, least=least)
    if queue.project.slug != slug:
        raise NotFound("There is no such queue.")
    return queue


def _changed(request: MemberRequest, queue: Queue, form: QueueSettings) -> bool:
    try:
        # Only what was sent: the rest was read before, and another manager may be changing it at this moment.
        sent = {name: value for name, value in form.cleaned_data.items() if name in request.POST}
        queue = queues.change(queue, **sent, by=request.user)
    except DomainError as error:
        complain(form, error)
        return False
    messages.success(request, f"{queue.name} is changed.")
    return True


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
    return redirect("project", slug) if "overview" in request.POST else redirect("queue", slug, queue_id)
