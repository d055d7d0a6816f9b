"""`parquet`: a table with the columns that CSV has, typed: lists and structs as they are, or JSON in texts."""

from __future__ import annotations

import datetime
import decimal
import math
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from labeling.importing.base import PromptLine, Rejected, parse
from labeling.importing.columns import Columns
from labeling.importing.streams import CHUNK, DAMAGED, Readable, unzipped
from labeling.importing.texts import LineError

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.parquet import ParquetFile

_ROWS = 128  # at once, or as many as _BYTES hold where rows are large
_BYTES = 32 * 1024 * 1024
_INDEX = "__index_level_0__"  # where pandas writes the numbers that it gives to rows
# Such a file is compressed inside, so gzip makes hardly less of it. One that unfolds to much more would fill the disk.
_GAIN, _GAIN_FROM = 100, 64 * 1024 * 1024


def read(stream: BinaryIO) -> Iterator[PromptLine | Rejected]:
    """Every row, as a prompt line or with the reason why it cannot be one. `line` is the number of the row."""
    # Such a file is read from its end, so all of it must be there first: on disk.
    with tempfile.TemporaryFile() as file:
        try:
            _spool(stream, file)
        except (*DAMAGED, LineError) as error:
            yield Rejected(1, str(error) if isinstance(error, LineError) else "The gzip file is damaged or cut off.")
        else:
            yield from _read(file)


def _spool(stream: BinaryIO, file: IO[bytes]) -> None:
    counted = _Counted(stream)
    whole = unzipped(counted)
    written = 0
    while chunk := whole.read1(CHUNK):
        written += len(chunk)
        if written > _GAIN_FROM and written > _GAIN * counted.size:
            raise LineError("The gzip file unfolds to far more than a Parquet file does. Send it without gzip.")
        file.write(chunk)
    file.seek(0)


class _Counted:
    """A stream that knows how many bytes were read from it."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.size = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.size += len(data)
        return data


class _DamagedError(Exception):
    pass


@contextmanager
def _damage() -> Iterator[None]:
    """Turns into one error what pyarrow raises for bytes that are no Parquet: an absurd length is a MemoryError."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError, LookupError, TypeError, MemoryError, OverflowError) as error:
        raise _DamagedError(str(error)) from error


def _read(file: IO[bytes]) -> Iterator[PromptLine | Rejected]:
    # Loaded for the first file of this kind: it is large.
    from pyarrow.parquet import ParquetFile

    try:
        with _damage():
            table = ParquetFile(file, buffer_size=CHUNK, pre_buffer=False)
            names = table.schema_arrow.names
            sizes = [table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)]
        columns = Columns([name for name in names if name != _INDEX])
    except _DamagedError as error:
        yield Rejected(1, f"This is not a Parquet file, or it is damaged or cut off: {error}")
        return
    except LineError as error:
        yield Rejected(1, str(error))
        return
    end = 0
    for group, size in enumerate(sizes):
        number, end = end, end + max(0, size)
        try:
            for row in _rows(table, group, names):
                number += 1
                try:
                    yield parse(columns.prompt_line([_plain(value, name) for name, value in row]), number)
                except LineError as error:
                    yield Rejected(number, str(error))
        except _DamagedError as error:
            lost = f"Rows {number + 1:,} to {end:,} are left out"
            yield Rejected(number + 1, f"The file is damaged here. {lost}: {error}")
        end = max(end, number)


def _rows(table: ParquetFile, group: int, names: list[str]) -> Iterator[list[tuple[str, Any]]]:
    """The rows of a group as names with values, a batch at a time."""
    with _damage():
        batches = table.iter_batches(_rows_at_once(table, group), row_groups=[group], use_threads=False)
    while True:
        with _damage():
            batch = next(batches, None)
        if batch is None:
            return
        named = [(name, _values(batch.column(place))) for place, name in enumerate(names) if name != _INDEX]
        for index in range(batch.num_rows):
            yield [(name, values[index]) for name, values in named]


def _rows_at_once(table: ParquetFile, group: int) -> int:
    known = table.metadata.row_group(group)
    size: int = known.total_byte_size // max(1, known.num_rows)
    return max(1, min(_ROWS, _BYTES // max(1, size)))


def _values(column: pyarrow.Array) -> list[Any]:
    """A column's values. One that Python has no value for becomes a LineError, to be raised for its row alone."""
    try:
        return list(column.to_pylist(maps_as_pydicts="lossy"))
    except (ValueError, OverflowError, TypeError, NotImplementedError, ImportError):
        return [_value(scalar) for scalar in column]


def _value(scalar: pyarrow.Scalar) -> Any:
    try:
        return scalar.as_py(maps_as_pydicts="lossy")
    except UnicodeDecodeError:
        return LineError("is not UTF-8")
    except (ValueError, OverflowError, TypeError, NotImplementedError, ImportError) as error:
        return LineError(f"cannot be read: {error}")


def _plain(value: Any, name: str) -> Any:
    """A value as JSON would have it. Fields of a struct that are null are left out: a row that lacks one has it so."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value  # pandas has no other way to say that a number is missing
    if isinstance(value, list):
        return [_plain(item, name) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item, name) for key, item in value.items() if item is not None}
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, datetime.timedelta, uuid.UUID)):
        return str(value)
    if isinstance(value, LineError):
        raise LineError(f"“{name}” {value}.")
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise LineError(f"“{name}” holds bytes that are no text.") from error
    raise LineError(f"“{name}” holds something that is no text, number, list or struct: {type(value).__name__}.")
