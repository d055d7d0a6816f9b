"""Conversations in the words of those who take no messages as they are: LLaMA-Factory, OpenAI and their kin."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labeling.exports.records import Message

# LLaMA-Factory's words: who may speak at odd places, and who at even ones.
_ODD, _EVEN = ("user", "observation"), ("assistant", "function_call")


@dataclass(frozen=True)
class Talk:
    """A system text, "" for none, and turns of (who, text): a user or an observation, then an assistant or a
    function_call, in strict alternation."""

    system: str
    turns: tuple[tuple[str, str], ...]


def apart(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """The system text, "" for none, and the messages after it."""
    if messages[0]["role"] in ("system", "developer"):
        return messages[0]["content"], messages[1:]
    return "", messages


def talk(messages: Sequence[Message]) -> Talk | None:
    """Messages as LLaMA-Factory's turns; None where they break its order: such a row is skipped there.

    A call of functions is its JSON, with the name and the arguments of each; what a message has beside its text (a
    speaker's name, the id of a call) has no place there.
    """
    system, rest = apart(messages)
    turns = []
    for number, message in enumerate(rest):
        turn = _turn(message)
        if turn is None or turn[0] not in (_EVEN if number % 2 else _ODD):
            return None
        turns.append(turn)
    return Talk(system, tuple(turns))


def _turn(message: Message) -> tuple[str, str] | None:
    if "tool_calls" not in message:
        role: str = message["role"]
        return "observation" if role == "tool" else role, message["content"]
    calls = [_call(call) for call in message["tool_calls"]]
    # There is one text in a turn: words beside a call would be lost.
    if message["content"].strip() or not all(calls):
        return None
    found = [{"name": call["name"], "arguments": _parsed(call.get("arguments", {}))} for call in calls if call]
    return "function_call", _json(found[0] if len(found) == 1 else found)


def for_openai(messages: Sequence[Message]) -> list[Message] | None:
    """Messages as OpenAI's API takes them; None where their tool calls cannot be told in its way.

    It wants arguments as JSON text, an id on every call, and right after the calls one result for each that names it.
    Where ids are missing they are numbered, and results belong to the calls in their order.
    """
    found: list[Message] = []
    waiting: list[str] = []
    number = 0
    for message in messages:
        if message["role"] == "tool":
            wanted = message.get("tool_call_id", waiting[0] if waiting else "")
            if wanted not in waiting:
                return None
            waiting.remove(wanted)
            found.append(message | {"tool_call_id": wanted})
            continue
        if waiting:
            return None
        calls = []
        for call in message.get("tool_calls", ()):
            function = _call(call)
            if function is None:
                return None
            number += 1
            named = call.get("id") or f"call_{number}"
            waiting.append(str(named))
            arguments = function.get("arguments", {})
            text = arguments if isinstance(arguments, str) else _json(arguments)
            called = {"name": function["name"], "arguments": text}
            calls.append({"id": str(named), "type": "function", "function": called})
        found.append(message | {"tool_calls": calls} if calls else message)
    return None if waiting else found


def _call(call: Any) -> Mapping[str, Any] | None:
    """What a tool call calls, if that can be read: an import takes calls as they are."""
    function = call.get("function") if isinstance(call, Mapping) else None
    return function if isinstance(function, Mapping) and isinstance(function.get("name"), str) else None


def _parsed(arguments: Any) -> Any:
    """Arguments as an object, also where they came as JSON text, as OpenAI has them."""
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        return arguments


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
