"""The audit log of a project."""

from __future__ import annotations

from django.db.models import QuerySet

from labeling.models import Event, Project

LABELLING = ("slot", "annotation")


def of_project(project: Project, *, about: str = "", actor: str = "") -> QuerySet[Event]:
    """The events of a project. `actor` is an e-mail address.

    `about` is a kind of thing (`queue`, `slot` …) or `all`; without it the labelling itself is left out, which is
    most of the log.
    """
    events = Event.objects.filter(project=project).select_related("actor")
    if not about:
        events = events.exclude(target_type__in=LABELLING)
    elif about != "all":
        events = events.filter(target_type=about)
    if actor:
        events = events.filter(actor__email=actor.strip().lower())
    return events
