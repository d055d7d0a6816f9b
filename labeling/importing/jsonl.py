"""`jsonl`: one prompt line of the contract on each line, plain or gzip."""

from __future__ import annotations

import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from labeling.importing.base import LineError, PromptLine, Rejected, parse

MAX_LINE = 16 * 1024 * 1024  # bytes
_CHUNK = 1024 * 1024
_GZIP = b"\x1f\x8b"


def unzipped(stream: BinaryIO) -> BinaryIO:
    """The stream as it is, or what is in it when it is gzip. Looks at the first two bytes."""
    head = stream.read(2)
    whole = _Joined(head, stream)
    return io.BufferedReader(_Gunzipped(whole) if head == _GZIP else whole, _CHUNK)


class _Gunzipped(io.RawIOBase):
    """What is in a gzip stream. Unlike gzip.GzipFile it hands out everything before the place where a file is cut."""

    def __init__(self, source: io.RawIOBase) -> None:
        self._source = source
        self._member = zlib.decompressobj(wbits=31)
        self._input = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._member.eof:  # another member may follow: that is what concatenated gzip files are
                self._input = self._member.unused_data.lstrip(b"\x00") or self._source.read(_CHUNK) or b""
                if not self._input:
                    return 0
                self._member = zlib.decompressobj(wbits=31)
            elif not self._input:
                self._input = self._source.read(_CHUNK) or b""
                if not self._input:
                    raise EOFError("the gzip stream is cut off")
            # Never more than fits: a small file may hold a very large one.
            data = self._member.decompress(self._input, len(buffer))
            self._input = self._member.unconsumed_tail
            if data:
                buffer[: len(data)] = data
                return len(data)


class _Joined(io.RawIOBase):
    """Bytes already read, and then the rest of the stream they came from."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head or self._rest.read(len(buffer))
        self._head = data[len(buffer) :]
        data = data[: len(buffer)]
        buffer[: len(data)] = data
        return len(data)


def split_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers from 1, split at line feeds only; None for a line over MAX_LINE, which is not kept."""
    number, too_long = 1, False
    part = b""
    while True:
        piece = stream.readline(_CHUNK)
        if not piece:
            break
        ended = piece.endswith(b"\n")
        if not too_long:
            part += piece
            if len(part) > MAX_LINE:
                part, too_long = b"", True
        if ended:
            yield number, None if too_long else part
            number, part, too_long = number + 1, b"", False
    if part or too_long:
        yield number, None if too_long else part


def _refuse_constant(name: str) -> NoReturn:
    raise LineError(f"{name} is not JSON.")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        (twin, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise LineError(f"“{twin[:100]}” stands twice in one object.")
    return found


def decode(line: bytes) -> Any:
    """The JSON value on a line. Raises LineError, in words, for anything that is not one strict JSON value."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LineError(f"Byte {error.start + 1} is not UTF-8. Save the file as UTF-8.") from error
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_no_twins)
    except json.JSONDecodeError as error:
        raise LineError(f"This is not JSON: {error.msg} at character {error.pos + 1}.") from error
    except RecursionError as error:
        raise LineError("The JSON is nested too deep.") from error
    except LineError:
        raise
    except ValueError as error:  # an integer of more digits than Python reads
        raise LineError(f"This is not usable JSON: {error}.") from error


def read(stream: BinaryIO) -> Iterator[PromptLine | Rejected]:
    """Every line that is not blank, as a prompt line or with the reason why it cannot be one."""
    number = 0
    try:
        for number, raw in split_lines(unzipped(stream)):
            if raw is None:
                yield Rejected(number, f"The line is longer than {MAX_LINE // 1024 // 1024} MB.")
                continue
            line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            if not line.strip():
                continue
            try:
                yield parse(decode(line), number)
            except LineError as error:
                yield Rejected(number, str(error))
    except (EOFError, zlib.error):
        yield Rejected(number + 1, "The gzip file is damaged or cut off here. The lines before are in; send it again.")
