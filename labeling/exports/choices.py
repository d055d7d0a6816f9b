"""What somebody asks for: a format, a queue and policies, read strictly from names and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from labeling.errors import Fault, Invalid
from labeling.exports.formats import Format, get_format
from labeling.exports.policies import Edits, Pairs, Policies, Responses, Split, Style
from labeling.models import Project, Queue

NAMES = ("format", "queue", "pairs", "edits", "responses", "style", "split")

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True)
class Choice:
    """One export that could be made. `queue` None: all queues of the project."""

    project: Project
    format: Format
    queue: Queue | None
    policies: Policies

    @property
    def filename(self) -> str:
        """A name for the file that says what is in it."""
        parts = [self.project.slug, self.format.name]
        parts += [self.queue.slug] if self.queue else []
        used = [getattr(self.policies, name) for name in self.format.uses]
        # Most projects edit nothing, and most files hold messages: they need no word about it.
        parts += [value for value in used if value not in (Edits.OVER_ORIGINAL, Style.CONVERSATIONAL)]
        parts += [self.policies.split.value] if self.policies.split else []
        return "-".join(parts) + ".jsonl"

    @property
    def as_dict(self) -> dict[str, str]:
        """The same as names and values: what `parse` reads."""
        found = {"format": self.format.name}
        if self.queue:
            found["queue"] = self.queue.slug
        found |= {name: getattr(self.policies, name).value for name in self.format.uses}
        if self.policies.split:
            found["split"] = self.policies.split.value
        return found

    @property
    def query(self) -> str:
        """The same as a query string."""
        return urlencode(self.as_dict)


def parse(project: Project, given: Mapping[str, str]) -> Choice:
    """The export that is asked for. Empty values are defaults. Raises Invalid with every mistake at once."""
    faults: list[Fault] = []
    for name in given:
        if name not in NAMES:
            faults.append(Fault(name, f"There is no such setting. Known: {', '.join(NAMES)}."))
    kind = get_format(given.get("format", ""))
    policies = Policies(
        pairs=_one_of(Pairs, given, "pairs", faults) or Pairs.BEST_VS_WORST,
        edits=_one_of(Edits, given, "edits", faults) or Edits.OVER_ORIGINAL,
        responses=_one_of(Responses, given, "responses", faults) or Responses.ANY,
        style=_one_of(Style, given, "style", faults) or Style.CONVERSATIONAL,
        split=_one_of(Split, given, "split", faults),
    )
    queue = _queue(project, given.get("queue", ""), faults)
    if faults:
        raise Invalid("This cannot be exported as asked: " + faults[0].message, errors=faults)
    return Choice(project, kind, queue, policies)


def _one_of(kind: type[E], given: Mapping[str, str], name: str, faults: list[Fault]) -> E | None:
    value = given.get(name, "")
    if not value:
        return None
    try:
        return kind(value)
    except ValueError:
        faults.append(Fault(name, f"There is no “{value}” here. Choose one of: {', '.join(kind)}."))
        return None


def _queue(project: Project, wanted: str, faults: list[Fault]) -> Queue | None:
    """The queue of that slug, or of that number where no slug is the same."""
    if not wanted:
        return None
    queues = {queue.slug: queue for queue in Queue.objects.filter(project=project)}
    numbers = {str(queue.pk): queue for queue in queues.values()}
    queue = queues.get(wanted) or numbers.get(wanted)
    if queue is None:
        known = ", ".join(queues) or "none yet"
        faults.append(Fault("queue", f"This project has no queue “{wanted}”. It has: {known}."))
    return queue
