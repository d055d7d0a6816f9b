"""Questions about releases."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q

from labeling.errors import NotFound
from labeling.exports.models import Release, Withdrawal
from labeling.models import Annotation, WorkState
from labeling.models.background import UNFINISHED


def numbered(slug: str, number: int) -> Release:
    """A release by its project and number, for commands, which may see every one. Raises NotFound."""
    releases = Release.objects.select_related("project", "by")
    found = releases.filter(project__slug=slug, number=number).first()
    if found is None:
        raise NotFound(f"There is no release {number} of a project “{slug}”.")
    return found


def holding(withdrawal: Withdrawal) -> list[Release]:
    """The releases that hold something of whoever withdrew, the newest first.

    Those that are not built yet are among them where they were asked for before, and the person had answered by then.
    """
    answered = Annotation.objects.filter(
        queue__project=withdrawal.project_id, annotator=withdrawal.user_id, created_at__lte=OuterRef("cutoff")
    )
    built = Q(state=WorkState.DONE, contributors__user=withdrawal.user_id)
    under_way = Q(state__in=UNFINISHED, cutoff__lt=withdrawal.at) & Exists(answered)
    return list(Release.objects.filter(built | under_way, project=withdrawal.project_id).order_by("-number"))
