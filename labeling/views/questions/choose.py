"""`choose`: options at the foot of every card, or in the question's panel where it is about the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from labeling.questions import Config
from labeling.views.questions.base import FOLDER, SCRIPTS, Keys, Part, asked_about, field_name

_ROOM = 48  # characters of options that stand in two rows on a card; more are folded away


def _read(question: Config, posted: QueryDict, keys: Keys) -> dict[str, list[str]] | None:
    chosen: dict[str, list[str]] = {}
    for key in asked_about(question, keys):
        sent = posted.getlist(field_name(question, key))
        found = [option for option in question["options"] if option in sent]
        if found:
            chosen[key] = found if question["multiple"] else found[:1]
    return chosen or None


def _prepare(question: Config, answer: Any, keys: Keys) -> dict[str, Any]:
    """`chosen`: the options chosen for each key. `folded`: there are too many to stand open on every card."""
    said = answer if isinstance(answer, Mapping) else {}
    chosen: dict[str, list[str]] = {}
    for key in asked_about(question, keys):
        options = said.get(key)
        if isinstance(options, list):
            found = [option for option in question["options"] if option in options]
            chosen[key] = found if question["multiple"] else found[:1]
    return {
        "chosen": chosen,
        "folded": len(question["options"]) > 6 or sum(map(len, question["options"])) > _ROOM,
    }


CHOOSE = Part(
    _read,
    _prepare,
    f"{FOLDER}/choose.html",
    f"{SCRIPTS}/choose.js",
    place="above",
    foot=f"{FOLDER}/choose_foot.html",
)
CHOOSE_TASK = Part(_read, _prepare, f"{FOLDER}/choose.html", f"{SCRIPTS}/choose.js")
