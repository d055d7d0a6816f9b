"""The pages of a project's generators: what the models make, how fast, what was found in it, and what went wrong."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from labeling import access
from labeling.errors import Conflict, DomainError
from labeling.models import Project, Role, User
from labeling.views.pages import MemberRequest, page
from workers.access import get_candidate, get_generator
from workers.forms import GeneratorForm, Settings, SharedForm, WaterMarksForm
from workers.models import Generator
from workers.selectors import progress, supplies
from workers.services import generations, generators, supply


def _pause(generator: Generator, user: User) -> str:
    generators.set_state(generator, "paused", by=user)
    return f"{generator.name} is paused. What is being made is finished first."


def _resume(generator: Generator, user: User) -> str:
    generators.set_state(generator, "active", by=user)
    return f"{generator.name} is going again."


def _retry(generator: Generator, user: User) -> str:
    return f"{generators.retry_failed(generator, by=user)} rows are tried again."


def _cancel(generator: Generator, user: User) -> str:
    return f"{generators.cancel_pending(generator, by=user)} rows are called off."


# What the buttons of a generator's page do; each says what it did.
ACTIONS = {"pause": _pause, "resume": _resume, "retry": _retry, "cancel": _cancel}


@page("GET", "HEAD")
def index(request: MemberRequest, slug: str) -> HttpResponse:
    """All generators of a project with their progress."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    found = progress.of_project(project)
    busy = any(item.generator.state == "active" and item.pending + item.running for item in found)
    context = {
        "project": project,
        "manages": True,
        "generators": found,
        "busy": busy,
        "shared": supplies.shared(project),
        "queues": supplies.queues(project),
    }
    return render(request, "workers/generators.html", context)


@page("GET", "HEAD", "POST")
def create(request: MemberRequest, slug: str) -> HttpResponse:
    """Sets a generator up."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    form = GeneratorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            generator = generators.create(project, **form.fields_for_service(), by=request.user)
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, f"{generator.name} is set up. It starts within a few seconds.")
            return redirect("generators", project.slug)
    context = {"project": project, "manages": True, "form": form}
    return render(request, "workers/generator_form.html", context, status=_status(form))


@page("GET", "HEAD")
def detail(request: MemberRequest, slug: str, generator_id: int) -> HttpResponse:
    """One generator: its settings, its progress, what was found in its responses, and the rows that failed last."""
    generator = get_generator(request.user, slug, generator_id)
    context = {
        "project": generator.project,
        "manages": True,
        "item": progress.of_generators([generator])[0],
        "findings": progress.findings(generator),
        "reasons": progress.failure_reasons(generator),
        "failures": progress.recent_failures(generator),
        "shared": supplies.shared(generator.project),
    }
    return render(request, "workers/generator.html", context)


@page("GET", "HEAD", "POST")
def change(request: MemberRequest, slug: str, generator_id: int) -> HttpResponse:
    """Changes what may be changed of a generator."""
    generator = get_generator(request.user, slug, generator_id)
    form = Settings(request.POST) if request.method == "POST" else Settings.of(generator)
    if request.method == "POST" and form.is_valid():
        try:
            generators.change(generator, **form.changeable(), by=request.user)
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, "Saved. It holds for what is made from now on.")
            return redirect("generator", slug, generator_id)
    context = {"project": generator.project, "manages": True, "generator": generator, "form": form}
    return render(request, "workers/generator_change.html", context, status=_status(form))


@page("GET", "HEAD")
def findings(request: MemberRequest, slug: str, generator_id: int) -> HttpResponse:
    """What the hygiene checks found last, with the responses that were dropped."""
    generator = get_generator(request.user, slug, generator_id)
    counted = progress.findings(generator)
    chosen = next((one for one in counted if one.name == request.GET.get("check")), None)
    context = {
        "project": generator.project,
        "manages": True,
        "generator": generator,
        "counted": counted,
        "chosen": chosen,
        "found": progress.found_by(generator, chosen.name if chosen else ""),
    }
    return render(request, "workers/findings.html", context)


@page("POST")
def act(request: MemberRequest, slug: str, generator_id: int) -> HttpResponse:
    """Pauses, resumes, retries or cancels, by the button that was pressed."""
    generator = get_generator(request.user, slug, generator_id)
    action = ACTIONS.get(request.POST.get("action", ""))
    if action is None:
        messages.error(request, "There is no such action.")
    else:
        messages.success(request, action(generator, request.user))
    return redirect("generator", slug, generator_id)


@page("GET", "HEAD", "POST")
def share(request: MemberRequest, slug: str) -> HttpResponse:
    """What the generators share: the draw, the budget; and how far ahead of its annotators each queue is kept."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    form = SharedForm(request.POST if "drawn_per_prompt" in request.POST else None, initial=_shared(project))
    if form.is_bound and form.is_valid():
        try:
            supply.change_project(project, **form.cleaned_data, by=request.user)
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, "Saved.")
            return redirect("generation", slug)
    return _supply_page(request, project, form)


@page("POST")
def mark(request: MemberRequest, slug: str, queue_id: int) -> HttpResponse:
    """Sets the water marks of a queue, or takes them away."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    queue = access.get_queue(request.user, queue_id, least=Role.MANAGER)
    if "clear" in request.POST:
        supply.clear_water_marks(queue, by=request.user)
        messages.success(request, f"{queue.name}: candidates are made for every prompt.")
        return redirect("generation", slug)
    form = WaterMarksForm(request.POST, prefix=str(queue.pk))
    if form.is_valid():
        try:
            supply.set_water_marks(queue, **form.cleaned_data, by=request.user)
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, f"{queue.name} is kept ahead.")
            return redirect("generation", slug)
    return _supply_page(request, project, SharedForm(initial=_shared(project)), at_fault={queue.pk: form})


@page("POST")
def regenerate(request: MemberRequest, slug: str, candidate_id: int) -> HttpResponse:
    """Puts a candidate aside and has another one made."""
    candidate = get_candidate(request.user, slug, candidate_id)
    try:
        generations.regenerate(candidate, by=request.user)
    except Conflict as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, f"Candidate {candidate.pk} is put aside, and another one is on its way.")
    return redirect("prompt", slug, candidate.prompt_id)


def _shared(project: Project) -> dict[str, Any]:
    found = supplies.shared(project)
    return {name: getattr(found, name) for name in ("drawn_per_prompt", "budget", "currency")}


def _supply_page(
    request: MemberRequest, project: Project, form: SharedForm, *, at_fault: dict[int, WaterMarksForm] | None = None
) -> HttpResponse:
    at_fault = at_fault or {}
    rows = [
        (row, at_fault.get(row.queue.pk) or WaterMarksForm.of(row.marks, prefix=str(row.queue.pk)))
        for row in supplies.queues(project)
    ]
    context = {"project": project, "manages": True, "form": form, "rows": rows, "shared": supplies.shared(project)}
    return render(request, "workers/generation.html", context, status=422 if at_fault else _status(form))


def _status(form: Settings | SharedForm) -> int:
    return 422 if form.is_bound and form.errors else 200
