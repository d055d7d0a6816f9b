"""Planning what generators owe: which prompts, drawn from which generators, and how far ahead of the annotators.

A project whose queues have no water marks owes candidates for every prompt. Where every queue that shows candidates has
marks, prompts are planned as people come near them (see ``shortage``), the most urgent first.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from labeling.models import Project, Prompt, Queue, QueueState
from labeling.services import locks, prompts
from workers.models import UNFINISHED, Generation, GenerationSettings, Generator, GeneratorState
from workers.selectors import stock

PLAN_CHUNK = 5000  # prompts planned in one transaction

# A row that says nothing any more: it failed or was called off on content that the prompt does not have now.
_STALE = "x.state IN ('failed', 'cancelled') AND x.finished_at < {prompt}.rewritten_at"

# For a chunk of prompts: the rows that are missing, and another round for rows that failed or were called off on
# content that the prompt does not have any more. Prompts that wait for something are looked at in any case.
# A draw hangs on the prompt's content and the sample's number alone: planned again, it falls alike. `bounds` are the
# running sums of the weights as shares of all, without the last.
_PLAN = f"""
WITH chosen AS (
    SELECT p.id, p.priority, p.rewritten_at, p.candidates_awaited, p.content_hash FROM labeling_prompt p
    WHERE {{which}}
), drawn AS (
    SELECT chosen.id, chosen.priority, sample, (%(drawn_from)s::bigint[])[1 + width_bucket(
        ('x' || substr(md5(chosen.content_hash || ':' || sample), 1, 8))::bit(32)::bigint / 4294967296.0,
        %(bounds)s::float8[])] AS generator_id
    FROM chosen CROSS JOIN LATERAL generate_series(0, %(draws)s - 1) sample
), wanted AS (
    SELECT chosen.id AS prompt_id, chosen.priority, g.id AS generator_id, sample, false AS drawn
    FROM chosen CROSS JOIN workers_generator g CROSS JOIN LATERAL generate_series(0, g.candidates_per_prompt - 1) sample
    WHERE g.id = ANY(%(generators)s) AND g.state = 'active' AND g.weight IS NULL
    UNION ALL
    SELECT drawn.id, drawn.priority, drawn.generator_id, sample, true FROM drawn WHERE drawn.generator_id IS NOT NULL
), made AS (
    INSERT INTO workers_generation (prompt_id, generator_id, sample, drawn, state, tries, error, worker, created_at)
    SELECT prompt_id, generator_id, sample, drawn, 'pending', 0, '', '', now() FROM wanted
    ORDER BY priority DESC, prompt_id, generator_id, sample
    ON CONFLICT DO NOTHING
    RETURNING prompt_id
), revived AS (
    UPDATE workers_generation x SET state = 'pending', tries = 0, attempt = 0, error = '', finished_at = NULL
    FROM chosen
    WHERE x.prompt_id = chosen.id AND x.generator_id = ANY(%(generators)s) AND {_STALE.format(prompt="chosen")}
    RETURNING x.prompt_id
), touched AS (
    SELECT prompt_id FROM made UNION SELECT prompt_id FROM revived
    UNION SELECT id FROM chosen WHERE candidates_awaited > 0
)
SELECT (SELECT max(id) FROM chosen), (SELECT array_agg(prompt_id) FROM touched),
       (SELECT count(*) FROM made) + (SELECT count(*) FROM revived)
"""  # noqa: S608 - our own constants
# All of them, a chunk after the other; or the most urgent that nobody has planned yet.
_IN_TURN = "p.project_id = %(project)s AND p.id > %(after)s ORDER BY p.id LIMIT %(chunk)s"
_URGENT = f"""
p.project_id = %(project)s AND (p.candidates_awaited > 0 OR p.candidates_count = 0)
AND NOT EXISTS (SELECT 1 FROM workers_generation x WHERE x.prompt_id = p.id AND NOT ({_STALE.format(prompt="p")}))
ORDER BY p.priority DESC, p.id LIMIT %(chunk)s
"""  # noqa: S608 - our own constants


def wants_all(project: Project) -> bool:
    """Whether every prompt is to get its candidates: unless all queues that show candidates say how many they need.

    Those that take only what is moved to them say nothing of it: nobody knows which prompts will come.
    """
    showing = Queue.objects.filter(project=project, candidates_max__gt=0, only_moved=False)
    showing = showing.exclude(state=QueueState.CLOSED)
    return not showing.exists() or showing.filter(water_marks__isnull=True).exists()


def announce(project: Project) -> None:
    """Tells the project how many candidates a new prompt is going to get. Call it within the change's transaction."""
    # Two changes at once must each count the other's.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    active = Generator.objects.filter(project=project, state=GeneratorState.ACTIVE).values_list(
        "weight", "candidates_per_prompt"
    )
    own = sum(number for weight, number in active if weight is None)
    is_drawn = any(weight is not None for weight, _ in active)
    prompts.expect_candidates(project, own + (draws_of(project) if is_drawn else 0))


