"""The export page of a project."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from labeling import access
from labeling.courtesy import GiveWay
from labeling.errors import Invalid
from labeling.exports import beside, choices, previews, stream
from labeling.exports.forms import ExportForm
from labeling.models import Role
from labeling.views.pages import MemberRequest, page


@page()
def export(request: MemberRequest, slug: str) -> HttpResponse:
    """Choose a format and policies; see what would come out, and download it."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    given = {"format": "sft"} | {name: value for name, value in request.GET.dict().items() if value}
    count = given.pop("count", "")
    known = {"project": project, "manages": True, "form": ExportForm(project, initial=given)}
    try:
        choice = choices.parse(project, given)
        rows = previews.first_rows(choice)
    except Invalid as error:
        return render(request, "exports/export.html", known | {"mistake": error}, status=400)
    counted = count or previews.is_quickly_counted(choice)
    known |= {
        "choice": choice,
        "rows": rows,
        "report": stream.measure(choice, between=GiveWay()) if counted else None,
        "download": f"{reverse('api-export', args=[slug])}?{choice.query}",
        "beside": f"{reverse('api-export-dataset-info', args=[slug])}?{choice.query}" if beside.needed(choice) else "",
    }
    return render(request, "exports/export.html", known)
