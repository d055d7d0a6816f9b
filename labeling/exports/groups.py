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
Answer = psycopg.Cursor[tuple[Any, ...]]

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
        return self.linked(prompts, self.ask(prompts))

    def ask(self, prompts: Sequence[Prompt]) -> Answer | None:
        """Asks for what links these prompts; None where nothing does."""
        if not self._any or not prompts:
            return None
        openings = list({_key(prompt) for prompt in prompts})
        return self._own.execute(_LINKS, {**self._given, "openings": openings})

    def linked(self, prompts: Sequence[Prompt], answer: Answer | None) -> Sequence[Prompt]:
        """The same prompts with what that gave."""
        if answer is None:
            return prompts
        found = answer.fetchall()
        links = {opening: (follows.bytes, near.bytes if near else b"") for opening, follows, near in found}
        return [_linked(prompt, _key(prompt), links) for prompt in prompts]

    def each(self, batches: Iterable[Sequence[Prompt]]) -> Iterator[Prompt]:
        """The same of prompts that come in batches, one by one."""
        for prompts in batches:
            yield from self.of(prompts)


def _key(prompt: Prompt) -> UUID:
    return UUID(bytes=opening_key(prompt.opening))


def _linked(prompt: Prompt, key: UUID, links: dict[UUID, tuple[bytes, bytes]]) -> Prompt:
    group, near = links.get(key, (key.bytes, b""))
    return replace(prompt, group=group, near=near)