def draws_of(project: Project) -> int:
    """How many candidates of each prompt are drawn from the weighted generators."""
    found = GenerationSettings.objects.filter(project=project).values_list("drawn_per_prompt", flat=True)
    return next(iter(found), 0)


def plan(project: Project) -> int:
    """Makes the rows that the project's active generators owe its prompts. Returns how many are new.

    Safe to run at any time and by several at once: a row exists once for each prompt, generator and sample.
    """
    if not wants_all(project):
        return _plan_ahead(project)
    # Generators and the count are read before the prompts: whatever comes meanwhile is left for the next tick.
    active = dict(_active(project).values_list("pk", "planned_at_count"))
    added = Project.objects.values_list("prompts_added", flat=True).get(pk=project.pk)
    planned, after = 0, 0
    while True:
        with transaction.atomic():
            locks.share_queues(project.pk)
            last, touched, made = _plan_some(project, _IN_TURN, after=after, chunk=PLAN_CHUNK)
            settle(touched)
        planned += made
        if last is None:
            break
        after = last
    for pk, before in active.items():
        # One that was set going anew meanwhile has another number, and is planned again.
        Generator.objects.filter(pk=pk, planned_at_count=before).update(planned_at_count=added)
    return planned


def _plan_ahead(project: Project) -> int:
    """Plans the most urgent prompts where a queue has too few tasks ahead of it. Returns how many rows are new."""
    wanted = max((one.wanted for one in stock.ahead(project)), default=0)
    planned = 0
    while wanted > 0 and _active(project).exists():
        chunk = min(wanted, PLAN_CHUNK)
        with transaction.atomic():
            locks.share_queues(project.pk)
            last, touched, made = _plan_some(project, _URGENT, after=0, chunk=chunk)
            settle(touched)
        planned += made
        if last is None:
            break
        wanted -= chunk
    return planned


def _plan_some(project: Project, which: str, *, after: int, chunk: int) -> tuple[int | None, list[int], int]:
    """Plans a chunk of prompts: the last one's id, the prompts that it meant something for, and how many rows are new.

    None where there was no prompt. Call it in a transaction that shares the project's queues.
    """
    active = list(_active(project).order_by("pk").values_list("pk", "weight"))
    weighted = [(pk, weight) for pk, weight in active if weight is not None]
    sums = list(accumulate(weight for _, weight in weighted))
    parameters: dict[str, Any] = {
        "project": project.pk,
        "generators": [pk for pk, _ in active],
        "drawn_from": [pk for pk, _ in weighted],
        "bounds": [part / sums[-1] for part in sums[:-1]],
        "draws": draws_of(project) if weighted else 0,
        "after": after,
        "chunk": chunk,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PLAN.format(which=which), parameters)
        last, touched, made = cursor.fetchone() or (None, None, 0)
    return last, touched or [], made


def _active(project: Project) -> QuerySet[Generator]:
    return Generator.objects.filter(project=project, state=GeneratorState.ACTIVE)


def settle(prompt_ids: list[int]) -> None:
    """Sets how many candidates these prompts wait for to what is really on its way, and opens what is ready by it.

    Call it in the transaction of whatever changed that.
    """
    locked = prompts.lock(prompt_ids)
    for project in Project.objects.filter(pk__in={prompt.project_id for prompt in locked.values()}):
        own = [pk for pk, prompt in locked.items() if prompt.project_id == project.pk]
        waiting = awaited(own)
        if not wants_all(project):
            # Whoever has no rows yet has their turn still to come.
            planned = set(Generation.objects.filter(prompt__in=own).values_list("prompt_id", flat=True))
            waiting |= dict.fromkeys(set(own) - planned, project.candidates_expected)
        prompts.add_generated(project, [], waiting)


def settle_waiting(project: Project) -> None:
    """After a generator stopped for whatever reason: no prompt may wait for what nobody is going to make."""
    plan(project)
    waiting = Prompt.objects.filter(project=project, candidates_awaited__gt=0).order_by("pk")
    found = list(waiting.values_list("pk", flat=True))
    for start in range(0, len(found), PLAN_CHUNK):
        settle(found[start : start + PLAN_CHUNK])


def plan_all() -> int:
    """Plans every project in which a generator has not seen all prompts yet, or a queue has too few tasks ahead.

    Returns how many rows are new.
    """
    active = Generator.objects.filter(state=GeneratorState.ACTIVE)
    behind = active.exclude(planned_at_count=F("project__prompts_added")).values("project")
    marked = active.filter(project__queues__water_marks__isnull=False).values("project")
    return sum(plan(project) for project in Project.objects.filter(Q(pk__in=behind) | Q(pk__in=marked)))


def awaited(prompt_ids: list[int]) -> dict[int, int]:
    """How many candidates are still to come for each of these prompts. Call it with the prompts locked."""
    waiting = dict.fromkeys(prompt_ids, 0)
    rows = Generation.objects.filter(prompt__in=prompt_ids, state__in=UNFINISHED)
    for prompt_id in rows.values_list("prompt_id", flat=True):
        waiting[prompt_id] += 1
    return waiting
