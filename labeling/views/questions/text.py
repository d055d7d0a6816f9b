"""`write` and `comment`: a field for text below the responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from labeling.questions import Config
from labeling.views.questions.base import FOLDER, SCRIPTS, Keys, Part


def posted_text(posted: QueryDict, name: str) -> str | None:
    """The text of a field. A form sends every line break as CR LF; what was typed had LF."""
    text = posted.get(name)
    return None if text is None else text.replace("\r\n", "\n")


def _read(question: Config, posted: QueryDict, keys: Keys) -> dict[str, str] | None:
    text = posted_text(posted, f"q.{question['name']}")
    return None if text is None else {"text": text}


def _prepare(question: Config, answer: Any, keys: Keys) -> dict[str, Any]:
    text = answer.get("text") if isinstance(answer, Mapping) else ""
    return {"text": text if isinstance(text, str) else ""}


WRITE = Part(_read, _prepare, f"{FOLDER}/write.html", f"{SCRIPTS}/write.js")
WRITE_PROMPT = Part(
    _read,
    _prepare,
    f"{FOLDER}/write.html",
    f"{SCRIPTS}/write.js",
    prompt_note="Only to start from: do not answer it, write another one.",
)
COMMENT = Part(_read, _prepare, f"{FOLDER}/comment.html", f"{SCRIPTS}/comment.js")
