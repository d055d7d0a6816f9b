"""Who is in a project, and as what."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from labeling import access
from labeling.errors import DomainError
from labeling.forms.base import complain, posted
from labeling.forms.projects import MemberAbilities, MemberForm, Skills
from labeling.models import Role
from labeling.selectors import projects as reads
from labeling.services import people, projects
from labeling.views.pages import MemberRequest, page


@page("GET", "HEAD", "POST")
def index(request: MemberRequest, slug: str) -> HttpResponse:
    """The members; adds one, or gives one another role."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    form = MemberForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            member, created = projects.add_member(project, **form.cleaned_data, by=request.user)
        except DomainError as error:
            complain(form, error)
        else:
            words = "is in the project" if created else "is here"
            messages.success(request, f"{member.user} {words} as {member.get_role_display().lower()}.")
            return redirect("members", slug)
    context = {"project": project, "manages": True, "form": form, "members": reads.members(project), "roles": Role}
    return render(request, "labeling/members.html", context, status=422 if form.errors else 200)


@page("GET", "HEAD", "POST")
def detail(request: MemberRequest, slug: str, membership_id: int) -> HttpResponse:
    """What a member may do and can do: their role, skills and languages."""
    member = access.get_membership(request.user, slug, membership_id)
    stored = {"role": member.role, "skills": Skills.typed(member.skills), "languages": ", ".join(member.languages)}
    form = MemberAbilities(posted(request), initial=stored)
    if request.method == "POST" and form.is_valid():
        try:
            projects.change_member(member, **form.cleaned_data, by=request.user)
        except DomainError as error:
            complain(form, error)
        else:
            messages.success(request, f"{member.user} is changed. Queues go by it from the next task on.")
            return redirect("members", slug)
    context = {"project": member.project, "manages": True, "form": form, "member": member}
    return render(request, "labeling/member.html", context, status=422 if form.errors else 200)


@page("POST")
def invite(request: MemberRequest, slug: str, membership_id: int) -> HttpResponse:
    """Shows a link with which a member without a password sets one. The manager passes it on; no mail is sent."""
    member = access.get_membership(request.user, slug, membership_id)
    try:
        uidb64, token = people.invitation(member.user, by=request.user)
    except DomainError as error:
        messages.error(request, error.detail)
        return redirect("members", slug)
    link = request.build_absolute_uri(reverse("welcome", args=[uidb64, token]))
    context = {"project": member.project, "manages": True, "member": member, "link": link}
    return render(request, "labeling/invitation.html", context)


@page("POST")
def remove(request: MemberRequest, slug: str, membership_id: int) -> HttpResponse:
    """Takes somebody out of the project."""
    member = access.get_membership(request.user, slug, membership_id)
    try:
        projects.remove_member(member, by=request.user)
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, f"{member.user} is out of the project. Their work stays.")
    if member.user == request.user and access.role_in(request.user, member.project) is None:
        return redirect("home")
    return redirect("members", slug)
