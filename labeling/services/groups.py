"""Which prompts share a part of a dataset: those that open alike, and those that a search found nearly the same.

Openings are the unit, so that a prompt that comes in later stands where those stand that open as it does. A group that
a release has given out (`Project.released_through`) never moves. Until then, what a search finds joins the oldest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from labeling.models import Project
from labeling.text import opening_key

CHUNK = 2000  # prompts


def joined(
    follows: Mapping[bytes, bytes], near: Iterable[Sequence[bytes]], given_out: Collection[bytes]
) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """What openings follow once those that are near one another are joined, and those that must stay apart.

    `follows` is what they follow so far, `near` openings that belong together, the oldest first, `given_out` those
    whose part is known outside. A group goes as a whole to the oldest one that was given out, or else to the oldest.
    One that was given out stays; its openings are in the second answer, with the group that they are near.
    """
    now, apart = dict(follows), dict[bytes, bytes]()
    followers = defaultdict[bytes, set[bytes]](set)
    for opening, key in now.items():
        followers[key].add(opening)
    fixed = {now.get(opening, opening) for opening in given_out}
    for openings in near:
        keys = list(dict.fromkeys(now.get(opening, opening) for opening in openings))
        first = next((key for key in keys if key in fixed), keys[0])
        for key in keys:
            if key == first:
                continue
            if key in fixed:
                apart |= {opening: first for opening in openings if now.get(opening, opening) == key}
            else:
                moving = followers.pop(key, set()) | {key}
                now |= dict.fromkeys(moving, first)
                followers[first] |= moving
    return {opening: key for opening, key in now.items() if follows.get(opening) != key}, apart


@dataclass
class Joining:
    """What a search found, read before anything is locked. `through` is the prompt up to which `given_out` is known."""

    project_id: int
    near: list[list[bytes]]
    follows: dict[bytes, bytes]
    given_out: set[bytes]
    through: int

    @property
    def asked_about(self) -> set[bytes]:
        """The openings that may have been given out."""
        return {opening for openings in self.near for opening in openings} | {*self.follows, *self.follows.values()}


def prepare(project: Project, near: Sequence[Sequence[int]]) -> Joining:
    """Reads how prompts open that are nearly the same, the oldest of each group first."""
    found = [openings for openings in _opening(near) if len(openings) > 1]
    follows = {one.bytes: other.bytes for one, other in _rows(_FOLLOWS, project.pk)} if found else {}
    joining = Joining(project.pk, found, follows, set(), 0)
    _look(joining, Project.objects.values_list("released_through", flat=True).get(pk=project.pk))
    return joining


def join(joining: Joining) -> tuple[int, int]:
    """Stores it; how many openings follow another one now, and how many stay apart. Call it with the project locked."""
    _look(joining, Project.objects.values_list("released_through", flat=True).get(pk=joining.project_id))
    moved, apart = joined(joining.follows, joining.near, joining.given_out)
    _write(_FOLLOW, joining.project_id, _uuids(moved), _uuids(moved.values()))
    return len(moved), len(_rows(_STAY, joining.project_id, _uuids(apart), _uuids(apart.values())))


_FOLLOWS = "SELECT opening, follows FROM labeling_splitlink WHERE project_id = %s"
_FIRST_TURN = """jsonb_path_query_first(messages, '$[*] ? (@.role == "user")') ->> 'content'"""
_BY_ID = f"SELECT id, {_FIRST_TURN} FROM labeling_prompt WHERE id = ANY(%s::bigint[])"  # noqa: S608  a constant
_IN_ORDER = f"""
SELECT id, {_FIRST_TURN} FROM labeling_prompt WHERE project_id = %s AND id > %s AND id <= %s ORDER BY id LIMIT %s
"""  # noqa: S608  a constant
_FOLLOW = """
INSERT INTO labeling_splitlink (project_id, opening, follows)
SELECT %s, given.opening, given.follows FROM unnest(%s::uuid[], %s::uuid[]) AS given(opening, follows)
ON CONFLICT (project_id, opening) DO UPDATE SET follows = EXCLUDED.follows
"""
# What was said once stays: a release that is made again must find what it found.
_STAY = """
INSERT INTO labeling_splitlink AS link (project_id, opening, follows, near, near_at)
SELECT %s, given.opening, given.opening, given.near, clock_timestamp()
FROM unnest(%s::uuid[], %s::uuid[]) AS given(opening, near)
ON CONFLICT (project_id, opening) DO UPDATE SET near = EXCLUDED.near, near_at = EXCLUDED.near_at WHERE link.near IS NULL
RETURNING link.id
"""


def _opening(near: Sequence[Sequence[int]]) -> Iterator[list[bytes]]:
    """How the prompts of each group open, each way once, some groups at a time."""
    for start in range(0, len(near), CHUNK):
        groups = near[start : start + CHUNK]
        ids = sorted({prompt_id for group in groups for prompt_id in group})
        keys: dict[int, bytes] = {}
        for at in range(0, len(ids), CHUNK):
            keys |= {prompt_id: opening_key(text or "") for prompt_id, text in _rows(_BY_ID, ids[at : at + CHUNK])}
        for group in groups:
            yield list(dict.fromkeys(keys[prompt_id] for prompt_id in sorted(group) if prompt_id in keys))


def _look(joining: Joining, through: int) -> None:
    """Notes which openings are those of prompts that have been given out since it was looked last."""
    wanted = joining.asked_about if joining.near and through > joining.through else set()
    after = joining.through
    while wanted and (found := _rows(_IN_ORDER, joining.project_id, after, through, CHUNK)):
        joining.given_out |= wanted.intersection(opening_key(text or "") for _, text in found)
        after = found[-1][0]
    joining.through = max(joining.through, through)


def _uuids(keys: Iterable[bytes]) -> list[UUID]:
    return [UUID(bytes=key) for key in keys]


def _rows(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _write(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
