"""Prompts that say the same, or nearly: looking for them, and what a manager says to what was found.

Those that say the very same are found by PostgreSQL, from a hash that every prompt has. Those that are nearly the same
are found by labeling.services.likeness among what is left of that; they are flagged for people to look at, and share a
part of the dataset from then on (labeling.services.groups).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from labeling.errors import Conflict, Fault, Invalid
from labeling.models import (
    DuplicateGroup,
    DuplicateMember,
    DuplicateSearch,
    GroupKind,
    GroupState,
    Project,
    Prompt,
    Task,
    TaskState,
    User,
    WorkState,
)
from labeling.services import background, events, groups, seats, tasks
from labeling.text import canonical_json, normalised

LIKENESSES = (90, 80, 70)
CHUNK = 2000  # prompts
MOST_RETIRED = 500  # tasks at once

logger = logging.getLogger(__name__)


class _Stopped(Exception):
    """The worker is to stop."""


def _turns(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Who says what, as it reads."""
    for message in messages:
        yield message["role"], normalised(message["content"])
        if "tool_calls" in message:
            yield "calls", canonical_json(message["tool_calls"])


def normal_hash(
    messages: Sequence[Mapping[str, Any]], context: Sequence[Mapping[str, str]], tools: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The same for prompts that read the same: who says what in turn, the documents that it is about, and the tools.

    Unicode forms, case and white space make no difference. Names, titles and addresses are left out.
    """
    parts = [part for turn in _turns(messages) for part in turn]
    parts += [normalised(document["text"]) for document in context]
    parts += ["tools", canonical_json(tools)] if tools else []
    return hashlib.blake2b("\x00".join(parts).encode(), digest_size=16).hexdigest()


def search(project: Project, *, likeness: Any = None, by: User) -> DuplicateSearch:
    """Has a worker look through the project: for the very same, and with `likeness` also for what is nearly the same,
    which is in percent. Raises Invalid, or Conflict while one is under way.
    """
    if likeness is not None and likeness not in LIKENESSES:
        known = ", ".join(map(str, LIKENESSES))
        raise Invalid("There is no such likeness.", errors=[Fault("likeness", f"Choose one of: {known}.")])
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        if DuplicateSearch.objects.filter(project=project, finished_at__isnull=True).exists():
            raise Conflict("A search is under way already.")
        made = DuplicateSearch.objects.create(project=project, by=by, likeness=likeness, in_background=True)
        events.record("duplicates.sought", made, by=by, project=project, likeness=likeness)
    return made


def cancel(asked: DuplicateSearch, *, by: User) -> None:
    """Calls a search off. What an earlier one found stays. Raises Conflict when it has ended."""
    with transaction.atomic():
        if not background.call_off(asked, f"{by} called it off."):
            raise Conflict("This search has ended already.")
        events.record("duplicates.cancelled", asked, by=by, project=asked.project)


def keep(group: DuplicateGroup, *, by: User) -> DuplicateGroup:
    """Says of a group that all its prompts may stay: it is not asked about again, unless another prompt joins it."""
    with transaction.atomic():
        group = DuplicateGroup.objects.select_for_update(no_key=True).select_related("project").get(pk=group.pk)
        if group.state == GroupState.OPEN:
            group.state, group.judged_by, group.judged_at = GroupState.KEPT, by, timezone.now()
            group.save(update_fields=["state", "judged_by", "judged_at"])
            events.record("duplicates.kept", group, by=by, project=group.project, size=group.size)
    return group


def thin(group: DuplicateGroup, *, retire: Sequence[int] | None = None, by: User) -> int:
    """Retires the tasks of some prompts of a group, by their numbers; without numbers of all but its first prompt.

    Answers stay, and the rest of the group is judged to stay. Of very many only a part is done at once: returns how
    many tasks are left, for which it is to be called again. Raises Invalid for prompts of another group, Conflict
    where somebody has judged it meanwhile.
    """
    with transaction.atomic():
        group = DuplicateGroup.objects.select_for_update(no_key=True).select_related("project").get(pk=group.pk)
        if group.state != GroupState.OPEN:
            raise Conflict("Somebody has judged this group already. Look at it again.")
        members = DuplicateMember.objects.filter(group=group).order_by("prompt")
        if retire is None:
            chosen = members.exclude(prompt__in=members.values("prompt")[:1])
        else:
            chosen = members.filter(prompt__in=list(retire))
            if not retire or chosen.count() != len(set(retire)):
                raise Invalid("Choose prompts of this group.", errors=[Fault("retire", "Tick at least one of them.")])
        open_ones = Task.objects.filter(prompt__in=chosen.values("prompt")).exclude(state=TaskState.RETIRED)
        left = open_ones.count()
        now = list(open_ones.order_by("pk")[:MOST_RETIRED])
        seats.hold([task.pk for task in now])  # all at once: one after the other, each would wait with the last in hand
        for task in now:
            tasks.retire(task, by=by, reason="duplicate")
            left -= 1
        if left == 0:
            group.state, group.judged_by, group.judged_at = GroupState.THINNED, by, timezone.now()
            group.save(update_fields=["state", "judged_by", "judged_at"])
        events.record("duplicates.thinned", group, by=by, project=group.project, size=group.size, left=left)
    return left


def is_waiting() -> bool:
    """Whether a worker is needed."""
    return background.is_waiting(DuplicateSearch)


def reclaim() -> None:
    """Puts back the searches of workers that died."""
    for asked in background.reclaim(DuplicateSearch, reason="The workers that searched died."):
        events.record("duplicates.failed", asked, by=None, project=asked.project, reason=asked.reason)


def work(*, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Carries out the searches that wait, one after the other. Returns how many it took up."""
    taken = 0
    while not should_stop():
        asked = background.take(DuplicateSearch)
        if asked is None:
            break
        taken += 1
        try:
            with background.kept_alive(asked):
                _carry_out(asked, should_stop)
        except background.Lost:
            pass
        except _Stopped:
            background.put_back(asked)
        except Exception as error:
            logger.exception("%s broke off", asked)
            background.recover()
            background.lose(asked, f"It broke off ({type(error).__name__}).")
    return taken


def _carry_out(asked: DuplicateSearch, should_stop: Callable[[], bool]) -> None:
    """Reads and compares first, which may be done twice, and writes everything at its end."""

    def told(looked_at: int) -> None:
        background.still_held(asked, looked_at=looked_at)
        if should_stop():
            raise _Stopped

    fill(asked.project_id)
    asked.prompts = Prompt.objects.filter(project=asked.project_id).count()
    background.still_held(asked, prompts=asked.prompts)
    near = list(_near(asked, told)) if asked.likeness else []
    joining = groups.prepare(asked.project, [ids for ids, _ in near])
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=asked.project_id)
        _write(_FORGET, project=asked.project_id)
        _write(_SAME, project=asked.project_id)
        _store_near(asked.project_id, near)
        _write(_JUDGED_BEFORE, project=asked.project_id)
        joined, apart = groups.join(joining)
        found = DuplicateGroup.objects.filter(project=asked.project_id, state=GroupState.OPEN).count()
        background.still_held(asked, groups=found, looked_at=asked.prompts)
        background.end(asked, WorkState.DONE)
        told_of = {"groups": found, "joined": joined, "apart": apart}
        events.record("duplicates.found", asked, by=asked.by, project=asked.project, **told_of)


