"""The form of a queue: changing what is asked while people work."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from labeling.errors import DomainError
from labeling.forms.base import complain, posted
from labeling.forms.questions import QuestionsForm
from labeling.models import Queue, Role
from labeling.questions import Config
from labeling.selectors import forms as reads
from labeling.services import queues
from labeling.views.form_builder import builder_page
from labeling.views.pages import MemberRequest, page
from labeling.views.queues import queue_of


@page("GET", "HEAD", "POST")
def edit(request: MemberRequest, slug: str, queue_id: int) -> HttpResponse:
    """The form of a queue, to be changed into a new version. `?version=2` begins with an older one."""
    queue = queue_of(request, slug, queue_id, least=Role.MANAGER)
    begun = reads.version(queue, request.GET.get("version", "")) or queue.form
    form = QuestionsForm(posted(request), initial={"form": _as_text(begun.questions if begun else [])})
    if request.method == "POST" and form.is_valid() and _saved(request, queue, form):
        return redirect("queue", slug, queue_id)
    context = {"queue": queue, "begun": begun, "form": form}
    status = 422 if form.errors else 200
    return builder_page(request, "labeling/form_edit.html", context, project=queue.project, status=status)


def _as_text(questions: list[Config]) -> str:
    return json.dumps(questions, ensure_ascii=False, indent=2)


def _saved(request: MemberRequest, queue: Queue, form: QuestionsForm) -> bool:
    before = queue.form.number if queue.form else 0
    try:
        queue = queues.change(queue, form=form.cleaned_data["form"], by=request.user)
    except DomainError as error:
        complain(form, error)
        return False
    number = queue.form.number if queue.form else 0
    if number == before:
        messages.info(request, "It asks just the same: nothing was changed.")
    else:
        messages.success(request, f"Version {number} is asked in every task that is taken from now on.")
    return True
