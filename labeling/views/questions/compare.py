"""`compare`: a scale from one response to the other in the dock, and the verdict in the heads of both cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from labeling.questions import Config
from labeling.views.questions.base import FOLDER, SCRIPTS, Keys, Part

NEITHER = "Neither is better"
BOTH_BAD = "Neither is good"


@dataclass(frozen=True)
class Step:
    """One place on the scale. `key` is that of the better response, empty for the tie in the middle."""

    label: str
    key: str = ""
    strength: int = 0

    @property
    def value(self) -> str:
        """What the form sends."""
        return f"{self.key}:{self.strength}" if self.key else "tie"

    @property
    def letter(self) -> str:
        """The better response as its card calls it."""
        return self.key.upper()

    @property
    def dots(self) -> range:
        """The strength, to be drawn where there is no room for its words."""
        return range(self.strength)


def _scale(question: Config, keys: Keys) -> list[Step]:
    """The scale from left to right: the first response much better … the second one much better."""
    if len(keys) != 2:
        return []
    degrees = list(enumerate(question["strengths"], start=1))
    left, right = ([Step(label, key, strength) for strength, label in degrees] for key in keys)
    return [*reversed(left), *([Step(NEITHER)] if question["ties"] else []), *right]


def _read(question: Config, posted: QueryDict, keys: Keys) -> dict[str, Any] | None:
    name = f"q.{question['name']}"
    chosen = next((step for step in _scale(question, keys) if step.value == posted.get(name)), None)
    both_bad = {"both_bad": True} if question["both_bad"] and f"{name}.both_bad" in posted else {}
    if chosen is None:
        return {"preferred": None, **both_bad} if both_bad else None
    if not chosen.key:
        return {"preferred": None, **both_bad}
    return {"preferred": chosen.key, "strength": chosen.strength, **both_bad}


def _prepare(question: Config, answer: Any, keys: Keys) -> dict[str, Any]:
    """The scale, the value of the step that was chosen, and what each card says of its response."""
    scale = _scale(question, keys)
    said = answer if isinstance(answer, Mapping) else {}
    chosen = None
    if "preferred" in said:
        preferred, strength = said["preferred"], said.get("strength") or 0
        chosen = next((step for step in scale if (step.key or None) == preferred and step.strength == strength), None)
    both_bad = bool(question["both_bad"]) and said.get("both_bad") is True
    return {
        "scale": scale,
        "chosen": chosen.value if chosen else "",
        "both_bad": both_bad,
        "words": {"both_bad": BOTH_BAD},
        "verdicts": {
            key: " · ".join(
                [*([chosen.label] if chosen and chosen.key in ("", key) else []), *([BOTH_BAD] if both_bad else [])]
            )
            for key in keys
        },
    }


COMPARE = Part(
    _read,
    _prepare,
    f"{FOLDER}/compare.html",
    f"{SCRIPTS}/compare.js",
    place="above",
    card=f"{FOLDER}/compare_card.html",
    dock=f"{FOLDER}/compare_dock.html",
)
