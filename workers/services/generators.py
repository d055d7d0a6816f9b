"""Setting generators up, changing them, pausing them, and calling off what they owe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.errors import Conflict, Fault, Invalid
from labeling.models import Project, User
from labeling.services import events, locks, prompts
from workers.models import Generation, GenerationState, Generator, GeneratorState
from workers.services import generator_settings, planning


@transaction.atomic
def create(
    project: Project,
    *,
    name: str,
    backend: str,
    model: str,
    revision: str = "",
    candidates_per_prompt: Any = 1,
    sampling: Mapping[str, Any] | None = None,
    system: Any = "",
    by: User,
    **more: Any,
) -> Generator:
    """A generator that starts by itself: what it owes is planned by the next tick of the schedule, or sooner.

    `more`: `options`, `variants`, `weight`, `group`, `hygiene`, `replacements`, `max_tokens`, `max_cost`.
    Raises Invalid with the path of each wrong field, or Conflict for a name that is taken.
    """
    _know(more, {*generator_settings.FIXED, *generator_settings.CHANGEABLE})
    fields = generator_settings.clean(
        {
            "name": name,
            "backend": backend,
            "model": model,
            "revision": revision,
            "options": more.pop("options", {}),
            "candidates_per_prompt": candidates_per_prompt,
            "sampling": sampling,
            "system": system,
            **more,
        }
    )
    try:
        with transaction.atomic():
            generator = Generator.objects.create(project=project, **fields)
    except IntegrityError as error:
        raise _taken(fields["name"]) from error
    planning.announce(project)
    told = {key: fields[key] for key in ("name", "backend", "model")}
    events.record("generator.created", generator, by=by, project=project, **told)
    return generator


def _know(given: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        listed = ", ".join(sorted(known))
        raise Invalid(
            "The generator's settings do not fit.",
            errors=[Fault(name, f"Is not known here. Known are {listed}.") for name in unknown],
        )


def _taken(name: str) -> Conflict:
    return Conflict(
        f"There is a generator “{name}” in this project already.", errors=[Fault("name", "Choose another one.")]
    )


@transaction.atomic
def change(generator: Generator, *, by: User, **given: Any) -> Generator:
    """Changes what may be changed of a generator (`generator_settings.CHANGEABLE`), for rows that are made from now on.

    More candidates for each prompt are planned for all prompts; fewer concern prompts that are not planned yet. Raises
    Invalid with the path of each wrong field, also for what says which model answers: that needs another generator.
    """
    fixed = sorted(set(given) & set(generator_settings.FIXED))
    if fixed:
        why = "Cannot be changed, so that all its candidates are of one kind. Set up another generator."
        raise Invalid("The generator's settings do not fit.", errors=[Fault(name, why) for name in fixed])
    _know(given, set(generator_settings.CHANGEABLE))
    fields = generator_settings.clean(given)
    locks.share_queues(generator.project_id)
    found = Generator.objects.select_for_update(of=("self",), no_key=True).select_related("project")
    generator = found.get(pk=generator.pk)
    changed = {name: value for name, value in fields.items() if getattr(generator, name) != value}
    if not changed:
        return generator
    for name, value in changed.items():
        setattr(generator, name, value)
    if {"candidates_per_prompt", "weight"} & set(changed):
        generator.planned_at_count = -1
    try:
        with transaction.atomic():
            generator.save(update_fields=[*changed, "planned_at_count"])
    except IntegrityError as error:
        raise _taken(generator.name) from error
    if generator.planned_at_count == -1:
        planning.announce(generator.project)
    told = {
        name: value if isinstance(value, str | int | float | dict) else str(value) for name, value in changed.items()
    }
    events.record("generator.changed", generator, by=by, project=generator.project, **told)
    return generator


@transaction.atomic
def set_state(generator: Generator, state: str, *, by: User) -> Generator:
    """Pauses a generator, or sets it going again (also after it broke, once the cause is mended)."""
    if state not in (GeneratorState.ACTIVE, GeneratorState.PAUSED):
        raise Invalid("There is no such state.", errors=[Fault("state", "Choose active or paused.")])
    locks.share_queues(generator.project_id)
    generator = (
        Generator.objects.select_for_update(of=("self",), no_key=True).select_related("project").get(pk=generator.pk)
    )
    if generator.state == state:
        return generator
    generator.state = state
    fields = ["state"]
    if state == GeneratorState.ACTIVE:
        # Plan again: prompts may have come while it stood still.
        generator.last_error, generator.planned_at_count = "", -1
        fields += ["last_error", "planned_at_count"]
    generator.save(update_fields=fields)
    planning.announce(generator.project)
    planning.settle_waiting(generator.project)
    events.record("generator.changed", generator, by=by, project=generator.project, state=state)
    return generator


@transaction.atomic
def break_off(generator: Generator, error: str) -> None:
    """Marks a generator as broken: its model or its settings are wrong, so that none of its rows can be made."""
    locks.hold_queues(generator.project)
    Generator.objects.filter(pk=generator.pk).update(state=GeneratorState.BROKEN, last_error=error[:5000])
    planning.announce(generator.project)
    planning.settle_waiting(generator.project)
    events.record("generator.broke", generator, by=None, project=generator.project, error=error[:5000])


@transaction.atomic
def stop_spent(generator: Generator, why: str) -> None:
    """Stops a generator whose budget, or whose project's, is used up. Raise the budget and set it going again."""
    locks.hold_queues(generator.project)
    going = Generator.objects.filter(pk=generator.pk, state=GeneratorState.ACTIVE)
    if not going.update(state=GeneratorState.SPENT, last_error=why[:5000]):
        return
    planning.announce(generator.project)
    planning.settle_waiting(generator.project)
    events.record("generator.spent", generator, by=None, project=generator.project, why=why)


@transaction.atomic
def retry_failed(generator: Generator, *, by: User) -> int:
    """Gives failed and cancelled rows another round of tries. Returns how many."""
    number = _move(
        generator,
        (GenerationState.FAILED, GenerationState.CANCELLED),
        {"state": GenerationState.PENDING, "tries": 0, "error": "", "finished_at": None},
    )
    events.record("generator.retried", generator, by=by, project=generator.project, number=number)
    return number


@transaction.atomic
def cancel_pending(generator: Generator, *, by: User) -> int:
    """Calls off what has not been started. Prompts stop waiting for it, so tasks open with what there is."""
    number = _move(
        generator,
        (GenerationState.PENDING,),
        {"state": GenerationState.CANCELLED, "finished_at": timezone.now()},
    )
    planning.settle_waiting(generator.project)
    events.record("generator.cancelled", generator, by=by, project=generator.project, number=number)
    return number


def _move(generator: Generator, states: tuple[str, ...], change: dict[str, Any]) -> int:
    """Changes the generator's rows that are in one of these states. Returns how many were."""
    locks.hold_queues(generator.project)
    found = Generation.objects.filter(generator=generator, state__in=states)
    prompt_ids = sorted(set(found.values_list("prompt_id", flat=True)))
    prompts.lock(prompt_ids)
    # Looked for again under the locks, and only there: rows planned meanwhile are another matter.
    number = found.filter(prompt__in=prompt_ids).update(**change)
    planning.settle(prompt_ids)
    return number
