"""The audit log of a project."""

from __future__ import annotations

from django.db.models import QuerySet

from labeling.models import Event, Project, User

LABELLING = ("slot", "annotation")  # also in the index event_of_managing


def of_project(project: Project, *, about: str = "", actor: str = "") -> QuerySet[Event]:
    """The events of a project. `actor` is an e-mail address.

    `about` is a kind of thing (`queue`, `slot` …) or `all`; without it the labelling itself is left out, which is
    most of the log.
    """
    events = Event.objects.filter(project=project).select_related("actor")
    if about not in ("all", *LABELLING):
        # Said also where one kind is asked for: there is an index without the labelling.
        events = events.exclude(target_type__in=LABELLING)
    if about not in ("", "all"):
        events = events.filter(target_type=about)
    if actor:
        # By its number, which PostgreSQL knows the frequency of.
        found = User.objects.filter(email=actor.strip().lower()).values_list("pk", flat=True).first()
        events = events.filter(actor=found) if found else events.none()
    return events
