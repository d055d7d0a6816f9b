"""One line of prompts, whatever kind of file it came from, and the rules that every line keeps."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labeling.text import canonical_json, sha256, unfit_text

MAX_TEXT = 1_000_000  # characters of one message, document or candidate
MAX_CANDIDATES = 100
MAX_DEPTH = 50
ROLES = ("system", "developer", "user", "assistant", "tool")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_FIELDS = frozenset({
    "prompt", "messages", "external_id", "system", "context", "batch", "priority", "tags", "language", "metadata",
    "candidates", "gold",
})  # fmt: skip


class LineError(ValueError):
    """Why a line cannot be used, in words for whoever sent it."""


@dataclass(frozen=True)
class Rejected:
    """A line that was left out. `line` counts from 1."""

    line: int
    message: str


@dataclass(frozen=True)
class PromptLine:
    """A line that can be stored. `line` is where it stood in its file, from 1."""

    line: int
    messages: list[dict[str, Any]]
    external_id: str = ""
    context: list[dict[str, str]] = field(default_factory=list)
    batch: str = ""
    priority: int = 0
    tags: list[str] = field(default_factory=list)
    language: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    candidates: list[dict[str, str]] = field(default_factory=list)
    gold: dict[str, Any] = field(default_factory=dict)

    @property
    def content_hash(self) -> str:
        """What a response answers: the messages and the context documents."""
        return sha256(canonical_json([self.messages, self.context]))

    @property
    def key(self) -> str:
        """What makes it the same prompt when it is sent again."""
        return f"id:{self.external_id}" if self.external_id else f"sha256:{self.content_hash}"

    @property
    def line_hash(self) -> str:
        """Everything that the line sets."""
        return sha256(
            canonical_json(
                [
                    self.messages,
                    self.context,
                    self.batch,
                    self.priority,
                    self.tags,
                    self.language,
                    self.metadata,
                    self.candidates,
                    self.gold,
                ]
            )
        )


def _text(value: Any, what: str, *, limit: int = MAX_TEXT, blank: bool = False) -> str:
    if not isinstance(value, str):
        raise LineError(f"{what} must be text.")
    if not blank and not value.strip():
        raise LineError(f"{what} is empty.")
    if len(value) > limit:
        raise LineError(f"{what} has {len(value):,} characters; at most {limit:,} fit.")
    problem = unfit_text(value)
    if problem:
        raise LineError(f"{what} {problem}")
    return value


def _storable(value: Any, what: str, depth: int = 0) -> None:
    """Free-form JSON goes into the database as it is, so every text in it must be one that fits there."""
    if depth > MAX_DEPTH:
        raise LineError(f"{what} is nested more than {MAX_DEPTH} deep.")
    if isinstance(value, str):
        problem = unfit_text(value)
        if problem:
            raise LineError(f"A text in {what} {problem}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _storable(key, what, depth + 1)
            _storable(item, what, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _storable(item, what, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):  # 1e999 is well-formed JSON, and reads as infinity
        raise LineError(f"A number in {what} is too large, or is no number.")


def _messages(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    if ("prompt" in raw) == ("messages" in raw):
        raise LineError("Give either “prompt” or “messages”.")
    if "prompt" in raw:
        messages = [{"role": "user", "content": _text(raw["prompt"], "“prompt”")}]
    else:
        if not isinstance(raw["messages"], list) or not raw["messages"]:
            raise LineError("“messages” must be a list of messages.")
        messages = [_message(item, number) for number, item in enumerate(raw["messages"])]
        if messages[-1]["role"] not in ("user", "tool"):
            raise LineError("The last message must be the user's (or a tool's): it is what a response answers.")
    system = raw.get("system")
    if system is not None:
        if messages[0]["role"] in ("system", "developer"):
            raise LineError("There is a system message in “messages” and a “system” beside it. Keep one.")
        messages.insert(0, {"role": "system", "content": _text(system, "“system”")})
    _check_turns(messages)
    return messages


def _check_turns(messages: list[dict[str, Any]]) -> None:
    """A conversation that every chat template can render: system first only, then user and assistant in turns."""
    for number, message in enumerate(messages):
        if message["role"] in ("system", "developer") and number > 0:
            raise LineError(f"messages[{number}] is a {message['role']} message; it may only come first.")
    turns = [m["role"] for m in messages if m["role"] not in ("system", "developer")]
    for before, after in itertools.pairwise(turns):
        if before == after and after in ("user", "assistant"):
            raise LineError(f"Two {after} messages stand in a row; turns must alternate.")
        if after == "tool" and before not in ("assistant", "tool"):
            raise LineError("A tool message must follow an assistant message.")
    if turns[0] != "user":
        raise LineError("The conversation must open with a user message.")


def _message(item: Any, number: int) -> dict[str, Any]:
    where = f"messages[{number}]"
    if not isinstance(item, Mapping) or item.get("role") not in ROLES:
        raise LineError(f"{where} needs a “role”: one of {', '.join(ROLES)}.")
    content = item.get("content")
    if isinstance(content, list) and content:
        # Parts of text are joined: a file in which some contents are lists and some are strings changes types.
        if not all(isinstance(p, Mapping) and p.get("type") == "text" for p in content):
            raise LineError(f"{where} has a part that is not text.")
        content = "".join(_text(p.get("text"), f"A part of {where}", blank=True) for p in content)
    message: dict[str, Any] = {"role": item["role"]}
    calls = item.get("tool_calls")
    if calls is not None:
        if item["role"] != "assistant" or not isinstance(calls, list) or not calls:
            raise LineError(f"{where}: “tool_calls” is a list and belongs to an assistant message.")
        _storable(calls, where)
        message["content"] = _text("" if content is None else content, f"{where}.content", blank=True)
        message["tool_calls"] = calls
    else:
        message["content"] = _text(content, f"{where}.content")
    for name in ("name", "tool_call_id"):
        if item.get(name) is not None:
            message[name] = _text(item[name], f"{where}.{name}", limit=256)
    unknown = sorted(set(item) - {"role", "content", "tool_calls", "name", "tool_call_id"})
    if unknown:
        raise LineError(f"{where} has “{unknown[0]}”, which a message does not have.")
    return message


def _context(raw: Any) -> list[dict[str, str]]:
    if not isinstance(raw, list):
        raise LineError("“context” must be a list of documents.")
    documents = []
    for number, item in enumerate(raw):
        where = f"context[{number}]"
        if not isinstance(item, Mapping) or not set(item) <= {"id", "title", "text", "url"}:
            raise LineError(f"{where} must be an object of text and, if you like, id, title and url.")
        document = {"text": _text(item.get("text"), f"{where}.text")}
        for name in ("id", "title", "url"):
            if item.get(name) is not None:
                document[name] = _text(item[name], f"{where}.{name}", limit=2000, blank=True)
        if document.get("url") and not document["url"].startswith(("https://", "http://")):
            raise LineError(f"{where}.url must begin with https:// or http://.")
        documents.append(document)
    return documents


def _candidates(raw: Any) -> list[dict[str, str]]:
    if not isinstance(raw, list) or len(raw) > MAX_CANDIDATES:
        raise LineError(f"“candidates” must be a list of at most {MAX_CANDIDATES} responses.")
    found = []
    for number, item in enumerate(raw):
        where = f"candidates[{number}]"
        if not isinstance(item, Mapping) or not set(item) <= {"text", "model"}:
            raise LineError(f"{where} must be an object of text and, if you like, model.")
        model = item.get("model")
        found.append(
            {
                "text": _text(item.get("text"), f"{where}.text"),
                "model": _text(model, f"{where}.model", limit=300, blank=True) if model is not None else "",
            }
        )
    return found


def _tags(raw: Any) -> list[str]:
    if not isinstance(raw, list) or len(raw) > 100:
        raise LineError("“tags” must be a list of at most 100 texts.")
    return list(dict.fromkeys(_text(tag, "A tag", limit=100) for tag in raw))


def _object(raw: Any, name: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise LineError(f"“{name}” must be an object.")
    _storable(raw, f"“{name}”")
    return raw


def parse(raw: Any, line: int) -> PromptLine:
    """A prompt line of the contract, checked. Raises LineError with the first mistake."""
    if not isinstance(raw, Mapping):
        raise LineError("A line must be a JSON object.")
    unknown = sorted(set(raw) - _FIELDS)
    if unknown:
        raise LineError(f"“{unknown[0]}” is not a field of a prompt line. Put your own fields under “metadata”.")
    given = {name: value for name, value in raw.items() if value is not None}
    external_id = given.get("external_id", "")
    if isinstance(external_id, int) and not isinstance(external_id, bool):
        external_id = str(external_id)
    priority = given.get("priority", 0)
    if isinstance(priority, bool) or not isinstance(priority, int) or not -1_000_000 <= priority <= 1_000_000:
        raise LineError("“priority” must be a whole number from -1,000,000 to 1,000,000.")
    language = _text(given.get("language", ""), "“language”", limit=35, blank=True)
    if language and not _LANGUAGE.fullmatch(language):
        raise LineError("“language” must be a tag such as en or pt-BR.")
    return PromptLine(
        line=line,
        messages=_messages(given),
        external_id=_text(external_id, "“external_id”", limit=256, blank=True),
        context=_context(given.get("context", [])),
        batch=_text(given.get("batch", ""), "“batch”", limit=100, blank=True),
        priority=priority,
        tags=_tags(given.get("tags", [])),
        language=language,
        metadata=_object(given.get("metadata", {}), "metadata"),
        candidates=_candidates(given.get("candidates", [])),
        gold=_object(given.get("gold", {}), "gold"),
    )
