"""What to know about how a release would be divided, before it is: from what was released and searched before."""

from __future__ import annotations

from labeling.exports import division
from labeling.exports.models import Release
from labeling.models import DuplicateSearch, Project, Prompt, WorkState


def warnings(project: Project, shares: division.Ratios | division.Tags | None) -> list[str]:
    """Sentences for whoever asks for a release of these parts; none where nothing is divided."""
    if shares is None:
        return []
    return [*_about_shares(project, shares), *_about_near(project)]


def _about_shares(project: Project, shares: division.Ratios | division.Tags) -> list[str]:
    """Where prompts stand in other parts than in the newest release that a hash divides, too."""
    if shares == division.BY_TAG:
        return []
    there = Release.objects.filter(project=project).exclude(state__in=(WorkState.CANCELLED, WorkState.FAILED))
    divided = there.exclude(asked__splits=None).exclude(asked__splits=division.BY_TAG)
    newest = divided.order_by("-number").values_list("number", "asked__splits").first()
    if newest is None:
        return []
    number, before = newest[0], division.ordered(newest[1])
    moved = division.moved(before, shares)
    if not moved:
        return []
    goes = ", ".join(f"{percent} % from {old} to {new}" for old, new, percent in moved)
    return [
        f"Release {number} is divided {division.told(before)}, this one {division.told(shares)}: prompts stand in "
        f"other parts here than there ({goes}). What one holds out the other may train on. The same shares keep every "
        "prompt in its part."
    ]


def _about_near(project: Project) -> list[str]:
    """Where prompts came in that no search has compared with the others."""
    newest = Prompt.objects.filter(project=project).order_by("-pk").values_list("created_at", flat=True).first()
    searches = DuplicateSearch.objects.filter(project=project, state=WorkState.DONE, likeness__isnull=False)
    searched = searches.order_by("-pk").values_list("created_at", flat=True).first()
    if newest is None or (searched is not None and newest < searched):
        return []
    return [
        "No search for near duplicates was asked for since the newest prompt came in, so prompts that are nearly the "
        "same may stand in different parts. Search first, then ask for the release."
    ]