_FILL = """
UPDATE labeling_prompt p SET normal_hash = given.hash
FROM unnest(%s::bigint[], %s::text[], %s::uuid[]) AS given(id, content_hash, hash)
WHERE p.id = given.id AND p.content_hash = given.content_hash
"""


def fill(project_id: int) -> None:
    """Gives prompts their hash that came in before there was one."""
    rows = Prompt.objects.filter(project=project_id, normal_hash__isnull=True).order_by("pk")
    wanted = rows.values_list("pk", "content_hash", "messages", "context", "tools")
    after = 0
    while found := list(wanted.filter(pk__gt=after)[:CHUNK]):
        hashes = [normal_hash(said, context, json.loads(tools or "[]")) for _, _, said, context, tools in found]
        with connection.cursor() as cursor:
            cursor.execute(_FILL, [[row[0] for row in found], [row[1] for row in found], hashes])
        after = found[-1][0]


# One prompt for each hash: the very same have a group already.
_TEXTS = """
SELECT p.id, p.messages, p.context, p.tools FROM labeling_prompt p
WHERE p.project_id = %s AND p.id > %s AND NOT EXISTS (
    SELECT 1 FROM labeling_prompt twin
    WHERE twin.project_id + 0 = p.project_id AND twin.normal_hash = p.normal_hash AND twin.id < p.id OFFSET 0
)
ORDER BY p.id LIMIT %s
"""


