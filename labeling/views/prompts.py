"""The prompts of a project, and everything that is known of one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from django.http import HttpResponse, QueryDict
from django.shortcuts import render

from labeling import access
from labeling.forms.projects import PromptFilter
from labeling.models import Project, Prompt, Role
from labeling.selectors import prompts as reads
from labeling.selectors.live import deeds_of
from labeling.views.pages import MemberRequest, page
from labeling.views.paging import KeyPage, key_page, search_page


@page()
def index(request: MemberRequest, slug: str) -> HttpResponse:
    """The prompts in the order they came, narrowed down by batch, external id and where they stand."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    form = PromptFilter(request.GET, stands=[(stand.value, stand.label) for stand in reads.Stand])
    asked = form.cleaned_data if form.is_valid() else {}
    found = _found(project, asked, request.GET)
    context = {"project": project, "manages": True, "form": form, "page": found, "rows": reads.rows(found.rows)}
    return render(request, "labeling/prompts.html", context | {"narrowed": any(asked.values())})


def _found(project: Project, asked: Mapping[str, str], query: QueryDict) -> KeyPage[Prompt]:
    stand = asked.get("state", "")
    prompts = reads.filtered(
        project,
        batch=asked.get("batch", ""),
        external_id=asked.get("external_id", ""),
        waiting=stand == reads.Stand.WAITING,
    )
    if stand in ("", reads.Stand.WAITING):
        return key_page(prompts, query)
    return search_page(prompts, partial(reads.standing, prompts, project, reads.Stand(stand)), query)


@page()
def detail(request: MemberRequest, slug: str, prompt_id: int) -> HttpResponse:
    """A prompt with its candidates, where each came from, and what people answered."""
    prompt = access.get_prompt(request.user, slug, prompt_id)
    candidates = reads.numbered(prompt)
    tasks = reads.tasks_of(prompt, {one.pk: number for number, one in candidates.items()})
    context = {
        "project": prompt.project,
        "manages": True,
        "prompt": prompt,
        "row": reads.rows([prompt])[0],
        "candidates": [(number, one, reads.provenance(one)) for number, one in candidates.items()],
        "tasks": tasks,
        "deeds": deeds_of([row.task for row in tasks]),
    }
    return render(request, "labeling/prompt.html", context)
