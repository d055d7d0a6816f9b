"""`spans`: the labels above the responses, and the marks on each response at the foot of its card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from labeling.questions import Config
from labeling.views.questions.base import FOLDER, SCRIPTS, Keys, Part


def _read(question: Config, posted: QueryDict, keys: Keys) -> dict[str, Any] | None:
    """Each response's marks, from its hidden field. What is no JSON stays as it is, to be complained about: marks must
    never be lost without a word."""
    answer: dict[str, Any] = {}
    for key in keys:
        sent = posted.get(f"q.{question['name']}.{key}")
        if sent is None:
            continue
        try:
            answer[key] = json.loads(sent) if sent.strip() else []
        except (ValueError, RecursionError):
            answer[key] = sent
    return answer or None


def _usable(question: Config, mark: Any) -> dict[str, Any] | None:
    """A mark that the page can show, or None."""
    if not isinstance(mark, Mapping):
        return None
    start, end, label, comment = (mark.get(part) for part in ("start", "end", "label", "comment"))
    if isinstance(start, bool) or isinstance(end, bool) or not isinstance(start, int) or not isinstance(end, int):
        return None
    if not 0 <= start < end:
        return None
    if label not in question["labels"]:
        return None
    found = {"start": start, "end": end, "label": label}
    if isinstance(comment, str) and comment:
        # Half of a character is refused when it is submitted, but could not even be shown.
        found["comment"] = comment.encode("utf-8", "replace").decode()
    return found


def _prepare(question: Config, answer: Any, keys: Keys) -> dict[str, Any]:
    """`fields`: the marks of each response as its hidden field has them."""
    said = answer if isinstance(answer, Mapping) else {}
    fields = {}
    for key in keys:
        marks = said.get(key)
        usable = [_usable(question, mark) for mark in marks] if isinstance(marks, list) else []
        fields[key] = json.dumps([mark for mark in usable if mark], ensure_ascii=False)
    return {"fields": fields}


SPANS = Part(
    _read,
    _prepare,
    f"{FOLDER}/spans.html",
    f"{SCRIPTS}/spans.js",
    place="above",
    foot=f"{FOLDER}/spans_foot.html",
    raw_first=True,
)
