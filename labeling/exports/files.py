"""The kinds of files that rows go into. The same rows give the same bytes, with the same version of each library.

JSON Lines are as in docs/exports.md, plain or compressed. Parquet is made of them (`labeling.exports.parquet`), once
all of a file's rows are there. Rows go into a local file; nothing here knows where it is stored in the end.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

CHUNK = 64 * 1024
GZIP_LEVEL = 6


def _plain(path: Path) -> AbstractContextManager[BinaryIO]:
    return path.open("wb")


def _gzip(path: Path) -> AbstractContextManager[BinaryIO]:
    # Without a name and with the time 0 in its head: both would differ from one making to the next.
    raw = path.open("wb")
    file = _Both(gzip.GzipFile("", "wb", GZIP_LEVEL, raw, mtime=0), raw)
    return closing(cast(BinaryIO, file))


def _zstd(path: Path) -> AbstractContextManager[BinaryIO]:
    import pyarrow as pa

    return cast("AbstractContextManager[BinaryIO]", pa.CompressedOutputStream(str(path), "zstd"))


def _read_gzip(file: BinaryIO) -> AbstractContextManager[Iterable[bytes]]:
    return gzip.GzipFile(fileobj=file)


def _read_zstd(file: BinaryIO) -> AbstractContextManager[Iterable[bytes]]:
    import pyarrow as pa

    return io.BufferedReader(pa.CompressedInputStream(file, "zstd"))


class _Both:
    """A stream over another one, which is closed with it."""

    def __init__(self, outer: Any, inner: BinaryIO) -> None:
        self._outer, self._inner = outer, inner
        self.write = outer.write

    def close(self) -> None:
        self._outer.close()
        self._inner.close()


@dataclass(frozen=True)
class Kind:
    """A kind of file. `open` gives what lines are written to, `lines` those of a file that is open to be read.

    `columns` says that it is made of columns afterwards: such a file has no lines.
    """

    name: str
    title: str
    ending: str
    media_type: str
    open: Callable[[Path], AbstractContextManager[BinaryIO]]
    lines: Callable[[BinaryIO], AbstractContextManager[Iterable[bytes]]] = nullcontext
    columns: bool = False


_ALL = (
    Kind("jsonl", "JSON Lines", "jsonl", "application/x-ndjson", _plain),
    Kind("gzip", "JSON Lines, gzip", "jsonl.gz", "application/gzip", _gzip, _read_gzip),
    Kind("zstd", "JSON Lines, Zstandard", "jsonl.zst", "application/zstd", _zstd, _read_zstd),
    Kind("parquet", "Parquet", "parquet", "application/vnd.apache.parquet", _plain, columns=True),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}


class LineWriter:
    """Writes lines to a file of some kind, many at a time."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path = path
        self.rows = 0
        self.size = 0  # bytes of text, before they are compressed
        self._entered = kind.open(path)
        self._file = self._entered.__enter__()
        self._waiting: list[bytes] = []
        self._bytes_waiting = 0
        self._closed = False

    def write(self, line: bytes) -> None:
        """Takes one line, with its line feed."""
        self.rows += 1
        self.size += len(line)
        self._waiting.append(line)
        self._bytes_waiting += len(line)
        if self._bytes_waiting >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._file.write(b"".join(self._waiting))
        self._waiting, self._bytes_waiting = [], 0

    def close(self) -> None:
        """Writes what is left. Harmless when it is closed."""
        if self._closed:
            return
        self._closed = True
        try:
            self._flush()
        finally:
            self._entered.__exit__(None, None, None)


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
