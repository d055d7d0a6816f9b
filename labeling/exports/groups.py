"""Which group each prompt is in, as the database knows it (`labeling.services.groups`), some prompts at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from labeling.exports.records import Prompt
from labeling.text import opening_key

Connection = psycopg.Connection[tuple[Any, ...]]

_ANY = "SELECT EXISTS (SELECT 1 FROM labeling_splitlink WHERE project_id = %s)"
# A release that is made again must not know what was found when it was there.
_LINKS = """
SELECT opening, follows, CASE WHEN near_at <= %(cutoff)s::timestamptz THEN near END
FROM labeling_splitlink WHERE project_id = %(project)s AND opening = ANY(%(openings)s)
"""


class Groups:
    """Looks up what prompts follow, a statement for many of them; none in a project where nothing is linked."""

    def __init__(self, own: Connection, project_id: int, cutoff: datetime | None = None) -> None:
        self._own = own
        self._given = {"project": project_id, "cutoff": cutoff.isoformat() if cutoff else "infinity"}
        row = own.execute(_ANY, [project_id]).fetchone()
        self._any = bool(row and row[0])

    def of(self, prompts: Sequence[Prompt]) -> Sequence[Prompt]:
        """The same prompts, each with its group and the one that it is near."""
        if not self._any or not prompts:
            return prompts
        keys = [UUID(bytes=opening_key(prompt.opening)) for prompt in prompts]
        found = self._own.execute(_LINKS, {**self._given, "openings": list(set(keys))})
        links = {opening: (follows.bytes, near.bytes if near else b"") for opening, follows, near in found}
        return [_linked(prompt, key, links) for prompt, key in zip(prompts, keys, strict=True)]

    def each(self, batches: Iterable[Sequence[Prompt]]) -> Iterator[Prompt]:
        """The same of prompts that come in batches, one by one."""
        for prompts in batches:
            yield from self.of(prompts)


def _linked(prompt: Prompt, key: UUID, links: dict[UUID, tuple[bytes, bytes]]) -> Prompt:
    group, near = links.get(key, (key.bytes, b""))
    return replace(prompt, group=group, near=near)
