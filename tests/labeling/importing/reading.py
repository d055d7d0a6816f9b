"""Reading bytes as a source, and good files of every source."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, cast

import pyarrow
from pyarrow import parquet

from labeling.importing import SOURCES, PromptLine, Rejected


def found_in(source: str, raw: bytes | BinaryIO) -> list[PromptLine | Rejected]:
    """All that a source finds in these bytes."""
    return list(SOURCES[source].read(io.BytesIO(raw) if isinstance(raw, bytes) else raw))


def prompts_in(source: str, raw: bytes) -> list[PromptLine]:
    """The prompt lines of a file without a mistake."""
    found = found_in(source, raw)
    assert [item for item in found if isinstance(item, Rejected)] == []
    return cast(list[PromptLine], found)


def outcome(source: str, raw: bytes) -> tuple[list[PromptLine], dict[int, str]]:
    """The prompt lines, and what was said about other lines by their number; one message each."""
    found = found_in(source, raw)
    said: dict[int, str] = {}
    for item in found:
        if isinstance(item, Rejected):
            assert item.line not in said, f"line {item.line} is rejected twice"
            said[item.line] = item.message
    return [item for item in found if isinstance(item, PromptLine)], said


def opening(line: PromptLine) -> str:
    """The text of the first message."""
    return str(line.messages[0]["content"])


def as_json_lines(objects: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def as_table(columns: dict[str, Any], **options: Any) -> bytes:
    """A Parquet file with these columns."""
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file, **options)
    return file.getvalue()


def _oasst(number: int) -> dict[str, Any]:
    node = {"message_id": f"m{number}", "role": "prompter", "text": f"Question {number}?", "lang": "en"}
    reply = {"message_id": f"r{number}", "parent_id": f"m{number}", "role": "assistant", "text": f"Answer {number}."}
    return {"message_tree_id": f"m{number}", "tree_state": "ready_for_export", "prompt": node | {"replies": [reply]}}


def _table(numbers: range) -> bytes:
    return as_table({
        "prompt": [f"Question {n}?" for n in numbers], "candidate": [f"Answer {n}." for n in numbers]
    })  # fmt: skip


# So many questions, each with one answer, as a file of each source.
GOOD: dict[str, Callable[[range], bytes]] = {
    "jsonl": lambda numbers: as_json_lines(
        {"prompt": f"Question {n}?", "candidates": [{"text": f"Answer {n}."}]} for n in numbers
    ),
    "csv": lambda numbers: b"prompt,candidate\n" + b"".join(b"Question %d?,Answer %d.\n" % (n, n) for n in numbers),
    "parquet": _table,
    "alpaca": lambda numbers: json.dumps(
        [{"instruction": f"Question {n}?", "input": "", "output": f"Answer {n}."} for n in numbers], indent=1
    ).encode(),
    "sharegpt": lambda numbers: json.dumps(
        [
            {"conversations": [
                {"from": "human", "value": f"Question {n}?"}, {"from": "gpt", "value": f"Answer {n}."}
            ]}
            for n in numbers
        ]
    ).encode(),
    "oasst": lambda numbers: as_json_lines(map(_oasst, numbers)),
}  # fmt: skip


class Pieces(io.RawIOBase):
    """A stream that arrives in pieces of any size, and is never there as a whole."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._rest or next(self._pieces, b"")
        self._rest = data[len(buffer) :]
        data = data[: len(buffer)]
        buffer[: len(data)] = data
        self.given += len(data)
        return len(data)


def in_pieces(raw: bytes, size: int) -> BinaryIO:
    return cast(BinaryIO, Pieces(raw[at : at + size] for at in range(0, len(raw), size)))


def zipped(raw: bytes) -> bytes:
    return gzip.compress(raw, compresslevel=1)
