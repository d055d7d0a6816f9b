"""Setting generators up, pausing them, and planning what they owe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Sum
from django.utils import timezone

from labeling.errors import Conflict, Fault, Invalid
from labeling.models import Project, Prompt, User
from labeling.services import events, locks, prompts
from labeling.services.projects import clean_name
from labeling.text import unfit_text
from workers.backends import BACKENDS
from workers.backends.base import Config, GeneratorError, Sampling
from workers.models import UNFINISHED, Generation, GenerationState, Generator, GeneratorState

MAX_CANDIDATES = 64
PLAN_CHUNK = 5000  # prompts planned in one transaction

# For a chunk of prompts: the rows that are missing, and another round for rows that failed or were called off on
# content that the prompt does not have any more. Prompts that wait for something are looked at in any case.
_PLAN = """
WITH chosen AS (
    SELECT p.id, p.priority, p.rewritten_at, p.candidates_awaited FROM labeling_prompt p
    WHERE p.project_id = %(project)s AND p.id > %(after)s
    ORDER BY p.id LIMIT %(chunk)s
), made AS (
    INSERT INTO workers_generation (prompt_id, generator_id, sample, state, tries, error, worker, created_at)
    SELECT chosen.id, g.id, sample, 'pending', 0, '', '', now()
    FROM chosen CROSS JOIN workers_generator g CROSS JOIN LATERAL generate_series(0, g.candidates_per_prompt - 1) sample
    WHERE g.id = ANY(%(generators)s) AND g.state = 'active'
    ORDER BY chosen.priority DESC, chosen.id, g.id, sample
    ON CONFLICT (prompt_id, generator_id, sample) DO NOTHING
    RETURNING prompt_id
), revived AS (
    UPDATE workers_generation x SET state = 'pending', tries = 0, error = '', finished_at = NULL
    FROM chosen
    WHERE x.prompt_id = chosen.id AND x.generator_id = ANY(%(generators)s)
      AND x.state IN ('failed', 'cancelled') AND x.finished_at < chosen.rewritten_at
    RETURNING x.prompt_id
), touched AS (
    SELECT prompt_id FROM made UNION SELECT prompt_id FROM revived
    UNION SELECT id FROM chosen WHERE candidates_awaited > 0
)
SELECT (SELECT max(id) FROM chosen), (SELECT array_agg(prompt_id) FROM touched),
       (SELECT count(*) FROM made) + (SELECT count(*) FROM revived)
"""


def clean_settings(
    *, backend: Any, model: Any, revision: Any = "", sampling: Any = None
) -> tuple[str, str, str, dict[str, Any]]:
    """Backend, model, revision and sampling as they are stored. Raises Invalid with every field that is wrong."""
    if backend not in BACKENDS:
        known = ", ".join(BACKENDS)
        raise Invalid("There is no such backend.", errors=[Fault("backend", f"Choose one of: {known}.")])
    try:
        drawn = Sampling.parse(sampling if sampling is not None else {})
    except GeneratorError as error:
        raise _invalid(error, within="sampling") from error
    try:
        BACKENDS[backend].check(Config(model=model, revision=revision or ""))
    except GeneratorError as error:
        raise _invalid(error) from error
    for name, value, limit in (("model", model, 300), ("revision", revision or "", 100)):
        if len(value) > limit or unfit_text(value):
            raise Invalid(
                "The generator's settings do not fit.", errors=[Fault(name, f"Give at most {limit} characters.")]
            )
    stored = {name: getattr(drawn, name) for name in ("max_new_tokens", "temperature", "top_p", "seed")}
    return backend, model.strip(), (revision or "").strip(), stored


def _invalid(error: GeneratorError, *, within: str = "") -> Invalid:
    """A backend's complaint as ours, with the path of each field: those of `within` stand below it."""
    faults = [
        Fault(f"{within}.{name}" if within and name != within else name, message)
        for name, message in error.errors.items()
    ]
    return Invalid(str(error), errors=faults)


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
) -> Generator:
    """A generator that starts by itself: what it owes is planned by the next tick of the schedule, or sooner.

    Raises Invalid with the path of each wrong field, or Conflict for a name that is taken.
    """
    name = clean_name(name, what="generator")[:100]
    backend, model, revision, drawn = clean_settings(backend=backend, model=model, revision=revision, sampling=sampling)
    number = candidates_per_prompt
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_CANDIDATES:
        raise Invalid(
            "The generator's settings do not fit.",
            errors=[Fault("candidates_per_prompt", f"Give a whole number from 1 to {MAX_CANDIDATES}.")],
        )
    if not isinstance(system, str) or len(system) > 100_000 or unfit_text(system):
        raise Invalid(
            "The generator's settings do not fit.", errors=[Fault("system", "Give text of at most 100,000 characters.")]
        )
    try:
        with transaction.atomic():
            generator = Generator.objects.create(
                project=project,
                name=name,
                backend=backend,
                model=model,
                revision=revision,
                candidates_per_prompt=number,
                sampling=drawn,
                system=system.strip(),
            )
    except IntegrityError as error:
        raise Conflict(
            f"There is a generator “{name}” in this project already.", errors=[Fault("name", "Choose another one.")]
        ) from error
    _announce(project)
    events.record("generator.created", generator, by=by, project=project, name=name, backend=backend, model=model)
    return generator


