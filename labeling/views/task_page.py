"""The labelling page and the pages that stand in its place: what their templates show."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone

from labeling import access
from labeling.errors import DomainError, Fault, NotFound
from labeling.models import Annotation, GuidelinesVersion, Project, Prompt, Queue, QueueState, SkipReason, Slot
from labeling.questions import Config
from labeling.rendering.diff import diff_html
from labeling.selectors import annotations as annotation_reads
from labeling.selectors import projects as project_reads
from labeling.selectors import reviews as review_reads
from labeling.selectors import slots as slot_reads
from labeling.selectors import standing, work
from labeling.selectors.slots import ShownCandidate
from labeling.services import annotations, profile, slots
from labeling.text import typed_number
from labeling.views.day import start_of_day
from labeling.views.pages import MemberRequest, typed_texts
from labeling.views.questions import final_answers, read_answers, shown_questions
from labeling.views.sitting import start_of_sitting


def bench(
    form: Sequence[Config],
    prompt: Prompt,
    candidates: Sequence[ShownCandidate],
    answers: Mapping[str, Any],
    faults: Sequence[Fault] = (),
) -> dict[str, Any]:
    """What is judged and what is asked: the part of the page that hangs on no slot and no person."""
    questions = shown_questions(form, answers, [candidate.key for candidate in candidates], faults)
    return {
        "prompt": prompt,
        "candidates": candidates,
        "questions": questions,
        "above": [question for question in questions if question.part.card or question.part.foot],
        "scripts": sorted({question.part.script for question in questions}),
        "raw_first": any(question.part.raw_first for question in questions),
        # Where there are responses, the prompt is what they answer.
        "prompt_note": "" if candidates else next(filter(None, (one.part.prompt_note for one in questions)), ""),
        "faults": faults,
    }


def tastes(request: MemberRequest) -> dict[str, Any]:
    """How this person likes the page."""
    return {
        "layout": profile.preference(request.user, "layout"),
        "single_keys": profile.preference(request.user, "keys") == "on",
    }


def progress(request: MemberRequest, queue: Queue) -> work.QueueWork:
    """How far the person is in a queue: today, in this sitting, and what is left."""
    return work.in_queue(queue, request.user, since=start_of_day(request), sitting=start_of_sitting(request))


def _task_context(
    request: MemberRequest,
    slot: Slot,
    *,
    ahead: bool = False,
    answers: Mapping[str, Any] | None = None,
    faults: Sequence[Fault] = (),
) -> dict[str, Any]:
    draft = slot_reads.with_draft(slot, request.user)
    if answers is None:
        answers = draft.answers if draft else {}
    form = slot.form.questions if slot.form else []
    whole = _milliseconds(slots.lease_length(slot.queue))
    left = slot.lease_expires_at - timezone.now() if slot.lease_expires_at else timedelta()
    return {
        **bench(form, slot.task.prompt, slot_reads.candidates(slot), answers, faults),
        **tastes(request),
        "slot": slot,
        "queue": slot.queue,
        "project": slot.queue.project,
        "draft": draft,
        "stored": draft.answers if draft else {},
        "guidelines": slot.guidelines,
        "news": guidelines_news(request, slot.queue.project, slot.guidelines),
        "work": progress(request, slot.queue),
        "skip_reasons": SkipReason.choices,
        # A slot that is shown ahead has its whole lease when its turn comes.
        "lease_left": whole if ahead else _milliseconds(left),
        "lease_length": whole,
        "undoable": None if ahead else undoable(request, slot.queue),
        "undo_seconds": annotations.UNDO.seconds,
    }


def task_page(
    request: MemberRequest,
    slot: Slot,
    *,
    answers: Mapping[str, Any] | None = None,
    faults: Sequence[Fault] = (),
    status: int = 200,
) -> HttpResponse:
    """The labelling page with a slot that the person holds. `answers` are shown in place of the draft."""
    context = _task_context(request, slot, answers=answers, faults=faults)
    return render(request, "labeling/label.html", context, status=status)


def page_ahead(request: MemberRequest, slot: Slot) -> str:
    """The same page as text, for a slot whose turn comes after the one in hand."""
    return render_to_string("labeling/label.html", _task_context(request, slot, ahead=True), request)


def correction_page(
    request: MemberRequest,
    slot: Slot,
    annotation: Annotation,
    *,
    answers: Mapping[str, Any] | None = None,
    faults: Sequence[Fault] = (),
    status: int = 200,
) -> HttpResponse:
    """The labelling page with answers that were submitted already, to be corrected."""
    draft = slot_reads.draft_of(slot, request.user)
    stored = draft.answers if draft else annotation.answers
    guidelines = project_reads.guidelines(slot.queue.project)
    context = {
        **bench(
            annotation.form.questions,
            slot.task.prompt,
            slot_reads.candidates(slot),
            stored if answers is None else answers,
            faults,
        ),
        **tastes(request),
        "slot": slot,
        "queue": slot.queue,
        "project": slot.queue.project,
        "draft": draft,
        "stored": stored,
        "guidelines": guidelines,
        "correcting": annotation,
        "versions": annotation_reads.versions(slot),
        "review": review_reads.last(slot),
        "work": progress(request, slot.queue),
    }
    return render(request, "labeling/correct.html", context, status=status)


def end_page(request: MemberRequest, queue: Queue) -> HttpResponse:
    """There is nothing for the person in this queue now: what they have done, and where there is more."""
    others = queue.project.queues.exclude(pk=queue.pk).exclude(state=QueueState.CLOSED)
    here, *elsewhere = work.in_queues(
        [queue, *others], request.user, since=start_of_day(request), sitting=start_of_sitting(request)
    )
    context = {
        "queue": queue,
        "project": queue.project,
        "work": here,
        "others": [other for other in elsewhere if other.left],
        "standing": standing.why_nothing(queue, request.user),
        "undoable": undoable(request, queue),
        "undo_seconds": annotations.UNDO.seconds,
    }
    return render(request, "labeling/label_done.html", context)


def lost_page(request: MemberRequest, queue: Queue, error: DomainError) -> HttpResponse:
    """The answers could not be taken: why, and every text that was typed, to be copied."""
    context = {"queue": queue, "project": queue.project, "error": error, "texts": typed_texts(request)}
    return render(request, "labeling/label_lost.html", context, status=409)


@dataclass(frozen=True)
class Undoable:
    """A submit that can be taken back, and for how long yet."""

    slot: Slot
    seconds: int


def undoable(request: MemberRequest, queue: Queue) -> Undoable | None:
    """The person's last submit in this queue, while it can be taken back."""
    now = timezone.now()
    slot = annotation_reads.last_done(request.user, queue, since=now - annotations.UNDO)
    if slot is None or slot.finished_at is None:
        return None
    return Undoable(slot, math.ceil((slot.finished_at + annotations.UNDO - now).total_seconds()))


