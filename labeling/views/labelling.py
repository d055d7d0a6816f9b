"""The page where tasks are done. It works as a plain form; the scripts make it fast."""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from labeling import access
from labeling.errors import Conflict, DomainError, Fault, Invalid, InvalidAnswers, LeaseLost, NotFound
from labeling.models import Queue, SkipReason, Slot
from labeling.questions.base import MAX_TEXT
from labeling.rendering import render_markdown
from labeling.selectors import slots as slot_reads
from labeling.selectors import work
from labeling.services import annotations, profile, slots
from labeling.views.day import start_of_day
from labeling.views.pages import MemberRequest, page, typed_texts
from labeling.views.questions import final_answers, read_answers, shown_questions


@never_cache
@page()
def label(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """The next task of a queue, or the one in hand; the end of the queue when there is none."""
    queue = access.get_queue(request.user, queue_id)
    slot = slots.take_next(queue, by=request.user)
    return _task_page(request, slot) if slot else _end_page(request, queue)


@never_cache
@page("GET", "POST")
def submit(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """Takes the answers and goes on to the next task; or shows the page again with what is wrong and what was typed."""
    if request.method == "GET":  # the address of a page with mistakes, opened again
        return redirect("label", queue_id)
    slot = _posted_slot(request, queue_id)
    form = slot.form.questions if slot.form else []
    answers = read_answers(form, request.POST, [candidate.key for candidate in slot_reads.candidates(slot)])
    lease, seconds = request.POST.get("lease", ""), _seconds(request.POST.get("active_seconds", ""))
    try:
        annotations.submit(slot, final_answers(form, answers), lease=lease, active_seconds=seconds, by=request.user)
    except InvalidAnswers as error:
        return _task_page(request, slot, answers=answers, faults=error.errors, status=422)
    except (LeaseLost, Conflict, Invalid) as error:
        return _lost_page(request, slot.queue, error)
    return redirect("label", queue_id)


@page("POST")
def skip(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """Puts the task aside with a reason and goes on to the next one."""
    slot = _posted_slot(request, queue_id)
    reason, comment = request.POST.get("reason", ""), request.POST.get("comment", "")
    try:
        slots.skip(slot, lease=request.POST.get("lease", ""), reason=reason, comment=comment, by=request.user)
    except DomainError as error:
        messages.error(request, " ".join([error.detail, *(fault.message for fault in error.errors)]))
    return redirect("label", queue_id)


@page("POST")
def leave(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """Gives the task in hand back to the queue and goes home. The draft stays."""
    slot = _posted_slot(request, queue_id)
    try:
        slots.give_back(slot, lease=request.POST.get("lease", ""), by=request.user)
    except DomainError:
        pass  # It is not in their hands any more: then there is nothing to give back.
    else:
        messages.success(request, "The task went back to the queue. What you typed is kept, should you take it again.")
    return redirect("home")


@page("POST")
def preview(request: MemberRequest) -> HttpResponseBase:
    """A text as it will look, as a piece of HTML."""
    text = request.POST.get("text", "")
    if len(text) > MAX_TEXT:
        return HttpResponse("The text is too long to be shown.", status=413, content_type="text/plain")
    return HttpResponse(render_markdown(text.replace("\r\n", "\n")))


def _posted_slot(request: MemberRequest, queue_id: int) -> Slot:
    number = request.POST.get("slot", "")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise NotFound("There is no such task.")
    slot = access.get_held_slot(request.user, int(number))
    if slot.queue_id != queue_id:
        raise NotFound("There is no such task.")
    return slot


def _seconds(raw: str) -> float | None:
    # A time that cannot be read is no reason to refuse work that can.
    try:
        seconds = float(raw)
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


def _milliseconds(length: timedelta) -> int:
    return max(0, round(length.total_seconds() * 1000))


def _task_page(
    request: MemberRequest,
    slot: Slot,
    *,
    answers: Mapping[str, Any] | None = None,
    faults: Sequence[Fault] = (),
    status: int = 200,
) -> HttpResponse:
    draft = slot_reads.draft_of(slot, request.user)
    candidates = slot_reads.candidates(slot)
    if answers is None:
        answers = draft.answers if draft else {}
    form = slot.form.questions if slot.form else []
    questions = shown_questions(form, answers, [candidate.key for candidate in candidates], faults)
    context = {
        "slot": slot,
        "queue": slot.queue,
        "project": slot.queue.project,
        "prompt": slot.task.prompt,
        "candidates": candidates,
        "above": [question for question in questions if question.about_responses],
        "below": [question for question in questions if not question.about_responses],
        "draft": draft,
        "guidelines": slot.guidelines,
        "work": work.in_queue(slot.queue, request.user, since=start_of_day(request)),
        "layout": profile.preference(request.user, "layout"),
        "single_keys": profile.preference(request.user, "keys") == "on",
        "skip_reasons": SkipReason.choices,
        "faults": faults,
        "lease_left": _milliseconds(slot.lease_expires_at - timezone.now()) if slot.lease_expires_at else 0,
        "lease_length": _milliseconds(slots.lease_length(slot.queue)),
        "stored": draft.answers if draft else {},
    }
    return render(request, "labeling/label.html", context, status=status)


def _end_page(request: MemberRequest, queue: Queue) -> HttpResponse:
    since = start_of_day(request)
    others = queue.project.queues.exclude(pk=queue.pk)
    context = {
        "queue": queue,
        "project": queue.project,
        "work": work.in_queue(queue, request.user, since=since),
        "others": [other for other in (work.in_queue(q, request.user, since=since) for q in others) if other.left],
    }
    return render(request, "labeling/label_done.html", context)


def _lost_page(request: MemberRequest, queue: Queue, error: DomainError) -> HttpResponse:
    """The answers could not be taken: why, and every text that was typed, to be copied."""
    context = {"queue": queue, "project": queue.project, "error": error, "texts": typed_texts(request)}
    return render(request, "labeling/label_lost.html", context, status=409)
