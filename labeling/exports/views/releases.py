"""The pages of releases: those of a project, a new one, one of them, and two compared."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from labeling import access
from labeling.courtesy import GiveWay
from labeling.errors import Conflict, DomainError, TooLarge
from labeling.exports import benchmarks, differing, plans, previews
from labeling.exports.access import get_release
from labeling.exports.contamination import Benchmark
from labeling.exports.forms import ReleaseForm, initial_of
from labeling.exports.models import Release
from labeling.exports.selectors import comparisons, dividing
from labeling.exports.selectors import releases as reads
from labeling.exports.services import releases
from labeling.exports.summaries import asked_in_words, summary_of
from labeling.forms.base import complain, posted
from labeling.models import Project, Role
from labeling.text import typed_number
from labeling.views.pages import MemberRequest, page
from labeling.views.paging import key_page


@page()
def index(request: MemberRequest, slug: str) -> HttpResponse:
    """The releases of a project, the newest first, with how far those are that are being built."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    found = key_page(reads.of_project(project), request.GET, newest_first=True)
    busy = any(release.is_under_way for release in found.rows)
    context = {"project": project, "manages": True, "page": found, "busy": busy}
    return render(request, "exports/releases.html", context)


# Django reads the whole form to find its token, so the size is looked at before that.
@page("GET", "HEAD", "POST")
@csrf_exempt
def create(request: MemberRequest, slug: str) -> HttpResponse:
    """Choose what a release is to hold, see what it would be (`look`), and ask for it."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    like = _like(request, slug)
    known = {"project": project, "manages": True, "like": like}
    try:
        benchmarks.check_sent(typed_number(request.headers.get("Content-Length", "")))
    except TooLarge as error:
        form = _form(project, like, initial=_initial(request, like))
        context = known | {"form": form, "refused": error.detail}
        return render(request, "exports/release_form.html", context, status=413)
    return _asked_for(request, project, like, known)


@csrf_protect
def _asked_for(request: MemberRequest, project: Project, like: Release | None, known: dict[str, Any]) -> HttpResponse:
    form = _form(project, like, posted(request), request.FILES or None, initial=_initial(request, like))
    looks: list[previews.Look] = []
    warnings: list[str] = []
    if request.method == "POST" and form.is_valid():
        try:
            plan, benchmark = _plan(project, form), _benchmark(form, like)
            if "look" not in request.POST:
                given = form.asked | {"title": form.cleaned_data["title"], "benchmark": benchmark}
                return redirect("release", project.slug, releases.ask(project, **given, by=request.user).number)
            warnings, looks = dividing.warnings(project, plan.shares), previews.looks(plan.choices, benchmark)
        except DomainError as error:
            complain(form, error)
    context = known | {"form": form, "looks": looks, "warnings": warnings}
    return render(request, "exports/release_form.html", context, status=422 if form.errors else 200)


def _form(project: Project, like: Release | None, *args: Any, **kwargs: Any) -> ReleaseForm:
    return ReleaseForm(project, *args, like=like if like and benchmarks.is_kept(like) else None, **kwargs)


def _initial(request: MemberRequest, like: Release | None) -> dict[str, Any]:
    return initial_of(like.asked) if like else _from_export(request)


def _benchmark(form: ReleaseForm, like: Release | None) -> Benchmark | None:
    """The benchmark in the file that was chosen, or else that of the release whose choice is taken over."""
    if file := form.cleaned_data["benchmark"]:
        return benchmarks.read(file, between=GiveWay())
    return benchmarks.again(like) if like and form.cleaned_data.get("keep_benchmark") else None


def _like(request: MemberRequest, slug: str) -> Release | None:
    """The release whose choice is to be taken over."""
    number = typed_number(request.GET.get("like", ""))
    return None if number is None else get_release(request.user, slug, number)


def _from_export(request: MemberRequest) -> dict[str, Any]:
    """The choice of the export page, which leads here with it in the address."""
    given: dict[str, Any] = request.GET.dict()
    return given | ({"formats": [given["format"]]} if "format" in given else {})


def _plan(project: Project, form: ReleaseForm) -> plans.Plan:
    asked = form.asked
    return plans.parse(
        project, formats=asked["formats"], filters=asked["filters"], divided=asked["splits"], files=asked["files"]
    )


@page()
def detail(request: MemberRequest, slug: str, number: int) -> HttpResponse:
    """How far a release is; when it is done, what is in it and every file."""
    release = get_release(request.user, slug, number)
    context = {
        "project": release.project,
        "manages": True,
        "release": release,
        "held": reads.held_by(release),
        "asked": asked_in_words(release.asked),
        "summary": None if release.manifest is None else summary_of(release.manifest),
    }
    return render(request, "exports/release.html", context)


@page("POST")
def cancel(request: MemberRequest, slug: str, number: int) -> HttpResponse:
    """Calls a release off."""
    release = get_release(request.user, slug, number)
    try:
        releases.cancel(release, by=request.user)
    except Conflict as error:
        messages.info(request, error.detail)
    else:
        messages.success(request, "The release is called off. Its number stays, and it has no files.")
    return redirect("release", slug, number)


@page()
def compare(request: MemberRequest, slug: str, number: int) -> HttpResponse:
    """What came, went and changed between a release and another one (`with`, or the one before), in each format."""
    release = get_release(request.user, slug, number)
    others = reads.comparable(release)
    wanted = typed_number(request.GET.get("with", ""))
    before = next((other.number for other in others if other.number < number), others[0].number if others else None)
    chosen = before if wanted is None else wanted
    other = None if chosen is None else get_release(request.user, slug, chosen)
    context = {"project": release.project, "manages": True, "release": release, "others": others, "other": other}
    try:
        context |= _compared(release, other, request.GET.get("format", "")) if other else {}
    except Conflict as error:
        context["refused"] = error.detail
    return render(request, "exports/release_compare.html", context)


def _compared(release: Release, other: Release, wanted: str) -> dict[str, Any]:
    pair = comparisons.pair_of(release, other)
    chosen = wanted if wanted in pair.formats else pair.formats[0]
    lines = differing.lines(pair, chosen)
    found = next(line.found for line in lines if line.format == chosen)
    assert found is not None
    return {
        "pair": pair,
        "format": chosen,
        "lines": lines,
        "same": found.is_empty,
        "differences": differing.differences(pair, chosen, found),
    }
