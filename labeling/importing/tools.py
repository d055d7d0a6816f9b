"""The tools that a model may call for a prompt, and its calls of them, as chat templates and hosted APIs know them."""

from __future__ import annotations

import json
from typing import Any

from labeling.importing.strict import decode_text
from labeling.importing.texts import LineError, storable, text

MAX_TOOLS = 128
MAX_NAME, MAX_DESCRIPTION, MAX_SIZE = 256, 20_000, 200_000  # characters; the last of all tools as JSON


def read(raw: Any) -> list[dict[str, Any]]:
    """The tools of a line, each as `{type, function: {name, description?, parameters?, …}}`. Raises LineError.

    They may come as JSON text, and each as its function alone, as many datasets have them. The order of keys stays: it
    is how models read them.
    """
    if isinstance(raw, str):
        raw = _decoded(raw)
    if raw is None:
        return []
    if not isinstance(raw, list) or len(raw) > MAX_TOOLS:
        raise LineError(f"“tools” must be a list of at most {MAX_TOOLS} functions, or such a list as JSON text.")
    found = [_tool(item, f"tools[{number}]") for number, item in enumerate(raw)]
    names = [tool["function"]["name"] for tool in found]
    if twin := next((name for place, name in enumerate(names) if name in names[:place]), None):
        raise LineError(f"Two tools are called “{twin}”.")
    size = len(as_text(found))
    if size > MAX_SIZE:
        raise LineError(f"“tools” has {size:,} characters as JSON; at most {MAX_SIZE:,} fit.")
    return found


def call(raw: Any, where: str) -> dict[str, Any]:
    """A tool call as `{id?, type, function: {name, arguments}}`. Raises LineError.

    Its arguments become an object, as chat templates want them: OpenAI's API has them as JSON text. It may come as its
    function alone.
    """
    if isinstance(raw, dict) and "function" not in raw and "name" in raw:
        own = ("id", "type")
        raw = {key: raw[key] for key in own if key in raw} | {
            "function": {key: value for key, value in raw.items() if key not in own}
        }
    function = raw.get("function") if isinstance(raw, dict) else None
    if not isinstance(function, dict):
        raise LineError(f"{where} must be an object with a “function”, which has a name and arguments.")
    if raw.get("type", "function") != "function":
        raise LineError(f"{where}.type must be “function”.")
    text(function.get("name"), f"{where}.function.name", limit=MAX_NAME)
    if raw.get("id") is not None:
        text(raw["id"], f"{where}.id", limit=MAX_NAME)
    arguments = _arguments(function.get("arguments"), f"{where}.function.arguments")
    known = {key: value for key, value in raw.items() if value is not None}
    found = {**known, "type": "function", "function": {**function, "arguments": arguments}}
    storable(found, where)
    return found


def _arguments(raw: Any, where: str) -> dict[str, Any]:
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return {}  # a function without parameters
    if isinstance(raw, str):
        try:
            raw = decode_text(raw)
        except LineError as error:
            raise LineError(f"{where} is text, and no JSON. {error}") from error
    if not isinstance(raw, dict):
        raise LineError(f"{where} must be an object, or one as JSON text.")
    return raw


def as_text(tools: list[dict[str, Any]]) -> str:
    """Tools as they are stored: JSON text, which keeps the order of keys as a column of JSON would not; "" for none."""
    return json.dumps(tools, ensure_ascii=False, allow_nan=False) if tools else ""


def _decoded(raw: str) -> Any:
    if not raw.strip():
        return None
    try:
        return decode_text(raw)
    except LineError as error:
        raise LineError(f"“tools” is text, and no JSON. {error}") from error


def _tool(item: Any, where: str) -> dict[str, Any]:
    if isinstance(item, dict) and "function" not in item and "name" in item:
        # With a type of its own, it may be there already.
        item = {"type": "function", "function": {key: value for key, value in item.items() if key != "type"}}
    if not isinstance(item, dict) or item.get("type", "function") != "function" or item.keys() - {"type", "function"}:
        raise LineError(f"{where} must be an object of “type”, which is “function”, and “function”.")
    function = item.get("function")
    if not isinstance(function, dict):
        raise LineError(f"{where}.function must be an object with a name.")
    text(function.get("name"), f"{where}.function.name", limit=MAX_NAME)
    if function.get("description") is not None:
        text(function["description"], f"{where}.function.description", limit=MAX_DESCRIPTION, blank=True)
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise LineError(f"{where}.function.parameters must be an object: a JSON schema.")
    storable(function, where)
    return {"type": "function", "function": {key: value for key, value in function.items() if value is not None}}
