"""`csv`: a table whose first row names the fields, separated by commas, semicolons or tabs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from labeling.importing.base import PromptLine, Rejected, parse
from labeling.importing.columns import Columns, known
from labeling.importing.streams import MAX_LINE, TOO_LONG, UTF16_MARKS, opening, to_its_end, unzipped, with_head
from labeling.importing.texts import LineError

_DELIMITERS = ",;\t"
_ZIP = b"PK\x03\x04"
# The module's own limit, for all who use it, is below that of one text here. `_Lines` has a limit of its own.
csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))


def read(stream: BinaryIO) -> Iterator[PromptLine | Rejected]:
    """Every row after the header that is not blank, as a prompt line or with the reason why it cannot be one."""
    return to_its_end(_read(stream))


class _Lines:
    """Lines of text for the csv module, which asks for more until a record ends. A record that is too long ends with a
    LineError instead; the module then goes on at the next line."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._back = ""
        self._size = 0
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line, self._back = self._back or self._text.readline(MAX_LINE), ""
        if not line:
            raise StopIteration
        self.number += 1
        self._size += len(line)
        if self._size >= MAX_LINE:
            while line and not line.endswith(("\n", "\r")):
                line = self._text.readline(MAX_LINE)
            raise LineError(f"The row is {TOO_LONG}. Perhaps a quote is not closed.")
        return line

    def begin(self) -> int:
        """The line that the next record begins on."""
        self._size = 0
        return self.number + 1

    def put_back(self, line: str) -> None:
        self._back = line
        self.number -= 1


def _read(stream: BinaryIO) -> Iterator[PromptLine | Rejected]:
    whole = unzipped(stream)
    head = opening(whole)
    if head.startswith(_ZIP):
        yield Rejected(1, "This is a spreadsheet or another zipped file. Save the table as CSV.")
        return
    binary = with_head(head, whole)
    # Bytes that are not UTF-8 come through, so that only their row is lost.
    if head.startswith(UTF16_MARKS):
        text = io.TextIOWrapper(binary, "utf-16", "surrogatepass", newline="")
    else:
        text = io.TextIOWrapper(binary, "utf-8-sig", "surrogateescape", newline="")
    lines = _Lines(text)
    try:
        yield from _rows(lines)
    except UnicodeError:
        yield Rejected(lines.number + 1, "The file is cut off in the middle of a character.")


def _rows(lines: _Lines) -> Iterator[PromptLine | Rejected]:
    start = 1
    try:
        first, delimiter = _first(lines)
        lines.put_back(first)
        start = lines.begin()
        reader = csv.reader(lines, delimiter=delimiter or _sniffed(first), strict=True)
        columns = Columns(_legible(next(reader)))
    except (csv.Error, LineError) as error:
        yield Rejected(start, _explained(error, start, lines.number))
        return
    while True:
        start = lines.begin()
        try:
            row = next(reader)
            if any(cell and not cell.isspace() for cell in row):
                if len(row) != columns.width:
                    raise LineError(f"The row has {len(row)} cells where the header has {columns.width}.")
                yield parse(columns.prompt_line(_legible(row)), start)
        except StopIteration:
            return
        except (csv.Error, LineError) as error:
            yield Rejected(start, _explained(error, start, lines.number))


def _first(lines: _Lines) -> tuple[str, str]:
    """The first line that is not blank, and the delimiter that a line before it names, as Excel writes it."""
    delimiter = ""
    for line in lines:
        lines.begin()
        text = line.strip("\r\n ")
        if text.startswith("sep=") and text[4:] in [*_DELIMITERS]:
            delimiter = text[4:]
        elif not text.isspace() and text:
            return line, delimiter
    raise LineError("The file is empty. Its first row must name the columns.")


def _sniffed(header: str) -> str:
    """The delimiter with which most columns of a header mean something."""

    def meant(delimiter: str) -> tuple[int, int]:
        names = next(csv.reader([header], delimiter=delimiter), [])
        return sum(map(known, names)), len(names)

    return max(_DELIMITERS, key=meant)


def _legible(row: list[str]) -> list[str]:
    for cell in row:
        if not cell.isascii():
            try:
                cell.encode()
            except UnicodeEncodeError as error:
                raise LineError("There are bytes in the row that are not UTF-8. Save the file as UTF-8.") from error
    return row


def _explained(error: Exception, start: int, end: int) -> str:
    said = str(error)
    if "expected after" in said:
        said = "A quoted cell goes on after its closing quote. Write a quote that belongs to the text twice."
    elif "unexpected end" in said:
        said = "A quote is opened here and never closed."
    elif isinstance(error, csv.Error):
        said = f"This is not CSV: {said}."
    return f"{said} Lines {start:,} to {end:,} are left out." if end > start else said
