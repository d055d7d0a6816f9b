"""Doing tasks, one after the other. Everything works as plain forms; the scripts make it fast."""

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page

from labeling import access
from labeling.errors import Conflict, DomainError, Invalid, InvalidAnswers, LeaseLost, StaleDraft
from labeling.models import Slot
from labeling.questions.base import MAX_TEXT
from labeling.rendering import render_markdown
from labeling.services import annotations, projects, skips, slots
from labeling.text import typed_number
from labeling.views.pages import MemberRequest, page
from labeling.views.task_page import end_page, lost_page, page_ahead, posted_slot, progress, read_posted, task_page


@gzip_page
@never_cache
@page()
def label(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """The next task of a queue, or the one in hand; the end of the queue when there is none."""
    queue = access.get_queue(request.user, queue_id)
    slot = slots.take_next(queue, by=request.user)
    return task_page(request, slot) if slot else end_page(request, queue)


@gzip_page
@never_cache
@page("GET", "POST")
def submit(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """Takes the answers and goes on to the next task; or shows the page again with what is wrong and what was typed."""
    if request.method == "GET":  # the address of a page with mistakes, opened again
        return redirect("label", queue_id)
    slot = posted_slot(request, queue_id)
    posted = read_posted(slot.form.questions if slot.form else [], slot, request.POST)
    try:
        annotations.submit(
            slot,
            posted.final,
            lease=posted.lease,
            active_seconds=posted.seconds,
            revision=typed_number(request.POST.get("revision", ""), digits=9),
            by=request.user,
        )
    except StaleDraft as error:
        if "ahead" in request.POST:  # a page whose scripts run: it has both versions, and asks which shall stay
            return JsonResponse({**error.data, "code": error.code, "detail": error.detail}, status=409)
        return lost_page(request, slot.queue, error)
    except InvalidAnswers as error:
        return task_page(request, slot, answers=posted.answers, faults=error.errors, status=422)
    except (LeaseLost, Conflict, Invalid) as error:
        return lost_page(request, slot.queue, error)
    return _go_on(request, slot)


def _go_on(request: MemberRequest, slot: Slot) -> HttpResponseBase:
    """Tells a page that has the next task already that its turn has come; sends any other page to the next task."""
    kept = request.POST.get("ahead", "")
    if kept:
        following = slots.take_next(slot.queue, by=request.user, kept=True)
        if following is not None and str(following.lease) == kept:
            now = progress(request, slot.queue)
            counts = {"left": str(now.left), "today": now.done_today, "sitting": now.done_sitting}
            return JsonResponse({"next": kept, "counts": counts})
    return redirect("label", slot.queue_id)


@page("POST")
def skip(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """Puts the task aside with a reason and goes on to the next one."""
    slot = posted_slot(request, queue_id)
    reason, comment = request.POST.get("reason", ""), request.POST.get("comment", "")
    try:
        skips.skip(slot, lease=request.POST.get("lease", ""), reason=reason, comment=comment, by=request.user)
    except DomainError as error:
        messages.error(request, " ".join([error.detail, *(fault.message for fault in error.errors)]))
    return redirect("label", queue_id)


@page("POST")
def leave(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """Gives the task in hand back to the queue and goes home. The draft stays."""
    slot = posted_slot(request, queue_id)
    slots.give_back_ahead(slot.queue, by=request.user)
    try:
        slots.give_back(slot, lease=request.POST.get("lease", ""), by=request.user)
    except DomainError:
        pass  # It is not in their hands any more: then there is nothing to give back.
    else:
        messages.success(request, "The task went back to the queue. What you typed is kept, should you take it again.")
    return redirect("home")


@gzip_page
@never_cache
@page("POST")
def ahead(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """The task for after the one in hand, for the page to keep: its lease, and itself unless the page has it."""
    queue = access.get_queue(request.user, queue_id)
    slot = slots.take_ahead(queue, by=request.user)
    if slot is None:
        return JsonResponse({"lease": None, "page": None})
    known = str(slot.lease) == request.POST.get("have", "")
    return JsonResponse({"lease": str(slot.lease), "page": None if known else page_ahead(request, slot)})


@page("POST")
def ahead_leave(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """The page is closed: what it kept for later goes back at once."""
    queue = access.get_queue(request.user, queue_id)
    slots.give_back_ahead(queue, lease=request.POST.get("have", ""), by=request.user)
    return HttpResponse(status=204)


@page("POST")
def undo(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """Takes the last submit back: its task is in hand again, its answers as they were."""
    slot = posted_slot(request, queue_id)
    try:
        annotations.undo(slot, lease=request.POST.get("lease", ""), by=request.user)
    except DomainError as error:
        messages.error(request, error.detail)
    return redirect("label", queue_id)


@page("POST")
def meet_guidelines(request: MemberRequest, slug: str) -> HttpResponseBase:
    """The person has read what changed in the guidelines."""
    project = access.get_project(request.user, slug)
    number = typed_number(request.POST.get("number", ""), digits=9)
    if number is not None:
        projects.meet_guidelines(project, number, by=request.user)
    return HttpResponse(status=204)


@page("POST")
def preview(request: MemberRequest) -> HttpResponseBase:
    """A text as it will look, as a piece of HTML."""
    text = request.POST.get("text", "")
    if len(text) > MAX_TEXT:
        return HttpResponse("The text is too long to be shown.", status=413, content_type="text/plain")
    return HttpResponse(render_markdown(text.replace("\r\n", "\n")))
