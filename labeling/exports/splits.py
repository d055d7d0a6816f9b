"""Which split each prompt belongs to, by a hash of its group or by its tags. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from labeling.exports.policies import Policies, Split, SplitBy, group_of, split_of
from labeling.exports.records import Prompt
from labeling.exports.removed import Removed

# The tags that decide, and which of them wins where a group has several: what is held out stays held out.
HELD_OUT = (Split.TEST, Split.VALIDATION)


_GROUP_BYTES = 16
_LETTERS = {Split.TEST: b"t", Split.VALIDATION: b"v"}


def held_out_by(tagged: Iterable[Prompt]) -> dict[bytes, Split]:
    """The groups that tags hold out of training, each with the part that it goes into: 16 bytes of memory for each."""
    found: dict[bytes, Split] = {}
    for prompt in tagged:
        for split in HELD_OUT:
            if split in tags_of(prompt):
                group = group_of(prompt)
                if found.get(group) is not Split.TEST:
                    found[group] = split
    return found


def to_bytes(held_out: Mapping[bytes, Split]) -> bytes:
    """The same for a file: a hash of the rest, then each group with the letter of its part, in order."""
    kept = b"".join(group + _LETTERS[held_out[group]] for group in sorted(held_out))
    return hashlib.sha256(kept).digest() + kept


def of_bytes(data: bytes) -> dict[bytes, Split] | None:
    """What `to_bytes` was given; None where this is not all that it wrote."""
    begin, size = hashlib.sha256().digest_size, _GROUP_BYTES + 1
    if hashlib.sha256(data[begin:]).digest() != data[:begin]:
        return None
    parts = {letter: split for split, letter in _LETTERS.items()}
    records = (data[at : at + size] for at in range(begin, len(data), size))
    return {record[:_GROUP_BYTES]: parts[record[_GROUP_BYTES:]] for record in records}


class Splits:
    """Says of every prompt whether it is in the split that is asked for.

    By tag a group is held out as soon as one of its prompts is tagged so (`held_out`): the untagged ones follow, and
    those with another tag are left out of every split and counted.
    """

    def __init__(self, policies: Policies, removed: Removed, held_out: Mapping[bytes, Split] | None = None) -> None:
        self._policies = policies
        self._removed = removed
        self._conflicts: set[int] = set()
        self._groups = held_out or {}

    def wants(self, prompt: Prompt) -> bool:
        """Whether the prompt is asked for: all are where no split is."""
        wanted = self._policies.split
        return wanted is None or self.of(prompt) is wanted

    def of(self, prompt: Prompt) -> Split | None:
        """The split of a prompt; None for one that is in none, because its tags contradict its group or one another."""
        split = self._of_group(group_of(prompt))
        if self._policies.split_by is SplitBy.TAG and tags_of(prompt) - {split}:
            if prompt.id not in self._conflicts:
                self._conflicts.add(prompt.id)
                self._removed.add("split_conflict")
            return None
        return split

    def is_apart(self, prompt: Prompt) -> bool:
        """Whether the prompt is in another split than what it is nearly the same as."""
        return bool(prompt.near) and self._of_group(prompt.near) is not self._of_group(group_of(prompt))

    def _of_group(self, group: bytes) -> Split:
        if self._policies.split_by is SplitBy.HASH:
            return split_of(group, self._policies.ratios)
        return self._groups.get(group, Split.TRAIN)


def tags_of(prompt: Prompt) -> set[Split]:
    """The splits that a prompt is tagged with."""
    return {Split(tag) for tag in json.loads(prompt.tags) if tag in set(Split)}
