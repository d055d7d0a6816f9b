"""Which answers to a prompt may become rows by what reviewers said of them. Pure functions."""

from __future__ import annotations

from dataclasses import replace

from labeling.exports.policies import Policies, Reviewed
from labeling.exports.records import Annotation, Example
from labeling.exports.removed import Removed


def reviewed(example: Example, policies: Policies, removed: Removed) -> Example:
    """The example with the answers that the policy `reviewed` takes: what every format sees that does not show all.

    Of a seat whose newest version does not fit, the newest one that does counts as the latest; but where the newest
    was not chosen in the first place, no other one takes its place. What is left out is counted, unless a newer
    version that fits has taken its place anyway.
    """
    asked = policies.reviewed
    if all(_fits(one, asked) for one in example.annotations):
        return example
    newest: dict[int, Annotation] = {}
    for one in example.annotations:
        if _fits(one, asked) and (one.slot_id not in newest or newest[one.slot_id].version < one.version):
            newest[one.slot_id] = one
    whole = {one.slot_id for one in example.annotations if one.latest}
    kept = []
    for one in example.annotations:
        best = newest.get(one.slot_id)
        if _fits(one, asked):
            kept.append(replace(one, latest=one is best and one.slot_id in whole))
        elif best is None or best.version < one.version:
            removed.add("rejected" if one.verdict == "rejected" else "not_accepted")
    return replace(example, annotations=tuple(kept))


def _fits(annotation: Annotation, asked: Reviewed) -> bool:
    match asked:
        case Reviewed.ANY:
            return True
        case Reviewed.NOT_REJECTED:
            return annotation.verdict != "rejected"
        case Reviewed.ACCEPTED:
            return annotation.verdict == "accepted"
