"""The page of a project's generators: what the models make, how fast, and what went wrong."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from labeling import access
from labeling.errors import DomainError
from labeling.models import Role, User
from labeling.views.pages import MemberRequest, page
from workers.access import get_generator
from workers.forms import GeneratorForm
from workers.models import Generator
from workers.selectors import progress
from workers.services import generators


def _pause(generator: Generator, user: User) -> str:
    generators.set_state(generator, "paused", by=user)
    return f"{generator.name} is paused. A batch that is being made is finished first."


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
    return render(
        request, "workers/generators.html", {"project": project, "manages": True, "generators": found, "busy": busy}
    )


@page("GET", "HEAD", "POST")
def create(request: MemberRequest, slug: str) -> HttpResponse:
    """Sets a generator up."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    form = GeneratorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            generator = generators.create(project, **form.fields_for_service(), by=request.user)
        except DomainError as error:
            _show(form, error)
        else:
            messages.success(request, f"{generator.name} is set up. It starts within a few seconds.")
            return redirect("generators", project.slug)
    context = {"project": project, "manages": True, "form": form}
    return render(request, "workers/generator_form.html", context, status=_status(form))


@page("GET", "HEAD")
def detail(request: MemberRequest, slug: str, generator_id: int) -> HttpResponse:
    """One generator: its settings, its progress, and the rows that failed last."""
    generator = get_generator(request.user, slug, generator_id)
    context = {
        "project": generator.project,
        "manages": True,
        "item": progress.of_generators([generator])[0],
        "failures": progress.recent_failures(generator),
    }
    return render(request, "workers/generator.html", context)


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


def _show(form: GeneratorForm, error: DomainError) -> None:
    """Puts a service's complaints beside the fields that they are about."""
    form.add_error(None, error.detail)
    for fault in error.errors:
        field = fault.path.removeprefix("sampling.")
        form.add_error(field if field in form.fields else None, fault.message)


def _status(form: GeneratorForm) -> int:
    return 422 if form.is_bound and form.errors else 200
