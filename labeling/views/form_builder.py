"""What every page with the form builder on it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from labeling.models import Project
from labeling.selectors import forms as reads
from labeling.selectors import samples
from labeling.views.pages import MemberRequest


def builder_page(
    request: MemberRequest, template: str, context: Mapping[str, Any], *, project: Project, status: int
) -> HttpResponse:
    """A page with the form builder: it knows what there is to ask and what to try a form on, and may have the preview
    in a frame, which no other page may.
    """
    made = {
        "project": project,
        "manages": True,
        "catalog": {"types": reads.question_types(), "presets": reads.presets()},
        "samples": samples.offered(project),
        **context,
    }
    response = render(request, template, made, status=status)
    response.content_policy = {"frame-src": "'self'"}  # type: ignore[attr-defined]
    return response
