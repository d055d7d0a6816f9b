"""`alpaca`: objects of instruction, input and output; perhaps with a system message and a history of earlier turns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from labeling.importing.base import PromptLine, Rejected
from labeling.importing.objects import prompt_line, read_objects, values
from labeling.importing.texts import LineError


def read(stream: BinaryIO) -> Iterator[PromptLine | Rejected]:
    """A prompt for each object: the instruction with its input, and the output as a response to it."""
    return read_objects(values(stream), _prompts)


def _prompts(raw: dict[str, Any]) -> Iterator[dict[str, Any]]:
    instances = raw.pop("instances", None)
    if instances is None:
        yield _prompt(raw)
        return
    # A task of Self-Instruct: one instruction, and a list of inputs with their outputs.
    if not isinstance(instances, list) or not all(isinstance(one, dict) for one in instances):
        raise LineError("“instances” must be a list of objects.")
    for number, one in enumerate(instances, start=1):
        whole = raw | one
        if len(instances) > 1 and whole.get("id") is not None:
            whole["id"] = f"{whole['id']}-{number}"
        yield _prompt(whole)


def _prompt(raw: dict[str, Any]) -> dict[str, Any]:
    # Dolly, of the same kind, says context and response. A list there is what it is in a prompt line: documents.
    names = {"instruction", "input", "output", "response", "system", "history"}
    if not isinstance(raw.get("context"), list):
        names.add("context")
    given = {name: _text(raw[name], name) for name in names - {"history"} if raw.get(name) is not None}
    if "instruction" not in given:
        raise LineError("An object needs an “instruction”.")
    # A blank line between the two: Markdown would draw them together.
    about = given.get("input") or given.get("context")
    asked = f"{given['instruction'].rstrip()}\n\n{about}".lstrip() if about else given["instruction"]
    if not asked:
        raise LineError("“instruction” is empty.")
    response = given.get("output") or given.get("response")
    messages = [*_history(raw.get("history")), {"role": "user", "content": asked}]
    line = prompt_line(raw, names, messages=messages, responses=[response] if response else [])
    return line | {"system": given.get("system") or None}


def _text(value: Any, name: str) -> str:
    """A field's text; "" where it is blank, as it is in rows that have no use for it."""
    if not isinstance(value, str):
        raise LineError(f"“{name}” must be text.")
    return "" if value.isspace() else value


def _history(turns: Any) -> Iterator[dict[str, Any]]:
    if turns is None:
        return
    if not isinstance(turns, list) or not all(isinstance(turn, list) and len(turn) == 2 for turn in turns):
        raise LineError("“history” must be a list of pairs: what was asked, and the answer.")
    for asked, answer in turns:
        yield {"role": "user", "content": asked}
        yield {"role": "assistant", "content": answer}
