"""The start page: what waits for me, and what I look after."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.shortcuts import render

from labeling import access
from labeling.selectors import projects, work
from labeling.views.day import start_of_day
from labeling.views.pages import MemberRequest, page


@page()
def home(request: MemberRequest) -> HttpResponseBase:
    """My projects and queues, with how much is left for me in each."""
    joined = projects.joined(request.user, list(access.visible_projects(request.user)))
    mine = work.of_person(request.user, [(one.project, one.role) for one in joined], since=start_of_day(request))
    context = {"projects": mine, "may_create": access.may_create_projects(request.user)}
    return render(request, "labeling/home.html", context)
