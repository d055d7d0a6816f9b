"""Submitted answers, with what they are about."""

from __future__ import annotations

from django.db.models import QuerySet

from labeling.models import Annotation


def with_subjects(annotations: QuerySet[Annotation]) -> QuerySet[Annotation]:
    """The annotations with queue, prompt, annotator and versions at hand, but without the texts of prompt and form."""
    return annotations.select_related("slot__task__prompt", "queue", "annotator", "form", "guidelines").defer(
        "slot__task__prompt__messages",
        "slot__task__prompt__context",
        "slot__task__prompt__metadata",
        "slot__task__prompt__gold",
        "form__questions",
        "guidelines__text",
    )
