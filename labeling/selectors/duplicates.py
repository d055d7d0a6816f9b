"""What searches for duplicates found, as managers look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Q, QuerySet

from labeling.models import DuplicateGroup, DuplicateSearch, GroupState, Project, Prompt, Task, TaskState

SHOWN = 6  # prompts of a group


@dataclass(frozen=True)
class Look:
    """A prompt in a group, and how many tasks it has: in all, open ones, and those that are not retired."""

    prompt: Prompt
    tasks: int = 0
    open_tasks: int = 0
    live_tasks: int = 0


@dataclass(frozen=True)
class GroupRow:
    """A group with its first prompts."""

    group: DuplicateGroup
    looks: list[Look]

    @property
    def more(self) -> int:
        """How many prompts it has beside those that are shown."""
        return self.group.size - len(self.looks)

    @property
    def can_retire(self) -> bool:
        """Whether there may be a task to retire."""
        return self.more > 0 or any(look.live_tasks for look in self.looks)


def newest_search(project: Project) -> DuplicateSearch | None:
    """The search that was asked for last."""
    return DuplicateSearch.objects.filter(project=project).select_related("by").order_by("-pk").first()


def groups(project: Project, *, judged: bool = False) -> QuerySet[DuplicateGroup]:
    """The groups that wait for a judgement, or those that have one."""
    found = DuplicateGroup.objects.filter(project=project).select_related("judged_by")
    return found.exclude(state=GroupState.OPEN) if judged else found.filter(state=GroupState.OPEN)


_FIRST = """
SELECT g.id, first.prompt_id FROM unnest(%s::bigint[]) AS g(id)
CROSS JOIN LATERAL (
    SELECT prompt_id FROM labeling_duplicatemember WHERE group_id = g.id ORDER BY prompt_id LIMIT %s
) first
"""


def rows(found: Sequence[DuplicateGroup]) -> list[GroupRow]:
    """The groups as they were given, each with its first prompts and how many tasks those have."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [[group.pk for group in found], SHOWN])
        pairs = cursor.fetchall()
    ids = {prompt_id for _, prompt_id in pairs}
    prompts = Prompt.objects.in_bulk(ids)
    counted = (
        Task.objects.filter(prompt__in=ids)
        .order_by()
        .values_list("prompt")
        .annotate(
            tasks=Count("pk"),
            open_tasks=Count("pk", filter=Q(state=TaskState.OPEN)),
            live_tasks=Count("pk", filter=~Q(state=TaskState.RETIRED)),
        )
    )
    tasks = {prompt_id: numbers for prompt_id, *numbers in counted}
    looks: dict[int, list[Look]] = {}
    for group_id, prompt_id in pairs:
        looks.setdefault(group_id, []).append(Look(prompts[prompt_id], *tasks.get(prompt_id, ())))
    return [GroupRow(group, looks.get(group.pk, [])) for group in found]
