"""Prompts and their candidates: taking in what generators made, and knowing what is still to come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import connection
from django.utils import timezone

from labeling.models import Candidate, CandidateOrigin, Draft, Project, Prompt, Slot, SlotState, Task, TaskState
from labeling.services import queues, seats
from labeling.services.imports import ImportReport, import_lines
from labeling.text import sha256

__all__ = [
    "ImportReport",
    "add_generated",
    "expect_candidates",
    "import_lines",
    "lock",
    "retire",
    "set_awaited",
]


def _recount(prompt_ids: Iterable[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE labeling_prompt p SET candidates_count =
                (SELECT count(*) FROM labeling_candidate c WHERE c.prompt_id = p.id AND c.retired_at IS NULL)
            WHERE p.id = ANY(%s)
            """,
            [sorted(prompt_ids)],
        )


def lock(prompt_ids: Iterable[int]) -> dict[int, Prompt]:
    """Prompts under row locks, always taken in the order of their ids so that two takers cannot block each other."""
    found = Prompt.objects.select_for_update(no_key=True).filter(pk__in=list(prompt_ids)).order_by("pk")
    return {prompt.pk: prompt for prompt in found}


def add_generated(project: Project, candidates: Sequence[Candidate], awaited: dict[int, int]) -> list[Candidate]:
    """Stores candidates that a generator made and opens the tasks that are ready with them.

    `awaited` says, for each prompt, how many candidates are still to come. Call it in the transaction that marks
    the work done, with the prompts under `lock` from before `awaited` was counted: else two workers that finish
    the last two candidates of a prompt each see the other's as still to come, and the prompt is never ready.
    """
    prompt_ids = sorted(awaited)
    for candidate in candidates:
        candidate.origin = CandidateOrigin.GENERATED
        candidate.text_hash = sha256(candidate.text)
    stored = Candidate.objects.bulk_create(candidates)
    set_awaited(awaited)
    _recount(prompt_ids)
    queues.open_tasks(project, prompt_ids=prompt_ids)
    return stored


def set_awaited(awaited: dict[int, int]) -> None:
    """How many candidates are still to come, for each prompt."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE labeling_prompt p SET candidates_awaited = given.n
            FROM unnest(%s::bigint[], %s::int[]) AS given(id, n)
            WHERE p.id = given.id AND p.candidates_awaited <> given.n
            """,
            [list(awaited), list(awaited.values())],
        )


def expect_candidates(project: Project, number: int) -> None:
    """How many candidates each prompt that is added from now on is going to get."""
    Project.objects.filter(pk=project.pk).update(candidates_expected=number)


def retire(candidate: Candidate) -> None:
    """Puts a candidate aside: no task that is opened from now on shows it.

    Tasks that show it and that nobody has touched go, to be opened anew once the prompt is ready. Those that somebody
    has taken, or typed something for, keep it. Call it with its prompt under `lock`.
    """
    candidate.retired_at = timezone.now()
    candidate.save(update_fields=["retired_at"])
    showing = Task.objects.filter(prompt=candidate.prompt_id, candidate_ids__contains=[candidate.pk])
    # Locked before they are judged: somebody may be taking one at this moment.
    seats.hold(list(showing.values_list("pk", flat=True)))
    begun = set(Slot.objects.filter(task__in=showing).exclude(state=SlotState.OPEN).values_list("task_id", flat=True))
    begun |= set(Draft.objects.filter(slot__task__in=showing).values_list("slot__task_id", flat=True))
    showing.exclude(pk__in=begun).exclude(state=TaskState.RETIRED).delete()
    _recount([candidate.prompt_id])
