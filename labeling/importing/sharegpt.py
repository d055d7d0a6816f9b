"""`sharegpt`: conversations as lists of turns, each with from and value, or with role and content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from labeling.importing.base import PromptLine, Rejected
from labeling.importing.objects import prompt_line, read_objects, values
from labeling.importing.strict import decode_text
from labeling.importing.texts import LineError

_CONVERSATIONS = ("conversations", "conversation", "messages")
_ROLES = {
    **dict.fromkeys(("human", "user", "prompter"), "user"),
    **dict.fromkeys(("gpt", "assistant", "chatgpt", "bing", "bard", "model", "bot"), "assistant"),
    **dict.fromkeys(("tool", "observation", "function_response"), "tool"),
    "system": "system",
    "developer": "developer",
}
_CALL = "function_call"
_MESSAGE = ("content", "tool_calls", "name", "tool_call_id")


def read(stream: BinaryIO) -> Iterator[PromptLine | Rejected]:
    """A prompt for each conversation: all before the assistant's last turn, with that turn as a response to it."""
    return read_objects(values(stream), _prompts)


def _prompts(raw: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = next((name for name in _CONVERSATIONS if raw.get(name) is not None), "")
    turns = raw.get(name)
    if not isinstance(turns, list) or not turns:
        raise LineError("An object needs “conversations”: a list of turns.")
    messages = [_message(turn, f"{name}[{number}]") for number, turn in enumerate(turns)]
    responses = []
    if messages[-1]["role"] == "assistant":
        last = messages.pop()
        if last.get("tool_calls") is not None:
            raise LineError("The last turn calls a function. A response is text.")
        if not messages:
            raise LineError("There is no turn before the assistant's.")
        if not (isinstance(last["content"], str) and not last["content"].strip()):
            responses.append(_joined(last["content"]))
    line = prompt_line(raw, {name, "system"}, messages=messages, responses=responses)
    system = raw.get("system")
    blank = isinstance(system, str) and not system.strip()  # as it is in rows that have no use for it
    yield line | {"system": None if blank else system}


def _message(turn: Any, where: str) -> dict[str, Any]:
    if not isinstance(turn, dict):
        raise LineError(f"{where} must be an object.")
    who = turn.get("from", turn.get("role"))
    known = who.strip().lower() if isinstance(who, str) else ""
    if known == _CALL:
        return {"role": "assistant", "content": "", "tool_calls": _calls(turn.get("value"), where)}
    if known not in _ROLES:
        raise LineError(f"{where} must be from one of {', '.join(sorted([*_ROLES, _CALL]))}.")
    # What else stands in a turn, such as a weight, is about training and not about what was said.
    message = {key: turn[key] for key in _MESSAGE if turn.get(key) is not None}
    return {"role": _ROLES[known], "content": turn.get("value"), **message}


def _calls(value: Any, where: str) -> list[dict[str, Any]]:
    """The functions that a turn calls: JSON in a text, of one call or a list of them."""
    try:
        found = decode_text(value) if isinstance(value, str) else value
    except LineError as error:
        raise LineError(f"{where} is no function call. {error}") from error
    calls = found if isinstance(found, list) else [found]
    if not calls or not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        raise LineError(f"{where} is no function call: it must be JSON with a name and arguments.")
    return [{"type": "function", "function": call} for call in calls]


def _joined(content: Any) -> Any:
    """A content of parts as one text, as in messages; anything else as it is, to be judged as a response."""
    if isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str) for part in content
    ):
        return "".join(part["text"] for part in content)
    return content
