"""Reviewing a queue: the answers that come next, and how everybody's fared."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from labeling import access
from labeling.errors import Conflict, Invalid, NotFound
from labeling.models import Annotation, Queue, QueueState, Role, User, Verdict
from labeling.selectors import reviews as reads
from labeling.services import profile, reviews
from labeling.text import typed_number
from labeling.views.pages import MemberRequest, page
from labeling.views.paging import key_page
from labeling.views.queues import queue_context, queue_of


@never_cache
@page("GET", "HEAD", "POST")
def review(request: MemberRequest, slug: str, queue_id: int) -> HttpResponse:
    """Shows the answers that this reviewer reads next, or those that `?annotation=` names, and takes a verdict."""
    queue = queue_of(request, slug, queue_id, least=Role.REVIEWER)
    if request.method == "POST":
        return _judged(request, queue)
    if "annotation" in request.GET:
        return _review_page(request, queue, _named(request, queue, request.GET["annotation"]))
    return _review_page(request, queue, reviews.take_next(queue, by=request.user))


def _named(request: MemberRequest, queue: Queue, number: str) -> Annotation:
    pk = typed_number(number)
    annotation = access.get_annotation(request.user, pk) if pk is not None else None
    if annotation is None or annotation.queue_id != queue.pk:
        raise NotFound("There are no such answers.")
    return annotation


def _judged(request: MemberRequest, queue: Queue) -> HttpResponse:
    """Does what the pressed button says. What was typed stays on the page where it cannot be done."""
    annotation = _named(request, queue, request.POST.get("annotation", ""))
    if request.POST.get("verdict") == "later":
        reviews.take_next(queue, by=request.user, after=annotation.pk)
        return redirect("queue-review", queue.project.slug, queue.pk)
    try:
        _, made = reviews.judge(
            annotation,
            verdict=request.POST.get("verdict"),
            reason=request.POST.get("q.reason", "").replace("\r\n", "\n"),
            again="again" in request.POST,
            seen=typed_number(request.POST.get("seen", "")),
            by=request.user,
        )
    except Invalid as error:
        faults = [fault.message for fault in error.errors] or [error.detail]
        return _review_page(request, queue, annotation, faults=faults, status=422)
    except Conflict as error:
        return _review_page(request, queue, annotation, faults=[error.detail], status=409)
    if made and annotation.verdict:  # of what had a verdict already, another one: from the list of those
        messages.success(request, "Your verdict is in force now. The one before it is kept in the record.")
        return redirect("queue-reviews", queue.project.slug, queue.pk)
    return redirect("queue-review", queue.project.slug, queue.pk)


def _review_page(
    request: MemberRequest,
    queue: Queue,
    annotation: Annotation | None,
    *,
    faults: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    subject = reads.subject(annotation) if annotation else None
    posted = request.method == "POST"
    context = {
        **queue_context(request, queue),
        "subject": subject,
        # The verdict in force is on this version; those on earlier ones are for reading.
        "in_force": subject.in_force if subject else None,
        "own": subject is not None and subject.annotation.annotator_id == request.user.pk,
        "newest": subject.newest if subject else None,
        "may_ask": subject is not None and not subject.asked_again and queue.state != QueueState.CLOSED,
        "numbers": reads.how_far(queue),
        "reason": request.POST.get("q.reason", ""),
        "again": "again" in request.POST if posted else True,
        "faults": faults or [],
        "single_keys": profile.preference(request.user, "keys") == "on",
    }
    return render(request, "labeling/review.html", context, status=status)


@page()
def index(request: MemberRequest, slug: str, queue_id: int) -> HttpResponse:
    """How much is reviewed, how each annotator's answers fared, and what was rejected or accepted, the newest first."""
    queue = queue_of(request, slug, queue_id, least=Role.REVIEWER)
    people = reads.people(queue)
    verdict = request.GET.get("verdict", "")
    verdict = verdict if verdict in Verdict.values else Verdict.REJECTED.value
    person = _person(people, request.GET.get("annotator", ""))
    context = {
        **queue_context(request, queue),
        "numbers": reads.how_far(queue),
        "people": people,
        "person": person,
        "verdict": verdict,
        "page": key_page(reads.judged(queue, verdict, person), request.GET, newest_first=True),
    }
    return render(request, "labeling/reviews.html", context)


def _person(people: list[reads.PersonReviewed], number: str) -> User | None:
    return next((one.person for one in people if str(one.person.pk) == number), None)
