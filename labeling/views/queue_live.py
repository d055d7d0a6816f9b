"""A queue while people work in it: the live page, its skips, and what managers do with single tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from labeling.errors import Conflict, DomainError, Invalid, NotFound
from labeling.models import Queue, Role, SkipReason, Slot, SlotState, Task, TaskState, User
from labeling.selectors import live as reads
from labeling.selectors import queues as queue_reads
from labeling.services import slots, tasks
from labeling.text import typed_number
from labeling.views.pages import MemberRequest, page
from labeling.views.paging import key_page
from labeling.views.queues import queue_context, queue_of

BULK = 200  # tasks of one press: each is a transaction of its own


@never_cache
@page()
def index(request: MemberRequest, slug: str, queue_id: int) -> HttpResponse:
    """Who holds what, what waits for whom, how fast it goes; one task and its deeds where one is asked for.

    `?part=now` is the part that is fetched again and again, `?held=2` the second page of what people hold.
    """
    queue = queue_of(request, slug, queue_id, least=Role.REVIEWER)
    context = {**queue_context(request, queue), **_now(queue, page=typed_number(request.GET.get("held", "")) or 1)}
    if request.GET.get("part") == "now":
        return render(request, "labeling/_queue_live_now.html", context)
    if context["manages"] and "task" in request.GET:
        context |= _asked_task(queue, request.GET["task"].strip())
    return render(request, "labeling/queue_live.html", context)


def _now(queue: Queue, *, page: int) -> dict[str, Any]:
    counts = queue_reads.counts([queue])[queue.pk]
    pages = max(1, -(-counts.slots[SlotState.LEASED] // reads.SHOWN))
    page = min(max(page, 1), pages)
    pace, days = reads.pace(queue), reads.days(queue)
    return {
        "counts": counts,
        "tasks": reads.tasks_by_state(queue),
        "leases": reads.leases(queue, page=page),
        "held_page": page,
        "held_pages": pages,
        "handed": reads.handed(queue),
        "most_shown": reads.SHOWN,
        "pace": pace,
        "days": days,
        "forecast": reads.forecast(queue, counts, pace, days),
        "gives_out": slots.gives_out(queue),
        "now": timezone.now(),
    }


def _asked_task(queue: Queue, number: str) -> dict[str, Any]:
    try:
        task = reads.find_task(queue, number)
    except NotFound as error:
        return {"asked": number, "no_task": error.detail}
    return {"asked": number, "task": task, "deeds": reads.deeds_of([task])[task.pk]}


@page("POST")
def act(request: MemberRequest, slug: str, queue_id: int, task_id: int) -> HttpResponse:
    """Does one thing with a task: retires it, opens it again, hands it to somebody, or to anybody again."""
    queue = queue_of(request, slug, queue_id, least=Role.MANAGER)
    task = reads.find_task(queue, str(task_id))
    try:
        messages.success(request, _done(request, task))
    except DomainError as error:
        messages.error(request, " ".join([error.detail, *(fault.message for fault in error.errors)]))
    if "prompt" in request.POST:
        return redirect(f"{reverse('prompt', args=[slug, task.prompt_id])}#task-{task.pk}")
    return redirect(f"{reverse('queue-live', args=[slug, queue.pk])}?task={task.pk}#task-{task.pk}")


def _done(request: MemberRequest, task: Task) -> str:
    """Does what the pressed button says. Returns what came of it, in words."""
    deed = request.POST.get("deed", "")
    if deed == "retire":
        tasks.retire(task, by=request.user)
        return f"Task {task.pk} is retired. Its answers stay, and what somebody holds they may finish."
    if deed == "reopen":
        task = tasks.reopen(task, by=request.user)
        return f"Task {task.pk} is open again: it asks for {task.overlap} answer{'' if task.overlap == 1 else 's'} now."
    if deed == "hand":
        person = _member(task, request.POST.get("to", ""))
        tasks.hand(task, to=person, by=request.user)
        return f"Task {task.pk} waits for {person}: it is what they get next."
    if deed == "anybody":
        tasks.hand_to_anybody(_handed(task, request.POST.get("slot", "")), by=request.user)
        return f"Task {task.pk} waits for nobody any more: whoever comes first gets it."
    raise Invalid("Press one of the buttons.")


def _member(task: Task, number: str) -> User:
    found = next((one for one in reads.members(task.queue.project_id) if str(one.pk) == number), None)
    if found is None:
        raise Invalid("Choose somebody of the project.")
    return found


def _handed(task: Task, number: str) -> Slot:
    found = next((one for one in reads.deeds_of([task])[task.pk].handed if str(one.pk) == number), None)
    if found is None:
        raise Conflict("This seat waits for nobody.")
    return found


# Skips


@page("GET", "HEAD", "POST")
def skips(request: MemberRequest, slug: str, queue_id: int) -> HttpResponse:
    """What was skipped and why; retires, opens again or moves several tasks at once."""
    queue = queue_of(request, slug, queue_id, least=Role.MANAGER)
    sent = request.POST if request.method == "POST" else request.GET
    reason = sent.get("reason", "")
    reason = reason if reason in SkipReason.values else ""
    if request.method == "POST":
        _settle(request, queue, reason)
        where = reverse("queue-skips", args=[slug, queue.pk])
        return redirect(f"{where}?reason={reason}" if reason else where)
    counts = queue_reads.counts([queue])[queue.pk]
    found = key_page(reads.skips(queue, reason), request.GET, newest_first=True)
    context = {
        **queue_context(request, queue),
        "reasons": reads.reasons(queue, counts.skips),
        "reason": reason,
        "reason_label": SkipReason(reason).label if reason else "",
        "number": counts.skips.get(reason, 0) if reason else sum(counts.skips.values()),
        "page": found,
        "others": reads.other_queues(queue),
        "bulk": BULK,
    }
    return render(request, "labeling/queue_skips.html", context)


# The state of a task that a deed is nothing for.
_NOT_FOR = {"retire": TaskState.RETIRED, "move": TaskState.RETIRED, "reopen": TaskState.OPEN}


def _settle(request: MemberRequest, queue: Queue, reason: str) -> None:
    """Does with the ticked tasks, or with all that were skipped for a reason, what the pressed button says."""
    deed = request.POST.get("deed", "")
    target = next((one for one in reads.other_queues(queue) if str(one.pk) == request.POST.get("queue", "")), None)
    if deed not in _NOT_FOR:
        messages.error(request, "Press one of the buttons.")
        return
    if deed == "move" and target is None:
        messages.error(request, "Choose the queue that the tasks go to. Nothing was moved.")
        return
    everything = request.POST.get("which") == "all"
    if everything:
        chosen = reads.tasks_skipped(queue, reason, but=_NOT_FOR[deed], most=BULK + 1)
    else:
        ticked = [pk for sent in request.POST.getlist("slot") if (pk := typed_number(sent)) is not None]
        chosen = reads.tasks_of_skips(queue, ticked[:BULK])
    if not chosen:
        messages.warning(request, "There is none left to do it with." if everything else "Tick the tasks first.")
        return
    told = _each(chosen[:BULK], deed, target, by=request.user)
    if len(chosen) > BULK:
        told.append(f"These were {BULK} of them. There are more: press again.")
    messages.success(request, " ".join(told))


def _each(chosen: Sequence[Task], deed: str, target: Queue | None, *, by: User) -> list[str]:
    """Does one thing with each task. Returns how often it was done, and how often it was not and why, in words."""
    came: Counter[str] = Counter()
    for task in chosen:
        try:
            came[_one(task, deed, target, by)] += 1
        except DomainError as error:
            came[f"not: {error.detail}"] += 1
    name = target.name if target else ""
    words: dict[str, Callable[[int], str]] = {
        "retired": lambda n: f"{_tasks(n)} {_is(n)} retired.",
        "already": lambda n: f"{_tasks(n)} {_was(n)} retired already.",
        "reopened": lambda n: f"{_tasks(n)} {_is(n)} open again, for one answer more.",
        "open": lambda n: f"{_tasks(n)} {_was(n)} open already: another person gets {'it' if n == 1 else 'them'}.",
        "moved": lambda n: f"{_tasks(n)} {_is(n)} retired here and open in {name}.",
        "answered there": lambda n: f"{_tasks(n)} {_is(n)} retired here; in {name} the prompt has its answers already.",
    }
    return [words[what](n) if what in words else f"{_tasks(n)}: {what[5:]}" for what, n in came.items()]


def _one(task: Task, deed: str, target: Queue | None, by: User) -> str:
    if deed == "move" and target is not None:
        there = tasks.move(task, to=target, by=by).task
        return "moved" if there.state == TaskState.OPEN else "answered there"
    if task.state == _NOT_FOR[deed]:
        return "open" if deed == "reopen" else "already"
    if deed == "retire":
        tasks.retire(task, by=by, reason="among the skips")
        return "retired"
    tasks.reopen(task, by=by)
    return "reopened"


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number:,} tasks"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"
