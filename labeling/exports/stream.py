"""From examples to bytes: the one way in which every door (call, page, command) makes an export."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from labeling.errors import Conflict
from labeling.exports import examples
from labeling.exports.checks import Watch, about_labels
from labeling.exports.choices import Choice
from labeling.exports.policies import split_of
from labeling.exports.records import Example, Row
from labeling.exports.removed import RULES, Removed
from labeling.exports.spreading import apart

CHUNK = 64 * 1024  # bytes: large enough that sending is cheap, small enough that the first rows come at once


class EmptyExport(Conflict):
    """There is no row to export. A file without rows is refused: readers fail on it in ways that nobody understands."""

    code = "empty_export"


@dataclass
class Report:
    """What came out, and what each rule left out. Complete once the export is at its end.

    `labels` counts the rows that are labelled true and false, where the format has labels.
    """

    choice: dict[str, str]
    rows: int = 0
    prompts: int = 0
    bytes: int = 0
    sha256: str = ""
    labels: dict[str, int] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> list[tuple[str, int]]:
        """What each rule removes, in words, and how often it did."""
        return [(RULES[rule], number) for rule, number in self.removed.items()]

    @property
    def said(self) -> list[str]:
        """The report in sentences, for a terminal or a page."""
        rows, prompts = ("row" if self.rows == 1 else "rows"), ("prompt" if self.prompts == 1 else "prompts")
        lines = [f"{self.rows:,} {rows} from {self.prompts:,} {prompts}, {self.bytes:,} bytes."]
        if self.labels:
            lines.append(f"{self.labels['true']:,} labelled true, {self.labels['false']:,} labelled false.")
        lines += [f"Left out: {number:,} {meaning}." for meaning, number in self.left_out]
        return lines + [f"Warning: {warning}" for warning in self.warnings]


def encode(row: Row) -> str:
    """A row as one line of strict JSON, with its line feed.

    Letters stay as they are. Line ends of every kind are escaped, those of Unicode too: readers that split at them
    would cut a row in two. Raises ValueError for what is not JSON, such as NaN.
    """
    line = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if not line.isascii():
        # The others that Python's splitlines knows (VT, FF, FS, GS, RS) are below U+0020: JSON has escaped them.
        line = line.replace("\x85", "\\u0085").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return line + "\n"


def rows_of(choice: Choice, example: Example, removed: Removed) -> Iterator[Row]:
    """The rows of one prompt in the format of a choice. A prompt that nobody has answered is for some formats alone."""
    if choice.format.unanswered:
        return choice.format.rows(example, choice.policies, removed)
    removed.add("withdrawn", example.withdrawn)
    return choice.format.rows(example, choice.policies, removed) if example.annotations else iter(())


def scope_of(choice: Choice) -> examples.Scope:
    """What is read for an export."""
    split = choice.policies.split
    return examples.Scope(
        project_id=choice.project.pk,
        queue_id=choice.queue.pk if choice.queue else None,
        unanswered=choice.format.unanswered,
        wanted=lambda prompt: split is None or split_of(prompt) is split,
    )


def _open(choice: Choice, removed: Removed) -> Generator[tuple[bool, Row], None, None]:
    """The rows of an export, each with whether it is its prompt's first.

    Holds a database connection until it ends or is closed.
    """
    with examples.snapshot() as own:
        prompts = (rows_of(choice, example, removed) for example in examples.read(own, scope_of(choice)))
        if choice.format.apart:
            yield from apart(map(list, prompts))
        else:
            for rows in prompts:
                yield from ((place == 0, row) for place, row in enumerate(rows))


def _why_empty(choice: Choice, removed: Removed) -> str:
    reasons = "; ".join(f"{number:,} {RULES[rule]}" for rule, number in removed.as_dict().items())
    where = f" in the split “{choice.policies.split}”" if choice.policies.split else ""
    because = f" Left out: {reasons}." if reasons else ""
    return (
        f"There is nothing to export as “{choice.format.name}”{where} yet, and a file without rows would break "
        f"whatever loads it.{because}"
    )


class Export:
    """The bytes of one export, as an iterator over chunks of whole lines.

    The first row is made at once, so what is wrong shows before the first byte is sent; EmptyExport is raised where
    there is none. `report` is complete when the iterator is at its end. An error on the way comes out of the
    iterator: whoever sends the bytes must break off then, and not end the file as if it were whole. Close it when it
    is not read to its end: it holds a database connection.
    """

    def __init__(self, choice: Choice, *, watch: bool = True) -> None:
        self.report = Report(choice.as_dict)
        self._removed = Removed()
        self._watch = Watch() if watch else None
        self._rows = _open(choice, self._removed)
        first = next(self._rows, None)
        if first is None:
            raise EmptyExport(_why_empty(choice, self._removed), data={"removed": self._removed.as_dict()})
        self._chunks = self._encoded(first)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """Gives the database connection back. Harmless when the export is at its end."""
        self._chunks.close()
        self._rows.close()

    def _encoded(self, first: tuple[bool, Row]) -> Generator[bytes, None, None]:
        report, digest = self.report, hashlib.sha256()
        labels = {True: 0, False: 0}
        waiting: list[bytes] = []
        size = 0
        for opens, row in self._with_first(first):
            line = encode(row)
            if self._watch:
                self._watch.see(row, line, before=report.bytes)
            data = line.encode()
            report.rows += 1
            report.prompts += opens
            report.bytes += len(data)
            if "label" in row:
                labels[row["label"]] += 1
            waiting.append(data)
            size += len(data)
            if size >= CHUNK:
                chunk = b"".join(waiting)
                digest.update(chunk)
                yield chunk
                waiting, size = [], 0
        if waiting:
            chunk = b"".join(waiting)
            digest.update(chunk)
            yield chunk
        report.sha256 = digest.hexdigest()
        report.removed = self._removed.as_dict()
        report.warnings = self._watch.warnings() if self._watch else []
        if any(labels.values()):
            report.labels = {"true": labels[True], "false": labels[False]}
            report.warnings += about_labels(labels[True], labels[False])

    def _with_first(self, first: tuple[bool, Row]) -> Iterator[tuple[bool, Row]]:
        yield first
        yield from self._rows


def measure(choice: Choice) -> Report:
    """The report of an export without its bytes: rows, size and hash, what was left out, warnings. Reads it all.

    An export without rows is reported as one of 0 rows.
    """
    try:
        export = Export(choice)
    except EmptyExport as error:
        return Report(choice.as_dict, removed=error.data["removed"])
    for _ in export:
        pass
    return export.report


def preview(choice: Choice, number: int) -> list[Row]:
    """The first rows of an export, none where it is empty."""
    found = _open(choice, Removed())
    try:
        return [row for _, row in islice(found, number)]
    finally:
        found.close()


def as_json(report: Report) -> dict[str, Any]:
    """The report as the API gives it."""
    return {
        "choice": report.choice,
        "rows": report.rows,
        "prompts": report.prompts,
        "bytes": report.bytes,
        "sha256": report.sha256,
        "labels": report.labels,
        "removed": [{"rule": rule, "count": number, "meaning": RULES[rule]} for rule, number in report.removed.items()],
        "warnings": report.warnings,
    }
