"""One line of prompts, whatever kind of file it came from, and the rules that every line keeps."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import Any, BinaryIO, Generic, NamedTuple, TypeVar, overload

from labeling.importing.texts import LineError
from labeling.importing.texts import storable as _storable
from labeling.importing.texts import text as _text
from labeling.importing.tools import call as _call
from labeling.importing.tools import read as _tools
from labeling.text import canonical_json, sha256

MAX_CANDIDATES = 100
ROLES = ("system", "developer", "user", "assistant", "tool")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_FIRST_ROLES = frozenset({"system", "developer"})
_SENT = 64 * 1024  # bytes of a line that was left out


@dataclass(frozen=True)
class Rejected:
    """A line that was left out, or a part of one. `line` counts from 1; `text` is the line itself, where that is of use
    to whoever mends it."""

    line: int
    message: str
    text: str = field(default="", repr=False)


def as_sent(raw: bytes) -> str:
    """A line as it was sent, or the beginning of a long one. Bytes that are no UTF-8 stay what they are, as halves of
    characters."""
    return raw[:_SENT].decode("utf-8", "surrogateescape")


_Owner = TypeVar("_Owner")
_Value = TypeVar("_Value")


class Kept(Generic[_Owner, _Value]):
    """A property that is worked out once. functools.cached_property takes a lock for it in Python 3.11."""

    def __init__(self, work_out: Callable[[_Owner], _Value]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    @overload
    def __get__(self, owner: None, kind: type[_Owner]) -> Kept[_Owner, _Value]: ...
    @overload
    def __get__(self, owner: _Owner, kind: type[_Owner]) -> _Value: ...
    def __get__(self, owner: _Owner | None, kind: type[_Owner]) -> Kept[_Owner, _Value] | _Value:
        if owner is None:
            return self
        value = owner.__dict__[self._name] = self._work_out(owner)
        return value


class Canonical(NamedTuple):
    """Parts of a line as canonical JSON: what its hashes are made of, ready to be stored."""

    messages: str
    context: str
    metadata: str
    gold: str
    tools: str


# Not frozen: that would cost more than reading the JSON of a short line does. Nobody changes one.
@dataclass
class PromptLine:
    """A line that can be stored. `line` is where it stood in its file, from 1: a line of text, or a row of a table."""

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
    tools: list[dict[str, Any]] = field(default_factory=list)

    @Kept
    def canonical(self) -> Canonical:
        """What is JSON of it, put so that the same is always written alike."""
        return Canonical(
            "[" + ",".join(map(_message_json, self.messages)) + "]",
            canonical_json(self.context) if self.context else "[]",
            canonical_json(self.metadata) if self.metadata else "{}",
            canonical_json(self.gold) if self.gold else "{}",
            canonical_json(self.tools) if self.tools else "",
        )

    @Kept
    def content_hash(self) -> str:
        """What a response answers: the messages, the context documents, and the tools that could be called."""
        messages, context, _, _, tools = self.canonical
        # Lines without tools had this hash before there were any.
        return sha256(f"[{messages},{context},{tools}]" if tools else f"[{messages},{context}]")

    @Kept
    def key(self) -> str:
        """What makes it the same prompt when it is sent again."""
        return f"id:{self.external_id}" if self.external_id else f"sha256:{self.content_hash}"

    @Kept
    def line_hash(self) -> str:
        """Everything that the line sets, in the order of the fields but for `external_id`."""
        messages, context, metadata, gold, called = self.canonical
        tags = ",".join(map(encode_basestring, self.tags))
        candidates = ",".join(map(_candidate_json, self.candidates))
        return sha256(
            f"[{messages},{context},{encode_basestring(self.batch)},{self.priority},[{tags}],"
            f"{encode_basestring(self.language)},{metadata},[{candidates}],{gold}" + (f",{called}]" if called else "]")
        )


# Canonical JSON of objects whose keys are known, put together here because that is several times as fast. Hashes of
# rows that are stored rest on it: it must be what `canonical_json` makes.
def _message_json(message: Mapping[str, Any]) -> str:
    if len(message) == 2:
        return f'{{"content":{encode_basestring(message["content"])},"role":"{message["role"]}"}}'
    return canonical_json(message)


def _candidate_json(candidate: Mapping[str, str]) -> str:
    return f'{{"model":{encode_basestring(candidate["model"])},"text":{encode_basestring(candidate["text"])}}}'


Reader = Callable[[BinaryIO], Iterator[PromptLine | Rejected]]


@dataclass(frozen=True)
class Source:
    """A kind of file that prompts can be read from.

    `read` gives every line of a stream of bytes, from its first byte to its last, as a prompt line or with the reason
    why it cannot be one. Whatever the bytes are, it raises nothing, keeps no more of them in memory than a few lines,
    and its line numbers never fall. `media_types` are what a request's body of this kind may call itself.
    """

    title: str
    read: Reader
    media_types: tuple[str, ...]

    def __call__(self, stream: BinaryIO) -> Iterator[PromptLine | Rejected]:
        return self.read(stream)


def parse(raw: Any, line: int) -> PromptLine:
    """A prompt line of the contract, checked. Raises LineError with the first mistake."""
    if not isinstance(raw, dict):
        raise LineError("A line must be a JSON object.")
    if not _FIELDS.issuperset(raw):
        unknown = min(set(raw) - _FIELDS)
        raise LineError(f"“{unknown}” is not a field of a prompt line. Put your own fields under “metadata”.")
    if None in raw.values():
        raw = {name: value for name, value in raw.items() if value is not None}
    return PromptLine(
        line=line,
        messages=_messages(raw),
        **{name: _READ[name](value) for name, value in raw.items() if name not in _CONVERSATION},
    )


def _messages(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    if ("prompt" in raw) == ("messages" in raw):
        raise LineError("Give either “prompt” or “messages”.")
    if "prompt" in raw:
        messages = [{"role": "user", "content": _text(raw["prompt"], "“prompt”")}]
        if "system" not in raw:
            return messages
    else:
        if not isinstance(raw["messages"], list) or not raw["messages"]:
            raise LineError("“messages” must be a list of messages.")
        messages = [_message(item, number) for number, item in enumerate(raw["messages"])]
        if messages[-1]["role"] not in ("user", "tool"):
            raise LineError("The last message must be the user's (or a tool's): it is what a response answers.")
    system = raw.get("system")
    if system is not None:
        if messages[0]["role"] in _FIRST_ROLES:
            raise LineError("There is a system message in “messages” and a “system” beside it. Keep one.")
        messages.insert(0, {"role": "system", "content": _text(system, "“system”")})
    _check_turns(messages)
    return messages


def _check_turns(messages: list[dict[str, Any]]) -> None:
    """A conversation that every chat template can render: system first only, then user and assistant in turns."""
    turns = [message["role"] for message in messages]
    if turns[0] in _FIRST_ROLES:
        del turns[0]
    if not _FIRST_ROLES.isdisjoint(turns):
        number, role = next((n, m["role"]) for n, m in enumerate(messages) if n and m["role"] in _FIRST_ROLES)
        raise LineError(f"messages[{number}] is a {role} message; it may only come first.")
    for before, after in itertools.pairwise(turns):
        if before == after and after in ("user", "assistant"):
            raise LineError(f"Two {after} messages stand in a row; turns must alternate.")
    for number, (earlier, message) in enumerate(itertools.pairwise(messages), 1):
        if message["role"] == "tool" and earlier["role"] != "tool" and "tool_calls" not in earlier:
            raise LineError(
                f"messages[{number}] is a tool message; it must follow an assistant message with “tool_calls”, or "
                "another tool message."
            )
    if turns[0] != "user":
        raise LineError("The conversation must open with a user message.")


def _message(item: Any, number: int) -> dict[str, Any]:
    where = f"messages[{number}]"
    if not isinstance(item, dict) or item.get("role") not in ROLES:
        raise LineError(f"{where} needs a “role”: one of {', '.join(ROLES)}.")
    content = item.get("content")
    if len(item) == 2 and isinstance(content, str):
        return {"role": item["role"], "content": _text(content, f"{where}.content")}
    if isinstance(content, list) and content:
        # Parts of text are joined: a file in which some contents are lists and some are strings changes types.
        if not all(isinstance(p, dict) and p.get("type") == "text" for p in content):
            raise LineError(f"{where} has a part that is not text.")
        content = "".join(_text(p.get("text"), f"A part of {where}", blank=True) for p in content)
    message: dict[str, Any] = {"role": item["role"]}
    calls = item.get("tool_calls")
    if calls is not None:
        if item["role"] != "assistant" or not isinstance(calls, list) or not calls:
            raise LineError(f"{where}: “tool_calls” is a list and belongs to an assistant message.")
        message["content"] = _text("" if content is None else content, f"{where}.content", blank=True)
        message["tool_calls"] = [_call(call, f"{where}.tool_calls[{place}]") for place, call in enumerate(calls)]
    else:
        message["content"] = _text(content, f"{where}.content")
    for name in ("name", "tool_call_id"):
        if item.get(name) is not None:
            message[name] = _text(item[name], f"{where}.{name}", limit=256)
    unknown = sorted(set(item) - {"role", "content", "tool_calls", "name", "tool_call_id"})
    if unknown:
        raise LineError(f"{where} has “{unknown[0]}”, which a message does not have.")
    return message


def _external_id(raw: Any) -> str:
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = str(raw)
    return _text(raw, "“external_id”", limit=256, blank=True)


def _priority(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not -1_000_000 <= raw <= 1_000_000:
        raise LineError("“priority” must be a whole number from -1,000,000 to 1,000,000.")
    return raw


def _language(raw: Any) -> str:
    language = _text(raw, "“language”", limit=35, blank=True)
    if language and not is_language(language):
        raise LineError("“language” must be a tag such as en or pt-BR.")
    return language


def is_language(value: Any) -> bool:
    """Whether it is a language tag such as en or pt-BR."""
    return isinstance(value, str) and len(value) <= 35 and bool(_LANGUAGE.fullmatch(value))


def _batch(raw: Any) -> str:
    return _text(raw, "“batch”", limit=100, blank=True)


def _context(raw: Any) -> list[dict[str, str]]:
    if not isinstance(raw, list):
        raise LineError("“context” must be a list of documents.")
    documents = []
    for number, item in enumerate(raw):
        where = f"context[{number}]"
        if not isinstance(item, dict) or not set(item) <= {"id", "title", "text", "url"}:
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
        if not isinstance(item, dict) or not item.keys() <= {"text", "model"}:
            raise LineError(f"{where} must be an object of text and, if you like, model.")
        text, model = _text(item.get("text"), f"{where}.text"), item.get("model")
        model = _text(model, f"{where}.model", limit=300, blank=True) if model is not None else ""
        found.append({"text": text, "model": model})
    return found


def _tags(raw: Any) -> list[str]:
    if not isinstance(raw, list) or len(raw) > 100:
        raise LineError("“tags” must be a list of at most 100 texts.")
    return list(dict.fromkeys(_text(tag, "A tag", limit=100) for tag in raw))


def _metadata(raw: Any) -> dict[str, Any]:
    return _object(raw, "metadata")


def _gold(raw: Any) -> dict[str, Any]:
    return _object(raw, "gold")


def _object(raw: Any, name: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise LineError(f"“{name}” must be an object.")
    _storable(raw, f"“{name}”")
    return raw


_CONVERSATION = frozenset({"prompt", "messages", "system"})
_READ: dict[str, Callable[[Any], Any]] = {
    "external_id": _external_id,
    "context": _context,
    "batch": _batch,
    "priority": _priority,
    "tags": _tags,
    "language": _language,
    "metadata": _metadata,
    "candidates": _candidates,
    "gold": _gold,
    "tools": _tools,
}
_FIELDS = _CONVERSATION | _READ.keys()
