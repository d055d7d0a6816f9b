"""Answers to the platform's own slots, with candidates named by their texts."""

from __future__ import annotations

from typing import Any

from labeling.models import Annotation, Queue, User
from labeling.selectors import slots as slot_reads
from labeling.services import slots
from tests import make


def answered(of: Queue, by: User, **answers: Any) -> Annotation:
    """The person takes the next slot and submits these answers: every candidate's text in them becomes its key."""
    slot = slots.take_next(of, by=by)
    assert slot is not None
    keys = {candidate.text: candidate.key for candidate in slot_reads.candidates(slot)}
    return make.answered(slot, by, {name: _with_keys(answer, keys) for name, answer in answers.items()})


def _with_keys(answer: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    """The answer with keys in the places where candidates stand: never in a text that somebody wrote."""
    named = {
        name: keys.get(value, value) if name in ("preferred", "candidate") else value for name, value in answer.items()
    }
    return {keys.get(name, name): value for name, value in named.items()}
