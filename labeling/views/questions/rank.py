"""`rank`: a place on every card, and the order so far in the dock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from labeling.questions import Config
from labeling.questions.rank import places
from labeling.text import typed_number
from labeling.views.questions.base import FOLDER, SCRIPTS, Keys, Part


def _read(question: Config, posted: QueryDict, keys: Keys) -> dict[str, Any] | None:
    """`groups` best first, and `places` as they were chosen, gaps and all, to be shown again. None: nothing was placed.

    A response without a place is left out of both.
    """
    chosen: dict[str, int] = {}
    for key in keys:
        number = typed_number(posted.get(f"q.{question['name']}.{key}", ""), digits=3)
        if number is not None and 1 <= number <= len(keys):
            chosen[key] = number
    if not chosen:
        return None
    answer: dict[str, Any] = {
        "groups": [[key for key in keys if chosen.get(key) == place] for place in sorted(set(chosen.values()))],
        "places": chosen,
    }
    line = typed_number(posted.get(f"q.{question['name']}.acceptable", ""), digits=3)
    if question["acceptable"] and line is not None:
        answer["acceptable"] = line
    return answer


def _prepare(question: Config, answer: Any, keys: Keys) -> dict[str, Any]:
    """Each key's place, 1 for the best. A draft may say the places themselves, where some are still free."""
    chosen: dict[str, int] = {}
    if isinstance(answer, Mapping):
        said = answer.get("places")
        if not isinstance(said, Mapping):
            groups = answer.get("groups")
            usable = isinstance(groups, list) and all(
                isinstance(group, list) and all(isinstance(key, str) for key in group) for group in groups
            )
            said = {key: place + 1 for key, place in places(answer).items()} if usable else {}
        chosen = {
            key: place
            for key, place in said.items()
            if key in keys and isinstance(place, int) and 1 <= place <= len(keys)
        }
    line = answer.get("acceptable") if isinstance(answer, Mapping) else None
    return {
        "places": chosen,
        "numbers": range(1, len(keys) + 1),
        "acceptable": line if isinstance(line, int) else None,
    }


def _final(answer: dict[str, Any]) -> dict[str, Any]:
    return {part: value for part, value in answer.items() if part != "places"}


RANK = Part(
    _read,
    _prepare,
    f"{FOLDER}/rank.html",
    f"{SCRIPTS}/rank.js",
    place="above",
    card=f"{FOLDER}/rank_card.html",
    dock=f"{FOLDER}/rank_dock.html",
    final=_final,
)
