"""Questions about releases."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from labeling.errors import NotFound
from labeling.exports.models import Release, ReleaseContributor, Withdrawal
from labeling.models import Annotation, Project, WorkState
from labeling.models.background import UNFINISHED

# How many releases are offered to compare one with: the newest of those that are done.
OFFERED = 200


@dataclass(frozen=True)
class Held:
    """Somebody who has withdrawn and whose answers a release holds: `annotations` of them, None while it is built."""

    withdrawal: Withdrawal
    annotations: int | None


def numbered(slug: str, number: int) -> Release:
    """A release by its project and number, for commands, which may see every one. Raises NotFound."""
    releases = Release.objects.select_related("project", "by")
    found = releases.filter(project__slug=slug, number=number).first()
    if found is None:
        raise NotFound(f"There is no release {number} of a project “{slug}”.")
    return found


def of_project(project: Project) -> QuerySet[Release]:
    """The releases of a project without their manifests; `holds_withdrawn` says of those that are done whether
    somebody has withdrawn whose answers they hold."""
    gone = Withdrawal.objects.filter(project=project, user=OuterRef("user"))
    held = ReleaseContributor.objects.filter(release=OuterRef("pk")).filter(Exists(gone))
    found = Release.objects.filter(project=project).select_related("by").defer("manifest")
    return found.annotate(holds_withdrawn=Exists(held))


def comparable(release: Release) -> list[Release]:
    """The other releases of its project that are done, the newest first."""
    others = Release.objects.filter(project=release.project_id, state=WorkState.DONE).exclude(pk=release.pk)
    return list(others.only("project", "number", "title").order_by("-number")[:OFFERED])


def held_by(release: Release) -> list[Held]:
    """Who has withdrawn and stands in a release all the same, now or once it is built, the latest first."""
    gone = Withdrawal.objects.filter(project=release.project_id).select_related("user").order_by("-at")
    if release.state == WorkState.DONE:
        made = dict(ReleaseContributor.objects.filter(release=release).values_list("user", "annotations"))
        return [Held(one, made[one.user_id]) for one in gone if one.user_id in made]
    if release.state in UNFINISHED:
        answered = Annotation.objects.filter(
            queue__project=release.project_id, annotator=OuterRef("user"), created_at__lte=release.cutoff
        )
        return [Held(one, None) for one in gone.filter(Exists(answered), at__gt=release.cutoff)]
    return []


def holding(withdrawal: Withdrawal) -> list[Release]:
    """The releases that hold something of whoever withdrew, the newest first.

    Those that are not built yet are among them where they were asked for before, and the person had answered by then.
    """
    answered = Annotation.objects.filter(
        queue__project=withdrawal.project_id, annotator=withdrawal.user_id, created_at__lte=OuterRef("cutoff")
    )
    built = Q(state=WorkState.DONE, contributors__user=withdrawal.user_id)
    under_way = Q(state__in=UNFINISHED, cutoff__lt=withdrawal.at) & Exists(answered)
    # Earlier versions, whose manifests tell no policies, kept no contributors of a release of `prompts` alone.
    unknown = Q(state=WorkState.DONE, contributors=None, manifest__formats__0__policies__isnull=True) & Exists(answered)
    return list(Release.objects.filter(built | under_way | unknown, project=withdrawal.project_id).order_by("-number"))
