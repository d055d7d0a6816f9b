"""What a project's generators share, and how far ahead of its annotators a queue is kept."""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction

from labeling.errors import Fault, Invalid
from labeling.models import Project, Queue, User
from labeling.services import events, locks
from workers.models import GenerationSettings, Generator, WaterMarks
from workers.services import generator_settings, planning

MAX_MARK = 1_000_000
MAX_LEAD = 7 * 24 * 60
_CURRENCY = re.compile(r"[A-Z]{3}")


@transaction.atomic
def change_project(project: Project, *, by: User, **given: Any) -> GenerationSettings:
    """Sets `drawn_per_prompt`, `budget` (None for none) and `currency`. Raises Invalid with each path that is wrong."""
    fields = _clean_project(given)
    locks.hold_queues(project)
    found, _ = GenerationSettings.objects.get_or_create(project=project)
    changed = {name: value for name, value in fields.items() if getattr(found, name) != value}
    if not changed:
        return found
    for name, value in changed.items():
        setattr(found, name, value)
    found.save()
    if "drawn_per_prompt" in changed:
        Generator.objects.filter(project=project, weight__isnull=False).update(planned_at_count=-1)
        planning.announce(project)
        planning.settle_waiting(project)
    told = {name: None if value is None else str(value) for name, value in changed.items()}
    events.record("generation.changed", found, by=by, project=project, **told)
    return found


def _clean_project(given: dict[str, Any]) -> dict[str, Any]:
    faults, fields = [], {}
    for name, value in given.items():
        if name == "drawn_per_prompt":
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 64:
                faults.append(Fault(name, "Give a whole number from 0 to 64."))
            fields[name] = value
        elif name == "budget":
            try:
                fields[name] = None if value is None else generator_settings.amount(name, value)
            except Invalid as error:
                faults += error.errors
        elif name == "currency":
            if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
                faults.append(Fault(name, "Give three capital letters, such as EUR."))
            fields[name] = value
        else:
            faults.append(Fault(name, "Is not known here. Known are drawn_per_prompt, budget, currency."))
    if faults:
        raise Invalid("The settings do not fit.", errors=faults)
    return fields


@transaction.atomic
def set_water_marks(queue: Queue, *, low: Any, high: Any, lead_minutes: Any = 60, by: User) -> WaterMarks:
    """Keeps a queue between `low` and `high` tasks ahead of its annotators. Raises Invalid.

    For a queue whose form shows candidates; the others take every prompt as it is.
    """
    if not queue.candidates_max:
        raise Invalid(
            "This queue shows no candidates: its tasks are open at once.", errors=[Fault("queue", "No need.")]
        )
    if queue.only_moved:
        raise Invalid(
            "This queue takes only tasks that are moved to it: nothing can be made ahead of it.",
            errors=[Fault("queue", "Choose a queue that takes prompts by itself.")],
        )
    faults = [
        Fault(name, f"Give a whole number from {least} to {most:,}.")
        for name, value, least, most in (
            ("low", low, 1, MAX_MARK),
            ("high", high, 1, MAX_MARK),
            ("lead_minutes", lead_minutes, 0, MAX_LEAD),
        )
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most
    ]
    if not faults and low > high:
        faults.append(Fault("high", "Must not be lower than the low mark."))
    if faults:
        raise Invalid("The water marks do not fit.", errors=faults)
    locks.hold_queues(queue.project)
    marks, _ = WaterMarks.objects.update_or_create(
        queue=queue, defaults={"low": low, "high": high, "lead_minutes": lead_minutes}
    )
    planning.settle_waiting(queue.project)
    told = {"low": low, "high": high, "lead_minutes": lead_minutes}
    events.record("queue.marked", queue, by=by, project=queue.project, **told)
    return marks


@transaction.atomic
def clear_water_marks(queue: Queue, *, by: User) -> None:
    """Has every prompt made for the queue again."""
    locks.hold_queues(queue.project)
    if not WaterMarks.objects.filter(queue=queue).delete()[0]:
        return
    Generator.objects.filter(project=queue.project).update(planned_at_count=-1)
    events.record("queue.unmarked", queue, by=by, project=queue.project)
