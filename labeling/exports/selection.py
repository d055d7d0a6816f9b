"""Which answers and which prompts an export is made from. Plain values; `examples` turns them into conditions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Versions:
    """Some versions of guidelines or forms, the first and the last included. `last` None: all from the first on."""

    first: int
    last: int | None = None

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= (number if self.last is None else self.last)

    def __str__(self) -> str:
        if self.last == self.first:
            return str(self.first)
        return f"{self.first}-" if self.last is None else f"{self.first}-{self.last}"


@dataclass(frozen=True)
class Person:
    """Somebody who is chosen by name. `name` may be shown beside rows: it is no address; see `annotators`."""

    name: str
    id: int = field(repr=False)


@dataclass(frozen=True)
class Selection:
    """What an export reads. Everything, where nothing is said. `since` is included, `until` is not; both are in UTC."""

    annotators: tuple[Person, ...] = ()
    without_annotators: tuple[Person, ...] = ()
    guidelines: Versions | None = None
    form: Versions | None = None
    since: datetime | None = None
    until: datetime | None = None
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()
