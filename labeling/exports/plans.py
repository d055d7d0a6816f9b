"""What a release is to hold, read strictly from what somebody sent, and kept with it as it was understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from labeling import licenses
from labeling.errors import Fault, Invalid
from labeling.exports import choices, division, stream
from labeling.exports.choices import Choice
from labeling.exports.files import KINDS
from labeling.exports.models import Release
from labeling.exports.policies import Order, Split
from labeling.exports.records import Prompt
from labeling.exports.scope import Scope
from labeling.models import Project, Queue

# How many prompts go into one shard: what a worker that dies in the middle loses, and how large a file gets.
SHARD_PROMPTS = 20_000
# Of an export, but not of a release, which says them in its own words.
NOT_FILTERS = {
    "format": "Name the formats in “formats”.",
    "split": "A release is divided as a whole: say how in “splits”.",
    "ratios": "Say how large each part is in “splits”.",
    "split_by": "Say “splits”: “tags” to have tags decide.",
}
MOST_TITLE = 200


@dataclass(frozen=True)
class Plan:
    """What goes into a release: a choice for each format, how prompts are divided, what kind of file it is.

    `shares` are the parts in percent, “tags” where tags decide, None for a dataset in one part. `facts` is what was
    said of the project when it was asked for: `{"project": {slug, name, description, license?}, "queues": [{slug, name,
    overlap}]}`.
    """

    project: Project
    choices: tuple[Choice, ...]
    shares: division.Ratios | division.Tags | None
    files: str
    shard_prompts: int
    facts: Mapping[str, Any]
    # The SHA-256 of the benchmark that is kept with the release; "" without one.
    benchmark: str = ""

    # What there was to know about its parts when it was asked for (labeling.exports.selectors.dividing).
    warnings: tuple[str, ...] = ()
    # The groups that tags hold out, where tags decide; known once a release is begun, and the same for all its tries.
    held_out: Mapping[bytes, Split] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts, as they stand in the names of files."""
        return division.parts(self.shares, self.held_out)

    @property
    def divided(self) -> division.Division:
        """What says of each prompt into which part it goes."""
        return division.divided(self.shares, self.held_out)

    def scope(self, release: Release, divided: division.Division) -> Scope:
        """What is read for it: all formats in one pass, as of the release's cutoff."""
        # They differ in their formats alone.
        return replace(
            stream.scope_of(self.choices[0]),
            unanswered=any(choice.format.unanswered for choice in self.choices),
            leads=tuple(dict.fromkeys(name for choice in self.choices for name in choice.format.leads)),
            provenance=any(choice.format.provenance for choice in self.choices),
            cutoff=release.cutoff,
            last_prompt=release.last_prompt,
            release=release.number,
            grouped=self.shares is not None,
            parts=tuple(partial(_is_in, divided, part) for part in self.parts),
        )

    @property
    def as_dict(self) -> dict[str, Any]:
        """The same as JSON, which `of` reads."""
        return {
            "formats": [choice.format.name for choice in self.choices],
            "choices": [choice.as_dict for choice in self.choices],
            "splits": self.shares,
            "files": self.files,
            "shard_prompts": self.shard_prompts,
            "facts": dict(self.facts),
            "benchmark": self.benchmark,
            "warnings": list(self.warnings),
        }


def _is_in(divided: division.Division, part: str, prompt: Prompt) -> bool:
    return divided.of(prompt) == part


def is_shuffled(release: Release) -> bool:
    """Whether its prompts stand in another order than that of their ids, which holds for all its formats."""
    return any(choice.get("order") == Order.SHUFFLED for choice in release.asked["choices"])


def of(release: Release) -> Plan:
    """What a release was asked to hold. Raises Invalid where the platform cannot make it any more."""
    asked = release.asked
    return Plan(
        project=release.project,
        choices=tuple(choices.parse(release.project, choice) for choice in asked["choices"]),
        shares=division.ordered(asked["splits"]),
        files=asked["files"],
        shard_prompts=asked["shard_prompts"],
        facts=asked["facts"],
        benchmark=asked["benchmark"],
        # Releases of earlier versions had none.
        warnings=tuple(asked.get("warnings", ())),
    )


def parse(project: Project, *, formats: Any, filters: Any = None, divided: Any = None, files: Any = None) -> Plan:
    """What is asked for, with defaults. Raises Invalid with every mistake at once, each with its path."""
    faults: list[Fault] = []
    kind = "jsonl" if files is None or files == "" else files
    if not isinstance(kind, str) or kind not in KINDS:
        faults.append(Fault("files", f"There is no such kind of file. Choose one of: {', '.join(KINDS)}."))
    shares = division.parse(divided, faults)
    given = _filters(filters, faults)
    chosen = [
        choice
        for place, name in enumerate(_formats(formats, faults))
        if (choice := _choice(project, name, place, given, faults)) is not None
    ]
    if faults:
        raise Invalid("This cannot be released as asked: " + faults[0].message, errors=faults)
    return Plan(project, tuple(chosen), shares, kind, SHARD_PROMPTS, _facts(project))


def _formats(given: Any, faults: list[Fault]) -> Sequence[str]:
    if not isinstance(given, list | tuple) or not given:
        faults.append(Fault("formats", "Say which formats, as a list of their names."))
        return []
    for place, name in enumerate(given):
        if not isinstance(name, str):
            faults.append(Fault(f"formats.{place}", "Send the name of a format."))
        elif name in given[:place]:
            faults.append(Fault(f"formats.{place}", f"“{name}” stands here twice."))
    return [name if isinstance(name, str) else "" for name in given]


def _filters(given: Any, faults: list[Fault]) -> dict[str, str]:
    """Settings as an export reads them: everything is text there."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        faults.append(Fault("filters", "Send the settings as an object of names and values."))
        return {}
    found = {}
    for name, value in given.items():
        if name in NOT_FILTERS:
            faults.append(Fault(f"filters.{name}", NOT_FILTERS[name]))
        elif isinstance(value, bool):
            found[name] = "1" if value else "0"
        elif isinstance(value, str | int | float):
            found[name] = str(value)
        elif value is not None:
            faults.append(Fault(f"filters.{name}", "Send a text or a number."))
    return found


def _choice(project: Project, name: str, place: int, filters: Mapping[str, str], faults: list[Fault]) -> Choice | None:
    try:
        return choices.parse(project, {"format": name, **filters})
    except Invalid as error:
        told = {fault.path for fault in faults}
        for fault in error.errors:
            # What is wrong with a setting is wrong for every format, and is said once.
            path = f"formats.{place}" if fault.path == "format" else f"filters.{fault.path}"
            if path not in told:
                faults.append(Fault(path, fault.message))
        return None


def _facts(project: Project) -> dict[str, Any]:
    queues = Queue.objects.filter(project=project).order_by("pk").values("slug", "name", "overlap")
    license = licenses.told(project.license)
    return {
        "project": {"slug": project.slug, "name": project.name, "description": project.description}
        | ({"license": license} if license else {}),
        "queues": list(queues),
    }
