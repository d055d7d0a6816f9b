"""Which answers to a prompt may become rows by what reviewers said of them. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from labeling.exports.policies import Policies, Reviewed
from labeling.exports.records import Annotation, Example
from labeling.exports.removed import Removed


def reviewed(example: Example, policies: Policies, removed: Removed) -> Example:
    """The example with the answers that the policy `reviewed` takes: what every format sees that does not show all.

    Where the newest version of an answer does not fit, the last one that a reviewer accepted stands in its place: one
    that nobody vouches for does not come back. Each answer whose newest version is left out is counted once. Where the
    newest version was not chosen in the first place, the answer is in no row anyway, and stays as it is.
    """
    asked = policies.reviewed
    for one in example.annotations:  # a plain loop: every prompt of an export comes through here
        if not _fits(one, asked):
            break
    else:
        return example
    seats: dict[int, list[Annotation]] = {}
    for one in example.annotations:
        seats.setdefault(one.slot_id, []).append(one)
    kept = [one for versions in seats.values() for one in _standing(versions, asked, removed)]
    return replace(example, annotations=tuple(sorted(kept, key=attrgetter("id"))))


def _standing(versions: Sequence[Annotation], asked: Reviewed, removed: Removed) -> Sequence[Annotation]:
    """Of the versions of one answer the one that stands, if there is one."""
    *older, newest = sorted(versions, key=attrgetter("version"))
    if not newest.latest or _fits(newest, asked):
        return versions
    removed.add("rejected" if newest.verdict == "rejected" else "not_accepted")
    accepted = [one for one in older if one.verdict == "accepted"]
    return [accepted[-1].as_latest()] if accepted else ()


def _fits(annotation: Annotation, asked: Reviewed) -> bool:
    if asked is Reviewed.NOT_REJECTED:
        return annotation.verdict != "rejected"
    return asked is Reviewed.ANY or annotation.verdict == "accepted"
