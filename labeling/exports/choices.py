"""What somebody asks for: a format, a queue and settings, read strictly from names and values."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from labeling.errors import Fault, Invalid
from labeling.exports import annotators
from labeling.exports.formats import Format, get_format
from labeling.exports.policies import Edits, Order, Policies, Split, SplitBy, Style
from labeling.exports.selection import Person, Selection, Versions
from labeling.exports.settings import BY_NAME, SETTINGS
from labeling.models import FormVersion, GuidelinesVersion, Project, Queue

NAMES = ("format", "queue", *BY_NAME)

# What a file's name says in words, where the format uses it; other settings are there as a few digits of their hash.
IN_FILENAME = ("pairs", "edits", "responses", "style", "split")


@dataclass(frozen=True)
class Choice:
    """One export that could be made. `queue` None: all queues of the project."""

    project: Project
    format: Format
    queue: Queue | None
    policies: Policies
    selection: Selection = field(default_factory=Selection)

    @property
    def filename(self) -> str:
        """A name for the file that says what is in it."""
        parts = [self.project.slug, self.format.name]
        parts += [self.queue.slug] if self.queue else []
        used = [getattr(self.policies, name) for name in self.format.uses]
        # Most projects edit nothing, and most files hold messages: they need no word about it.
        parts += [value for value in used if value not in (Edits.OVER_ORIGINAL, Style.CONVERSATIONAL)]
        other = {name: text for name, text in self._settings.items() if name not in IN_FILENAME}
        parts += [hashlib.sha256(urlencode(other).encode()).hexdigest()[:8]] if other else []
        parts += [self.policies.split.value] if self.policies.split else []
        return "-".join(parts) + ".jsonl"

    @property
    def as_dict(self) -> dict[str, str]:
        """The same as names and values: what `parse` reads. Nobody's address is in it, see `annotators`."""
        found = {"format": self.format.name}
        if self.queue:
            found["queue"] = self.queue.slug
        return found | self._settings

    @property
    def _settings(self) -> dict[str, str]:
        """The settings that the format uses in any case, and those that are not as they would be without a word."""
        found = {}
        # What an order was drawn by is said, if only 0.
        told = ("seed",) if self.is_shuffled else ()
        for setting in SETTINGS:
            value = getattr(self.selection if setting.selects else self.policies, setting.name)
            if value != setting.default or setting.name in self.format.uses or setting.name in told:
                found[setting.name] = setting.kind.write(_named(value))
        return found

    @property
    def is_shuffled(self) -> bool:
        """Whether its rows stand in an order that is drawn."""
        return self.policies.order is Order.SHUFFLED

    @property
    def query(self) -> str:
        """The same as a query string."""
        return urlencode(self.as_dict)


def _named(value: Any) -> Any:
    """The value with names in the place of people."""
    if isinstance(value, tuple):
        return tuple(one.name if isinstance(one, Person) else one for one in value)
    return value


def parse(project: Project, given: Mapping[str, str]) -> Choice:
    """The export that is asked for. Empty values are defaults. Raises Invalid with every mistake at once."""
    faults: list[Fault] = []
    for name in given:
        if name not in NAMES:
            faults.append(Fault(name, f"There is no such setting. Known: {', '.join(NAMES)}."))
    kind = get_format(given.get("format", ""))
    policies, selection = _values(given, faults)
    _check(policies, selection, faults)
    queue = _queue(project, given.get("queue", ""), faults)
    selection = _with_people(project, selection, faults)
    _check_versions(project, queue, selection, faults)
    if faults:
        raise Invalid("This cannot be exported as asked: " + faults[0].message, errors=faults)
    return Choice(project, kind, queue, policies, selection)


def _values(given: Mapping[str, str], faults: list[Fault]) -> tuple[Policies, Selection]:
    """What was given, each value read by itself; people are still names."""
    policies: dict[str, Any] = {}
    selection: dict[str, Any] = {}
    for setting in SETTINGS:
        text = given.get(setting.name, "").strip()
        if text:
            try:
                (selection if setting.selects else policies)[setting.name] = setting.kind.read(text)
            except ValueError as error:
                faults.append(Fault(setting.name, str(error)))
    return Policies(**policies), Selection(**selection)


def _check(policies: Policies, selection: Selection, faults: list[Fault]) -> None:
    """What contradicts something else."""
    good, bad = policies.kto_good, policies.kto_bad
    if good is not None and bad is not None and bad >= good:
        faults.append(Fault("kto_bad", "It must be below kto_good: what lies between the two has no label."))
    least, most = policies.min_characters, policies.max_characters
    if least is not None and most is not None and least > most:
        faults.append(Fault("max_characters", "It is less than min_characters, so that no response would be left."))
    if selection.since and selection.until and selection.since >= selection.until:
        faults.append(Fault("until", "It is not after since, so that no answer would be left."))
    if policies.tokenizer and policies.max_tokens is None:
        faults.append(Fault("tokenizer", "Say how many tokens a row may have: it counts for max_tokens alone."))
    share = dict(zip(Split, policies.ratios, strict=True))
    if policies.split and policies.split_by is SplitBy.HASH and not share[policies.split]:
        faults.append(Fault("split", f"ratios gives “{policies.split}” nothing. Choose another one, or other ratios."))


def _with_people(project: Project, selection: Selection, faults: list[Fault]) -> Selection:
    """The selection with people in the place of their names."""

    def found(setting: str) -> tuple[Person, ...]:
        people = []
        for name in getattr(selection, setting):
            try:
                people.append(annotators.find(project, name))
            except annotators.Unknown as error:
                faults.append(Fault(setting, str(error)))
        return tuple(dict.fromkeys(people))

    return replace(selection, annotators=found("annotators"), without_annotators=found("without_annotators"))


def _check_versions(project: Project, queue: Queue | None, selection: Selection, faults: list[Fault]) -> None:
    """Versions that nobody has written yet are a slip of the pen."""

    def check(name: str, versions: Versions | None, numbers: Callable[[], list[int]]) -> None:
        if versions is None:
            return
        known = sorted(set(numbers()))
        if not any(number in versions for number in known):
            there_is = f"1 to {known[-1]}" if known else "none yet"
            faults.append(Fault(name, f"There is no version “{versions}”. There are: {there_is}."))

    def guidelines() -> list[int]:
        return list(GuidelinesVersion.objects.filter(project=project).values_list("number", flat=True))

    def forms() -> list[int]:
        of = {"queue": queue} if queue else {"queue__project": project}
        return list(FormVersion.objects.filter(**of).values_list("number", flat=True))

    check("guidelines", selection.guidelines, guidelines)
    check("form", selection.form, forms)


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