def _near(asked: DuplicateSearch, told: Callable[[int], None]) -> Iterator[tuple[list[int], int]]:
    """Groups of prompts that are nearly the same, and how alike they are in percent."""
    from labeling.services.likeness import Text, alike  # NumPy stays out of the web process

    def texts() -> Iterator[Text]:
        after = 0
        while found := _fetch(_TEXTS, asked.project_id, after, CHUNK):
            for prompt_id, messages, context, tools in found:
                yield Text(prompt_id, *_comparable(json.loads(messages), json.loads(context), tools))
            after = found[-1][0]

    def fetch(ids: Sequence[int]) -> dict[int, str]:
        rows = Prompt.objects.filter(pk__in=ids).values_list("pk", "messages")
        return {prompt_id: _comparable(messages, [], "")[0] for prompt_id, messages in rows}

    return alike(texts(), asked.likeness or 100, fetch=fetch, told=told)


def _comparable(
    messages: Sequence[Mapping[str, Any]], context: Sequence[Mapping[str, str]], tools: str
) -> tuple[str, int]:
    """What is said in a prompt, and a number for its setting: what the system says, the documents, and the tools.

    Many prompts share a long setting. It would make all of them alike, so it must be the same and is not compared.
    """
    said: list[str] = []
    setting = [normalised(document["text"]) for document in context] + ([tools] if tools else [])
    for role, text in _turns(messages):
        (setting if role in ("system", "developer") else said).append(text)
    digest = hashlib.blake2b("\x00".join(setting).encode(), digest_size=8).digest() if setting else b""
    return "\n".join(said), int.from_bytes(digest)


_FORGET = """
WITH old AS (SELECT id FROM labeling_duplicategroup WHERE project_id = %(project)s AND state = 'open'),
members AS (DELETE FROM labeling_duplicatemember m USING old WHERE m.group_id = old.id)
DELETE FROM labeling_duplicategroup g USING old WHERE g.id = old.id
"""

_SAME = """
WITH same AS (
    SELECT normal_hash, count(*) AS size FROM labeling_prompt
    WHERE project_id = %(project)s AND normal_hash IS NOT NULL GROUP BY normal_hash HAVING count(*) > 1
    ORDER BY min(id)
), numbered AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('labeling_duplicategroup', 'id')) AS id, same.* FROM same
), made AS (
    INSERT INTO labeling_duplicategroup (id, project_id, kind, state, size, likeness, created_at)
    SELECT id, %(project)s, 'same', 'open', size, 100, now() FROM numbered
)
INSERT INTO labeling_duplicatemember (group_id, prompt_id)
SELECT numbered.id, p.id FROM numbered
JOIN labeling_prompt p ON p.project_id + 0 = %(project)s AND p.normal_hash = numbered.normal_hash
"""

# A group all of whose prompts were judged together stays judged.
_JUDGED_BEFORE = """
WITH known AS (
    SELECT g.id FROM labeling_duplicategroup g
    WHERE g.project_id = %(project)s AND g.state = 'open' AND EXISTS (
        SELECT 1 FROM labeling_duplicategroup judged
        JOIN labeling_duplicatemember first ON first.group_id = judged.id
        WHERE judged.project_id = g.project_id AND judged.state <> 'open'
          AND first.prompt_id = (SELECT min(m.prompt_id) FROM labeling_duplicatemember m WHERE m.group_id = g.id)
          AND NOT EXISTS (
            SELECT 1 FROM labeling_duplicatemember m WHERE m.group_id = g.id AND NOT EXISTS (
                SELECT 1 FROM labeling_duplicatemember o WHERE o.group_id = judged.id AND o.prompt_id = m.prompt_id
            )
          )
    )
), members AS (
    DELETE FROM labeling_duplicatemember m USING known WHERE m.group_id = known.id
)
DELETE FROM labeling_duplicategroup g USING known WHERE g.id = known.id
"""


def _store_near(project_id: int, near: Sequence[tuple[list[int], int]]) -> None:
    made = DuplicateGroup.objects.bulk_create(
        (
            DuplicateGroup(project_id=project_id, kind=GroupKind.NEAR, size=len(ids), likeness=percent)
            for ids, percent in near
        ),
        batch_size=CHUNK,
    )
    # Some may be gone since they were read.
    stand = Prompt.objects.filter(project=project_id)
    for start in range(0, len(near), CHUNK):
        pairs = [
            (group.pk, prompt_id)
            for group, (ids, _) in zip(made[start : start + CHUNK], near[start : start + CHUNK], strict=True)
            for prompt_id in ids
        ]
        alive = set(stand.filter(pk__in=[prompt_id for _, prompt_id in pairs]).values_list("pk", flat=True))
        DuplicateMember.objects.bulk_create(
            (DuplicateMember(group_id=group, prompt_id=prompt) for group, prompt in pairs if prompt in alive),
            batch_size=CHUNK,
        )


def _fetch(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _write(statement: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
