"""Trying a form out while it is built: the real labelling page on a sample. It takes answers and keeps nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from labeling import access, questions
from labeling.errors import Fault, InvalidAnswers
from labeling.forms.questions import OWN_FORM, QuestionsForm
from labeling.models import Project, Role
from labeling.questions import Config, Shown
from labeling.selectors import forms as reads
from labeling.selectors import projects as project_reads
from labeling.selectors import samples
from labeling.selectors.forms import Checked
from labeling.selectors.samples import Sample
from labeling.views.pages import MemberRequest, page
from labeling.views.questions import final_answers, read_answers
from labeling.views.task_page import bench, tastes

_PLACE = re.compile(r"form\[(\d+)\]\.?(.*)")


def framed(response: HttpResponse) -> HttpResponse:
    """Lets this one answer stand in a frame on our own pages; nothing else may be framed by anybody."""
    response.content_policy = {"frame-ancestors": "'self'"}  # type: ignore[attr-defined]
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


@never_cache
@page("POST")
def preview(request: MemberRequest, slug: str) -> HttpResponse:
    """The labelling page as the form that was sent makes it, on a prompt (`?prompt=12`, `?prompt=sample`). Answers that
    come with it are judged as a submit judges them; a form with mistakes is told what is wrong with it.
    """
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    raw, faults = _sent(request.POST)
    checked = Checked(None, faults, ()) if faults else reads.check(raw)
    if checked.form is None:
        context = {"project": project, "checked": checked, "mistakes": _mistakes(checked.faults, raw)}
        return framed(render(request, "labeling/form_preview_wrong.html", context))
    low, high = questions.form_candidates(checked.form)
    sample = samples.sample(project, request.GET.get("prompt", ""), low=low, high=high)
    return framed(_trial(request, project, checked.form, sample, checked))


def _sent(posted: QueryDict) -> tuple[Any, tuple[Fault, ...]]:
    """The form that was sent, as a preset's name or as questions; or why it cannot be read."""
    preset = questions.PRESETS.get(posted.get("preset", OWN_FORM))
    if preset:
        return [dict(question) for question in preset.questions], ()
    form = QuestionsForm(posted)
    if form.is_valid():
        return form.cleaned_data["form"], ()
    return None, tuple(Fault("form", str(message)) for message in form.errors["form"])


def _trial(
    request: MemberRequest, project: Project, form: list[Config], sample: Sample, checked: Checked
) -> HttpResponse:
    shown = Shown({candidate.key: candidate.text for candidate in sample.candidates})
    answers: dict[str, Any] = {}
    wrong: Sequence[Fault] = ()
    outcome = None
    if "answering" in request.POST:
        answers = read_answers(form, request.POST, shown.keys)
        try:
            cleaned = questions.clean_answers(form, final_answers(form, answers, shown), shown)
        except InvalidAnswers as error:
            wrong = error.errors
        else:
            outcome = json.dumps(cleaned, ensure_ascii=False, indent=2)
    context = {
        **bench(form, sample.prompt, sample.candidates, answers, wrong),
        **tastes(request),
        "project": project,
        "queue": {"name": "Preview"},
        "guidelines": project_reads.guidelines(project),
        "correcting": True,  # there is nothing to skip
        "note": sample.note,
        "sent": json.dumps(form, ensure_ascii=False),
        "outcome": outcome,
        "checked": checked,
    }
    return render(request, "labeling/form_preview.html", context, status=422 if wrong else 200)


def _mistakes(faults: Sequence[Fault], raw: Any) -> list[dict[str, str]]:
    """Every mistake with its path, and the question that it is in as a person would name it."""
    return [{"where": _where(fault.path, raw), "path": fault.path, "message": fault.message} for fault in faults]


def _where(path: str, raw: Any) -> str:
    found = _PLACE.match(path)
    if not found or not isinstance(raw, list):
        return "The form"
    place = int(found[1])
    question = raw[place] if place < len(raw) and isinstance(raw[place], dict) else {}
    title = question.get("title") or question.get("name")
    return f"Question {place + 1}{f', “{title}”' if isinstance(title, str) else ''}"
