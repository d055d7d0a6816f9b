"""Files of JSON objects in the words of another format: one big array, or an object on each line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any, BinaryIO

from labeling.importing.arrays import Cutter, Value
from labeling.importing.base import PromptLine, Rejected, as_sent, is_language, parse
from labeling.importing.streams import (
    CHUNK,
    TOO_LONG,
    UTF8_MARK,
    UTF16_MARKS,
    UTF16_SAID,
    opening,
    split_lines,
    to_its_end,
    unzipped,
)
from labeling.importing.strict import decode
from labeling.importing.texts import LineError

_SPREAD = re.compile(rb"\{[ \t\r]*+\n")  # an object over several lines: none of JSON Lines begins like this
_SHARED = frozenset({"external_id", "batch", "priority", "tags", "gold", "tools"})
_IDS = frozenset({"id", "conversation_id"})
_LANGUAGES = frozenset({"language", "lang"})
_MODELS = ("model", "model_name", "generator")


def values(stream: BinaryIO) -> Iterator[Value | Rejected]:
    """The JSON values of a file, not yet read: those of its array, or of each line that is not blank, or objects that
    stand over several lines one after the other."""
    return to_its_end(_values(stream))


def _values(stream: BinaryIO) -> Iterator[Value | Rejected]:
    whole = unzipped(stream)
    line, chunk = 1, opening(whole)
    if chunk.startswith(UTF16_MARKS):
        yield Rejected(1, UTF16_SAID)
        return
    chunk = chunk.removeprefix(UTF8_MARK)
    while chunk.isspace():
        line += chunk.count(b"\n")
        chunk = whole.read1(CHUNK)
    text = chunk.lstrip()
    line += chunk.count(b"\n", 0, len(chunk) - len(text))
    if text.startswith(b"["):
        yield from cut(whole, text[1:], Cutter(line, listed=True))
    elif _SPREAD.match(text):
        yield from cut(whole, text, Cutter(line, listed=False))
    else:
        for number, found in split_lines(whole, text, line):
            if found is None:
                yield Rejected(number, f"The line is {TOO_LONG}.")
            elif found and not found.isspace():
                yield Value(number, "", found)


def cut(whole: io.BufferedReader, head: bytes, cutter: Cutter) -> Iterator[Value | Rejected]:
    """The values of a stream of which `head` has been read."""
    yield from cutter.feed(head)
    while chunk := whole.read1(CHUNK):
        yield from cutter.feed(chunk)
    yield from cutter.end()


def read_objects(
    found: Iterable[Value | Rejected], prompts_in: Callable[[dict[str, Any]], Iterable[dict[str, Any]]]
) -> Iterator[PromptLine | Rejected]:
    """What `prompts_in` makes of each value that is an object: prompt lines that are still to be checked."""
    for value in found:
        if isinstance(value, Rejected):
            yield value
            continue
        try:
            for raw in prompts_in(decode_object(value)):
                yield parse(raw, value.line)
        except LineError as error:
            yield Rejected(value.line, f"{value.name}{error}", as_sent(value.raw))


def decode_object(value: Value) -> dict[str, Any]:
    """The JSON object of a value. Raises LineError."""
    found = decode(value.raw)
    if not isinstance(found, dict):
        raise LineError("This is no JSON object.")
    return found


def prompt_line(
    raw: Mapping[str, Any], used: Set[str], *, messages: list[Any], responses: Iterable[Any]
) -> dict[str, Any]:
    """A prompt line of an object whose fields in `used` are spent. The others mean what they mean in a prompt line;
    those that mean nothing there go to its metadata, so that nothing is lost."""
    model = next((raw[name] for name in _MODELS if raw.get(name) is not None), None)
    line: dict[str, Any] = {"messages": messages}
    line["candidates"] = [{"text": text, "model": model} for text in responses]
    metadata: dict[str, Any] = {}
    for name, value in raw.items():
        if name in used or name in _MODELS or value is None:
            continue
        if name in _SHARED:
            line[name] = value
        elif name in _IDS:
            line.setdefault("external_id", value)
        elif name == "metadata" and isinstance(value, dict):
            metadata |= value
        elif name == "context" and isinstance(value, list):
            line["context"] = value
        elif name in _LANGUAGES and is_language(value):
            line["language"] = value
        else:
            metadata[name] = value
    return line | {"metadata": metadata}
