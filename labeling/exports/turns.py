"""Conversations in the words of those who take no messages as they are: LLaMA-Factory, OpenAI and their kin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
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
    A call without an id takes the one that a result names, or else a number; a result that names none answers the
    first call that is left.
    """
    found: list[Message] = []
    numbers = count(1)
    place = 0
    while place < len(messages):
        message = messages[place]
        results = list(takewhile(lambda following: following["role"] == "tool", messages[place + 1 :]))
        place += 1 + len(results)
        calls = message.get("tool_calls", [])
        functions = [_call(call) for call in calls]
        if message["role"] == "tool" or not all(functions) or len(results) != len(calls):
            return None
        ids = _ids(calls, results, numbers)
        answered = _answered(ids, results)
        if answered is None:
            return None
        told = [_told(name, function) for name, function in zip(ids, functions, strict=True) if function]
        found.append(message | {"tool_calls": told} if told else message)
        found += [result | {"tool_call_id": name} for result, name in zip(results, answered, strict=True)]
    return found


def _ids(calls: Sequence[Any], results: Sequence[Message], numbers: Iterator[int]) -> list[str]:
    """An id for each call: its own, one that a result names and no call has, or a number."""
    own = [str(call.get("id") or "") for call in calls]
    named = iter([result["tool_call_id"] for result in results if result.get("tool_call_id", "") not in ("", *own)])
    return [name or next(named, None) or f"call_{next(numbers)}" for name in own]


def _answered(ids: Sequence[str], results: Sequence[Message]) -> list[str] | None:
    """The call that each result answers; None unless every call has exactly one result."""
    taken = {result["tool_call_id"] for result in results if "tool_call_id" in result}
    left = iter([name for name in ids if name not in taken])
    found = [str(result.get("tool_call_id") or next(left, "")) for result in results]
    return found if sorted(found) == sorted(ids) and len(set(ids)) == len(ids) else None


def _told(name: str, function: Mapping[str, Any]) -> dict[str, Any]:
    arguments = function.get("arguments", {})
    text = arguments if isinstance(arguments, str) else _json(arguments)
    return {"id": name, "type": "function", "function": {"name": function["name"], "arguments": text}}


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
