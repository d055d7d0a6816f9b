"""Who may see which release, and which export that was sent."""

from __future__ import annotations

from labeling import access
from labeling.access import Person
from labeling.errors import NotFound
from labeling.exports.models import Release, Transfer
from labeling.models import Role


def get_release(user: Person, slug: str, number: int) -> Release:
    """A release by its number, for managers of its project. Raises NotFound or NotAllowed."""
    project = access.get_project(user, slug, least=Role.MANAGER)
    releases = Release.objects.select_related("project", "by")
    found = releases.filter(project=project, number=number).first() if number < 2**31 else None
    if found is None:
        raise NotFound("There is no such release.")
    return found


def get_transfer(user: Person, slug: str, transfer_id: int) -> Transfer:
    """An export that was sent, for managers of its project. Raises NotFound or NotAllowed."""
    project = access.get_project(user, slug, least=Role.MANAGER)
    found = Transfer.objects.filter(project=project, pk=transfer_id).first() if transfer_id < 2**63 else None
    if found is None:
        raise NotFound("There is no such export.")
    return found
