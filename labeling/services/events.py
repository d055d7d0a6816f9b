"""Writing audit lines. Called by every service that changes rows, inside its transaction."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from labeling.models import Event, Project, User


def record(verb: str, target: Model, *, by: User | None, project: Project | None, **data: Any) -> Event:
    """One line: `by` did `verb` to `target`. `by` is None for what the platform does by itself."""
    return Event.objects.create(
        project=project,
        actor=by,
        verb=verb,
        target_type=target._meta.model_name or "",
        target_id=target.pk,
        data=data,
    )
