"""Tables of prompts: columns that are named as the fields of a prompt line are."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from labeling.importing.strict import decode_text
from labeling.importing.texts import LineError

_OWN = "metadata."
_RESPONSE = re.compile(r"((?:candidate|response)(?:_?[0-9]+)?)([._]model)?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")


class Columns:
    """What the columns of a table mean, and how a row of it becomes a prompt line."""

    def __init__(self, names: Sequence[str]) -> None:
        """Raises LineError for names that a table of prompts cannot have."""
        self.width = len(names)
        named = list(names)
        while named and not named[-1].strip():
            named.pop()  # programs leave such columns behind; their cells must be blank
        self._kinds = [_kind(name, number) for number, name in enumerate(named, start=1)]
        twice = next((name for name, kind in zip(named, self._kinds, strict=True) if self._kinds.count(kind) > 1), None)
        if twice is not None:
            raise LineError(f"The column “{twice}” stands twice.")
        if not any(kind in (("field", "prompt"), ("field", "messages")) for kind in self._kinds):
            found = ", ".join(f"“{name}”" for name in named) or "none"
            raise LineError(f"A table of prompts needs a column “prompt” or “messages”. Its columns are: {found}.")
        self._kinds += [("nothing", "")] * (self.width - len(named))

    def prompt_line(self, row: Sequence[Any]) -> dict[str, Any]:
        """A row as a prompt line that is still to be checked. Raises LineError for a cell that cannot be read."""
        line: dict[str, Any] = {}
        own: dict[str, Any] = {}
        texts: dict[str, Any] = {}
        models: dict[str, Any] = {}
        for (kind, name), value in zip(self._kinds, row, strict=True):
            if value is None or (isinstance(value, str) and (not value or value.isspace())):
                continue
            if kind == "field":
                line[name] = _FIELDS[name](value, name)
            elif kind == "own":
                own[name] = value
            elif kind == "response":
                texts[name] = value
            elif kind == "model":
                models[name] = value
            else:
                raise LineError("There is text in a column that has no name.")
        if own:
            metadata = line.setdefault("metadata", {})
            line["metadata"] = metadata | own if isinstance(metadata, dict) else metadata
        if texts:
            listed = line.setdefault("candidates", [])
            if isinstance(listed, list):
                line["candidates"] = [*listed, *({"text": texts[n], "model": models.get(n)} for n in texts)]
        return line


def known(name: str) -> bool:
    """Whether a column of this name means something."""
    try:
        _kind(name, 1)
    except LineError:
        return False
    return True


def _kind(name: str, number: int) -> tuple[str, str]:
    """What a column is, and the name under which its cells go into a line."""
    name = name.strip()
    lower = name.lower()
    if lower in _FIELDS:
        return "field", lower
    if lower.startswith(_OWN) and len(name) > len(_OWN):
        return "own", name[len(_OWN) :]
    if response := _RESPONSE.fullmatch(lower):
        return "model" if response[2] else "response", response[1]
    if not name:
        raise LineError(f"Column {number} has no name. Name it, or take it out.")
    raise LineError(
        f"There is no field for the column “{name[:100]}”. Known are {', '.join(_FIELDS)}, candidate_1, "
        f"candidate_1.model and so on. A column of your own is kept when it is called {_OWN}{name[:100]}."
    )


def _as_it_is(value: Any, name: str) -> Any:
    return value


def _json(value: Any, name: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return decode_text(value)
    except LineError as error:
        raise LineError(f"“{name}”: {error}") from error


def _tags(value: Any, name: str) -> Any:
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return _json(value, name)
    return [tag.strip() for tag in value.split("|") if tag.strip()]


def _typed_number(value: Any, name: str) -> Any:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return int(value)
    # Tables in which some numbers are missing have them with a point.
    return int(value) if isinstance(value, float) and value.is_integer() else value


_FIELDS: dict[str, Callable[[Any, str], Any]] = {
    "prompt": _as_it_is,
    "messages": _json,
    "external_id": _as_it_is,
    "system": _as_it_is,
    "context": _json,
    "tools": _as_it_is,
    "batch": _as_it_is,
    "priority": _typed_number,
    "tags": _tags,
    "language": _as_it_is,
    "metadata": _json,
    "candidates": _json,
    "gold": _json,
}
