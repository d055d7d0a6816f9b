"""What one has done in a queue: the list, and correcting an answer until the queue closes."""

from django.contrib import messages
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from labeling import access
from labeling.errors import Conflict, Invalid, InvalidAnswers, LeaseLost, NotFound
from labeling.models import Annotation, QueueState, Slot, SlotState
from labeling.selectors import annotations as reads
from labeling.selectors import reviews as review_reads
from labeling.selectors import slots as slot_reads
from labeling.selectors.prompts import readable
from labeling.services import annotations
from labeling.text import typed_number
from labeling.views.pages import MemberRequest, page
from labeling.views.paging import key_page
from labeling.views.task_page import correction_page, lost_page, read_posted


@never_cache
@page()
def index(request: MemberRequest, queue_id: int) -> HttpResponseBase:
    """What the person has submitted in a queue, the last first."""
    queue = access.get_queue(request.user, queue_id)
    context = {
        "queue": queue,
        "project": queue.project,
        "page": key_page(review_reads.with_reviews(reads.done_by(request.user, queue)), request.GET, newest_first=True),
        "number": reads.number_done(request.user, queue),
    }
    return render(request, "labeling/history.html", context)


@never_cache
@page("GET", "POST")
def correct(request: MemberRequest, queue_id: int, slot_id: int) -> HttpResponseBase:
    """An answer of one's own, to be corrected while the queue is not closed, or only read."""
    slot, newest = _own(request, queue_id, slot_id)
    if request.method == "GET":
        if slot.queue.state != QueueState.CLOSED:
            return correction_page(request, slot, newest)
        candidates = slot_reads.candidates(slot)
        names = {candidate.key: f"Response {candidate.letter}" for candidate in candidates}
        texts = {candidate.key: candidate.text for candidate in candidates}
        context = {
            "slot": slot,
            "queue": slot.queue,
            "project": slot.queue.project,
            "prompt": slot.task.prompt,
            "candidates": candidates,
            "review": review_reads.last(slot),
            "versions": [(version, readable(version, names, texts)) for version in reads.versions(slot)],
        }
        return render(request, "labeling/done.html", context)
    posted = read_posted(newest.form.questions, slot, request.POST)
    version = typed_number(request.POST.get("version", ""), digits=9)
    try:
        newest, made = annotations.revise(
            slot,
            posted.final,
            lease=posted.lease,
            version=version,
            active_seconds=posted.seconds,
            by=request.user,
        )
    except InvalidAnswers as error:
        return correction_page(request, slot, newest, answers=posted.answers, faults=error.errors, status=422)
    except (LeaseLost, Conflict, Invalid) as error:
        return lost_page(request, slot.queue, error)
    messages.success(request, f"Version {newest.version} is saved." if made else "Nothing was changed.")
    return redirect("label-history", queue_id)


def _own(request: MemberRequest, queue_id: int, slot_id: int) -> tuple[Slot, Annotation]:
    slot = access.get_held_slot(request.user, slot_id)
    newest = reads.current(slot)
    own = slot.annotator_id == request.user.pk and slot.queue_id == queue_id and slot.state == SlotState.SUBMITTED
    if not own or newest is None:
        raise NotFound("There is no such answer of yours.")
    return slot, newest