@dataclass(frozen=True)
class News:
    """Guidelines that somebody has not met yet: what changed since those they know, or nothing known at all."""

    version: GuidelinesVersion
    known: int
    diff: str


def guidelines_news(request: MemberRequest, project: Project, version: GuidelinesVersion | None) -> News | None:
    """What is to be announced of the guidelines of a task, if this person has not met them."""
    seen = project_reads.guidelines_seen(project, request.user)
    if version is None or seen is None or seen >= version.number or not version.text.strip():
        return None
    if seen == 0:
        return News(version, 0, "")
    before = project_reads.guidelines(project, str(seen))
    return News(version, seen, diff_html(before.text, version.text)) if before.text != version.text else None


def posted_slot(request: MemberRequest, queue_id: int) -> Slot:
    """The slot that a posted form is about. Raises NotFound."""
    number = typed_number(request.POST.get("slot", ""))
    if number is None:
        raise NotFound("There is no such task.")
    slot = access.get_held_slot(request.user, number)
    if slot.queue_id != queue_id:
        raise NotFound("There is no such task.")
    return slot


@dataclass(frozen=True)
class Posted:
    """What a posted labelling form says: answers as drafts keep them and as they are submitted, and the time."""

    answers: dict[str, Any]
    final: dict[str, Any]
    lease: str
    seconds: float | None


def read_posted(form: Sequence[Config], slot: Slot, posted: QueryDict) -> Posted:
    """Reads a posted labelling form."""
    shown = slot_reads.shown(slot)
    answers = read_answers(form, posted, shown.keys)
    seconds = _seconds(posted.get("active_seconds", ""))
    return Posted(answers, final_answers(form, answers, shown), posted.get("lease", ""), seconds)


def _seconds(raw: str) -> float | None:
    # A time that cannot be read is no reason to refuse work that can.
    try:
        seconds = float(raw)
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


def _milliseconds(length: timedelta) -> int:
    return max(0, round(length.total_seconds() * 1000))