def _announce(project: Project) -> None:
    """Tells the project how many candidates a new prompt is going to get. Call it within the change's transaction."""
    # Two changes at once must each count the other's.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    active = Generator.objects.filter(project=project, state=GeneratorState.ACTIVE)
    expected = active.aggregate(total=Sum("candidates_per_prompt"))["total"] or 0
    prompts.expect_candidates(project, expected)


def plan(project: Project) -> int:
    """Makes the rows that the project's active generators owe its prompts. Returns how many are new.

    Safe to run at any time and by several at once: a row exists once for each prompt, generator and sample.
    """
    # Generators and the count are read before the prompts: whatever comes meanwhile is left for the next tick.
    active = dict(
        Generator.objects.filter(project=project, state=GeneratorState.ACTIVE).values_list("pk", "planned_at_count")
    )
    added = Project.objects.values_list("prompts_added", flat=True).get(pk=project.pk)
    planned, after = 0, 0
    while True:
        with transaction.atomic():
            locks.share_queues(project.pk)
            last, touched, made = _plan_chunk(project, list(active), after)
            settle(touched or [])
        planned += made
        if last is None:
            break
        after = last
    for pk, before in active.items():
        # One that was set going anew meanwhile has another number, and is planned again.
        Generator.objects.filter(pk=pk, planned_at_count=before).update(planned_at_count=added)
    return planned


def _plan_chunk(project: Project, generator_ids: list[int], after: int) -> tuple[int | None, list[int] | None, int]:
    with connection.cursor() as cursor:
        cursor.execute(_PLAN, {"project": project.pk, "generators": generator_ids, "after": after, "chunk": PLAN_CHUNK})
        last, touched, made = cursor.fetchone() or (None, None, 0)
    return last, touched, made


def settle(prompt_ids: list[int]) -> None:
    """Sets how many candidates these prompts wait for to what is really on its way, and opens what is ready by it.

    Call it in the transaction of whatever changed that.
    """
    locked = prompts.lock(prompt_ids)
    for project in Project.objects.filter(pk__in={prompt.project_id for prompt in locked.values()}):
        own = [pk for pk, prompt in locked.items() if prompt.project_id == project.pk]
        prompts.add_generated(project, [], awaited(own))


def _settle_waiting(project: Project) -> None:
    """After a generator stopped for whatever reason: no prompt may wait for what nobody is going to make."""
    plan(project)
    settle(list(Prompt.objects.filter(project=project, candidates_awaited__gt=0).values_list("pk", flat=True)))


def plan_all() -> int:
    """Plans every project in which a generator has not seen all prompts yet. Returns how many rows are new."""
    behind = Generator.objects.filter(state=GeneratorState.ACTIVE).exclude(planned_at_count=F("project__prompts_added"))
    return sum(plan(project) for project in Project.objects.filter(pk__in=behind.values("project")))


def awaited(prompt_ids: list[int]) -> dict[int, int]:
    """How many candidates are still to come for each of these prompts. Call it with the prompts locked."""
    counts = dict.fromkeys(prompt_ids, 0)
    rows = Generation.objects.filter(prompt__in=prompt_ids, state__in=UNFINISHED)
    for prompt_id in rows.values_list("prompt_id", flat=True):
        counts[prompt_id] += 1
    return counts


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
    _announce(generator.project)
    _settle_waiting(generator.project)
    events.record("generator.changed", generator, by=by, project=generator.project, state=state)
    return generator


@transaction.atomic
def break_off(generator: Generator, error: str) -> None:
    """Marks a generator as broken: its model or its settings are wrong, so that none of its rows can be made."""
    locks.hold_queues(generator.project)
    Generator.objects.filter(pk=generator.pk).update(state=GeneratorState.BROKEN, last_error=error[:5000])
    _announce(generator.project)
    _settle_waiting(generator.project)
    events.record("generator.broke", generator, by=None, project=generator.project, error=error[:5000])


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
    _settle_waiting(generator.project)
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
    settle(prompt_ids)
    return number
