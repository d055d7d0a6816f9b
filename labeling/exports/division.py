"""How a release is divided: every prompt goes into exactly one part, by a hash of its group or by its tags."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from labeling.errors import Fault
from labeling.exports.policies import USUAL, Policies, Split, SplitBy
from labeling.exports.records import Prompt
from labeling.exports.removed import Removed
from labeling.exports.splits import Splits

# The name of the one part of a dataset that is not divided, as it stands in the names of files.
WHOLE = "all"

Ratios = dict[str, int]
Tags = Literal["tags"]
BY_TAG: Tags = "tags"

_USUAL: Ratios = dict(zip(map(str, Split), USUAL, strict=True))
_NAMES = ", ".join(Split)
_SHOWN = json.dumps(_USUAL)


class Division(Protocol):
    """What says of prompts where they go. `Splits` is one."""

    def of(self, prompt: Prompt) -> str | None:
        """The name of the part that a prompt goes into; None where its tags contradict its group or one another."""
        ...

    def is_apart(self, prompt: Prompt) -> bool:
        """Whether it goes into another part than what it is nearly the same as."""
        ...


class _Undivided:
    def of(self, prompt: Prompt) -> str:
        return WHOLE

    def is_apart(self, prompt: Prompt) -> bool:
        return False


def parts(shares: Ratios | Tags | None, held_out: Mapping[bytes, Split] | None = None) -> tuple[str, ...]:
    """The names of the parts, as they stand in the names of files: by tag, train and what tags hold out."""
    if shares is None:
        return (WHOLE,)
    if shares == BY_TAG:
        wanted = {Split.TRAIN, *(held_out or {}).values()}
        return tuple(split.value for split in Split if split in wanted)
    return tuple(shares)


def divided(shares: Ratios | Tags | None, held_out: Mapping[bytes, Split] | None = None) -> Division:
    """What says of each prompt into which part it goes: "train", "validation", "test", or `WHOLE`.

    `shares` are in percent and come to 100, as `parse` gives them. `held_out` are the groups that tags hold out, where
    tags decide.
    """
    if shares is None:
        return _Undivided()
    if shares == BY_TAG:
        # What contradicts itself is counted by whoever asks: here nobody knows for which format.
        return Splits(Policies(split_by=SplitBy.TAG), Removed(), held_out)
    ratios = (shares.get("train", 0), shares.get("validation", 0), shares.get("test", 0))
    return Splits(Policies(ratios=ratios), Removed())


def ordered(ratios: Mapping[str, int] | Tags | None) -> Ratios | Tags | None:
    """The same in the order of the parts, which the database does not keep."""
    if ratios == BY_TAG:
        return BY_TAG
    return {split.value: ratios[split] for split in Split if split in ratios} if ratios else None


def told(ratios: Ratios | Tags | None) -> str:
    """The shares in words: “80 % train, 20 % test”."""
    return ", ".join(f"{percent} % {name}" for name, percent in ratios.items()) if isinstance(ratios, dict) else ""


def moved(before: Ratios | Tags | None, after: Ratios | Tags | None) -> list[tuple[str, str, int]]:
    """Which percent of prompts go from one part to another where a hash divides by other shares than before."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    # A hash is a point on a line of 100 percent, which the parts cover in their order.
    pairs = Counter(zip(_covered(before), _covered(after), strict=True))
    return [(old, new, percent) for (old, new), percent in pairs.items() if old != new]


def _covered(ratios: Ratios) -> list[str]:
    return [split.value for split in Split for _ in range(ratios.get(split.value, 0))]


def parse(given: Any, faults: list[Fault]) -> Ratios | Tags | None:
    """The percentages that are asked for, None for a dataset that is not divided. Adds to `faults` what is wrong.

    `true` and the list of all three names are the usual shares. An object gives them: as percent, or as fractions
    of 1. Parts that it does not name, or that get 0, are none. `"tags"` has the tags of prompts decide.
    """
    if given == BY_TAG:
        return BY_TAG
    if given is None or given is False or given == "":
        return None
    if given is True or (isinstance(given, list) and sorted(map(str, given)) == sorted(Split)):
        return dict(_USUAL)
    if not isinstance(given, dict) or not given:
        faults.append(Fault("splits", f"Send true for the usual shares, “tags”, or how large each part is: {_SHOWN}."))
        return None
    wrong = [_fault(name, share) for name, share in given.items() if _fault(name, share) is not None]
    faults += [fault for fault in wrong if fault is not None]
    if wrong:
        return None
    # As fractions of 1 they come to 1, which percentages never do.
    scale = 100 if abs(sum(given.values()) - 1) < 1e-6 else 1
    percent = {name: round(share * scale) for name, share in given.items()}
    for name, share in given.items():
        if abs(share * scale - percent[name]) > 1e-6:
            faults.append(Fault(f"splits.{name}", "Send a whole number of percent."))
            return None
    if sum(percent.values()) != 100:
        faults.append(Fault("splits", f"The parts come to {sum(given.values()):g}; together they must be 100 percent."))
        return None
    return ordered({name: share for name, share in percent.items() if share})


def _fault(name: Any, share: Any) -> Fault | None:
    if name not in list(Split):
        return Fault(f"splits.{name}", f"There is no such part. Known: {_NAMES}.")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 100:
        return Fault(f"splits.{name}", "Send a whole number of percent, or a fraction of 1.")
    return None


def rule(ratios: Ratios | Tags | None) -> str:
    """How prompts get their part, in words."""
    if ratios is None:
        return "Not divided."
    if ratios == BY_TAG:
        return (
            "By tag: prompts tagged “test” or “validation” are held out, with all that open alike or "
            "nearly; the others are for training."
        )
    return (
        f"By prompt: {told(ratios)}. A prompt's part hangs on the first 64 bits of the SHA-256 of its opening user "
        "turn (Unicode composed, case folded, white space collapsed), so it stays the same from release to release; "
        "all rows of prompts that open alike share a part, with those that were found to open nearly so before a "
        "release had given their part out."
    )
