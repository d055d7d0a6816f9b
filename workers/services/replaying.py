"""Making a candidate again from what is written down of it, to see whether the same comes out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from labeling.models import Candidate, CandidateOrigin
from workers.backends import BACKENDS
from workers.backends.base import Failure, Request, Sampling
from workers.services.generator_settings import config_of
from workers.services.requests import messages_for

# What one completion alone has, or what says nothing about how it came to be.
_OF_THE_ROW = {
    "hygiene",
    "dropped_before",
    "cost",
    "options",
    "system",
    "request_id",
    "tries",
    "usage",
    "sampling",
    "seed",
}
_SHOWN = 120


class CannotReplay(Exception):
    """Nothing can be made again, for a reason that the text says."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was."""

    what: str
    then: str
    now: str


@dataclass(frozen=True)
class Replay:
    """What came out: the text, whether it is that of the candidate, and everything that is not as it was."""

    text: str
    same: bool
    differences: tuple[Difference, ...]


def replay(candidate: Candidate) -> Replay:
    """Makes a generated candidate again, alone, with the settings that stand in it.

    Raises CannotReplay, or GeneratorError where the model is not to be had any more. Nothing is stored.
    """
    if candidate.origin != CandidateOrigin.GENERATED or candidate.seed is None:
        raise CannotReplay("it was not generated here.")
    backend = BACKENDS.get(candidate.backend)
    if backend is None:
        raise CannotReplay(f"there is no backend “{candidate.backend}” in this version.")
    known: dict[str, Any] = candidate.provenance
    # A hub model's commit stands in the candidate; what other backends say of a revision is found out, not asked for.
    revision = candidate.revision if "/" in candidate.model and not candidate.model.startswith(("/", ".", "~")) else ""
    config = config_of(candidate.backend, candidate.model, revision, known.get("options", {}))
    model = backend.load(config)
    try:
        request = Request(
            id=str(candidate.pk),
            messages=messages_for(candidate.prompt, system=known.get("system", "")),  # type: ignore[arg-type]
            sampling=Sampling.parse(candidate.sampling),
            seed=candidate.seed,
            tools=candidate.prompt.tool_list,
        )
        outcome = model.generate([request])[0]
    finally:
        model.close()
    if isinstance(outcome, Failure):
        raise CannotReplay(outcome.error)
    now = dict(outcome.provenance) | {
        "finish_reason": outcome.finish_reason,
        "prompt_tokens": outcome.prompt_tokens,
        "completion_tokens": outcome.completion_tokens,
    }
    then = known | {
        "finish_reason": candidate.finish_reason,
        "prompt_tokens": candidate.prompt_tokens,
        "completion_tokens": candidate.completion_tokens,
    }
    differences = [
        Difference(name, _shown(then[name]), _shown(now.get(name)))
        for name in then
        if name not in _OF_THE_ROW and name in now and then[name] != now[name]
    ]
    text = outcome.text.strip()
    if text != candidate.text:
        differences.append(_of_texts(candidate.text, text))
    return Replay(text, text == candidate.text, tuple(differences))


def _of_texts(then: str, now: str) -> Difference:
    """Where two texts part, with what comes after it."""
    pairs = zip(then, now, strict=False)
    at = next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(then), len(now)))
    ends = [f"…{text[at : at + _SHOWN]!r}" if at < len(text) else "at its end" for text in (then, now)]
    return Difference(f"the text from character {at + 1} on", *ends)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
