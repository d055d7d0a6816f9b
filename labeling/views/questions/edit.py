"""`edit`: the choice of the response to start from, and the field for its better version, below the responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from labeling.questions import Config
from labeling.views.questions.base import FOLDER, SCRIPTS, Keys, Part
from labeling.views.questions.text import posted_text


def _read(question: Config, posted: QueryDict, keys: Keys) -> dict[str, str] | None:
    """None: nothing was chosen and nothing typed."""
    chosen = posted.get(f"q.{question['name']}.candidate", "")
    text = posted_text(posted, f"q.{question['name']}") or ""
    chosen = chosen if chosen in keys else ""
    return {"candidate": chosen, "text": text} if chosen or text else None


def _prepare(question: Config, answer: Any, keys: Keys) -> dict[str, Any]:
    """`kept`: texts, by response, that were typed and then left to start from another one. Drafts alone have them."""
    said = answer if isinstance(answer, Mapping) else {}
    chosen, text, kept = said.get("candidate"), said.get("text"), said.get("kept")
    return {
        "candidate": chosen if isinstance(chosen, str) and chosen in keys else "",
        "text": text if isinstance(text, str) else "",
        "kept": {key: typed for key, typed in kept.items() if key in ("", *keys) and isinstance(typed, str)}
        if isinstance(kept, Mapping)
        else {},
    }


def _final(answer: dict[str, Any]) -> dict[str, Any]:
    return {part: value for part, value in answer.items() if part != "kept"}


EDIT = Part(
    _read,
    _prepare,
    f"{FOLDER}/edit.html",
    f"{SCRIPTS}/edit.js",
    card=f"{FOLDER}/edit_card.html",
    final=_final,
)
