"""Prompts and responses as messages: one way for every format."""

from __future__ import annotations

import json
from typing import Any

from labeling.exports.records import PLAIN, Example, Message, Prompt
from labeling.text import with_documents

# The order of a message's keys in every file. A key that is not here would be lost, so it is an error.
_KEYS = ("role", "content", "tool_calls", "name", "tool_call_id")


def _ordered(message: Message) -> Message:
    if message.keys() == PLAIN:  # as nearly all have, and every row has some
        return {"role": message["role"], "content": message["content"]}
    unknown = sorted(set(message) - set(_KEYS))
    if unknown:
        raise ValueError(f"a stored message has the key “{unknown[0]}”, which exports do not know")
    return {key: message[key] for key in _KEYS if key in message}


def plain(prompt: Prompt) -> list[Message]:
    """The prompt's messages as they were imported, their keys in a fixed order."""
    return [_ordered(message) for message in prompt.messages]


def asked(prompt: Prompt) -> list[Message]:
    """What a response answers: the messages, with the context documents before the text of the last one.

    Documents stand as generators get them: title and text of each, a blank line between. A response that was
    written with the documents in view would teach a model to invent, were they left out.
    """
    return [_with_arguments(message) for message in asked_as_stored(prompt)]


def asked_as_stored(prompt: Prompt) -> list[Message]:
    """The same for hosted APIs: arguments of calls that are stored as JSON text stay the very same text."""
    messages = plain(prompt)
    if prompt.context:
        messages[-1] = messages[-1] | {"content": with_documents(messages[-1]["content"], prompt.context)}
    return messages


def _with_arguments(message: Message) -> Message:
    """The message with the arguments of its calls as objects, as chat templates want them.

    Imports have made them so for a while; what came before may hold JSON text, as OpenAI's API has it.
    """
    if "tool_calls" not in message:
        return message
    return message | {"tool_calls": [_with_object(call) for call in message["tool_calls"]]}


def _with_object(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = json.loads(function["arguments"])
    except ValueError:
        return call
    return {**call, "function": {**function, "arguments": arguments}} if isinstance(arguments, dict) else call


def reply(text: str) -> Message:
    """A response as the assistant's message. `text` is trimmed already."""
    return {"role": "assistant", "content": text}


def alone(prompt: Prompt) -> str | None:
    """The text of a prompt that is one turn of a user and nothing else; None for any other, and for one with tools.

    Documents stand before it. White space at its end is left out: a tokenizer would not join it to what follows.
    """
    messages = asked(prompt)
    if prompt.tools or len(messages) > 1 or set(messages[0]) != {"role", "content"}:
        return None
    return str(messages[0]["content"]).rstrip()


def tools_column(example: Example) -> dict[str, str]:
    """The column `tools` of a row: a list as JSON text, on every row where any prompt of the project has tools.

    As text it has one type, whatever the schemas in it: readers would fill lists of them with nulls.
    """
    return {"tools": example.prompt.tools or "[]"} if example.with_tools else {}


def tools_list(prompt: Prompt) -> dict[str, list[Any]]:
    """`tools` as hosted APIs take them: a list, and no key where there is none, for they take no empty one."""
    return {"tools": json.loads(prompt.tools)} if prompt.tools else {}
