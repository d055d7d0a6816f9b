"""Bytes on their way in: out of their gzip, cut into lines, never held whole."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from labeling.importing.base import Rejected

MAX_LINE = 16 * 1024 * 1024  # bytes of a line, of an object in an array, of a row
TOO_LONG = f"longer than {MAX_LINE // 1024 // 1024} MB"
CHUNK = 1024 * 1024
# Compressed bytes at once. What is left of them is copied at each step, so that many would cost more than they save.
_COMPRESSED = 64 * 1024
_GZIP = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"  # what some programs put before UTF-8
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UTF16_SAID = "The file is UTF-16. Save it as UTF-8."
_OPENING = 4096  # bytes from which it is seen what a file is
DAMAGED = (EOFError, zlib.error)


class Readable(Protocol):
    """All that is asked of a stream here."""

    def read(self, size: int, /) -> bytes: ...


def unzipped(stream: Readable) -> io.BufferedReader:
    """The stream as it is, or what is in it when it is gzip. Looks at the first two bytes.

    Read it with `read1` or `readline`: they hand out everything before the place where a gzip file is cut off.
    """
    head = stream.read(2)
    if len(head) == 1:
        head += stream.read(1)
    whole = _Joined(head, stream.read)
    return io.BufferedReader(_Gunzipped(whole) if head == _GZIP else whole, CHUNK)


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
                self._input = self._member.unused_data.lstrip(b"\x00") or self._source.read(_COMPRESSED) or b""
                if not self._input:
                    return 0
                self._member = zlib.decompressobj(wbits=31)
            elif not self._input:
                self._input = self._source.read(_COMPRESSED) or b""
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

    def __init__(self, head: bytes, read: Callable[[int], bytes]) -> None:
        self._head = head
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head or self._read(len(buffer))
        self._head = data[len(buffer) :]
        data = data[: len(buffer)]
        buffer[: len(data)] = data
        return len(data)


def with_head(head: bytes, stream: io.BufferedReader) -> io.BufferedReader:
    """A stream as it was before its head was read."""
    return io.BufferedReader(_Joined(head, stream.read1), CHUNK)


def opening(stream: io.BufferedReader) -> bytes:
    """What a stream begins with: enough of it to see what it is, or all there is."""
    head = b""
    try:
        while len(head) < _OPENING and (more := stream.read1(CHUNK)):
            head += more
    except DAMAGED:
        if not head:
            raise
    return head  # the damage will be met again


def split_lines(stream: io.BufferedReader, head: bytes = b"", number: int = 1) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers, split at line feeds only; None for a line over MAX_LINE, which is not kept.

    The line feed stays away, and so does the mark that some programs put before UTF-8. `head` is what has been read
    of the stream already, and `number` that of its first line.
    """
    size = 0
    begun: list[bytes] = []  # pieces of a line that has not ended yet; `size` is their length
    line: bytes | None
    chunk = head or stream.read1(CHUNK)
    while chunk:
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            if size:
                line = b"".join([*begun, line]) if size + len(line) <= MAX_LINE else None
                begun, size = [], 0
            yield number, line.removeprefix(UTF8_MARK) if line and number == 1 else line
            number += 1
        size += len(rest)
        if size > MAX_LINE:
            begun = []
        elif rest:
            begun.append(rest)
        chunk = stream.read1(CHUNK)
    if size:
        line = b"".join(begun) if size <= MAX_LINE else None
        yield number, line.removeprefix(UTF8_MARK) if line and number == 1 else line


class _OnLine(Protocol):
    @property
    def line(self) -> int: ...


_Item = TypeVar("_Item", bound=_OnLine)


def to_its_end(found: Iterator[_Item]) -> Iterator[_Item | Rejected]:
    """What is found in a stream; a gzip file that is damaged or cut off ends it with a word about that."""
    line = 0
    try:
        for item in found:
            line = item.line
            yield item
    except DAMAGED:
        yield Rejected(line + 1, "The gzip file is damaged or cut off here. The lines before are in; send it again.")
