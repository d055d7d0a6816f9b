"""From examples to bytes: the one way in which every door (call, page, command) makes an export."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from labeling.errors import Conflict, Fault, Invalid
from labeling.exports import examples, leaders, tokens
from labeling.exports.checks import Watch, about_apart, about_hosted, about_ignored, about_labels
from labeling.exports.choices import Choice
from labeling.exports.cleaning import CLEANING, VERBATIM, Cleaning, Tools
from labeling.exports.policies import Dedupe, Order, Policies, SplitBy
from labeling.exports.records import Example, Row
from labeling.exports.removed import RULES, Removed
from labeling.exports.reviewed import reviewed
from labeling.exports.scope import Scope
from labeling.exports.splits import HELD_OUT, Splits, held_out_by
from labeling.exports.spreading import apart
from labeling.text import compact_json

_LINE_ENDS = [(end.encode(), f"\\u{ord(end):04x}".encode()) for end in "\x85\u2028\u2029"]
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


def encode(row: Row) -> bytes:
    """A row as one line of strict JSON in UTF-8, with its line feed.

    Letters stay as they are. Line ends of every kind are escaped, those of Unicode too: readers that split at them
    would cut a row in two. Raises ValueError for what is not JSON, such as NaN or half of a character.
    """
    line = compact_json(row)
    if not line.isascii():
        # The others that Python's splitlines knows (VT, FF, FS, GS, RS) are below U+0020: JSON has escaped them.
        for end, escaped in _LINE_ENDS:
            line = line.replace(end, escaped)
    return line + b"\n"


def scope_of(choice: Choice) -> Scope:
    """What is read for an export, of all its splits."""
    return Scope(
        project_id=choice.project.pk,
        queue_id=choice.queue.pk if choice.queue else None,
        unanswered=choice.format.unanswered,
        leads=choice.format.leads,
        provenance=choice.format.provenance,
        selection=choice.selection,
        shuffled=choice.policies.seed if choice.policies.order is Order.SHUFFLED else None,
    )


def cleaning_of(choice: Choice, tools: Tools, removed: Removed, *, escaped: int = 0) -> Cleaning:
    """What the rows of an export go through. Some formats show everything as it is stored.

    `escaped` is how many rows were changed before, where it goes on with a file.
    """
    verbatim = choice.format.name in VERBATIM
    made = Cleaning(Policies() if verbatim else choice.policies, Tools() if verbatim else tools, removed)
    made.escaped = escaped
    return made


def about_escaped(number: int) -> list[str]:
    """What to know about rows that cleaning has changed."""
    rows = "1 row" if number == 1 else f"{number:,} rows"
    return [f"Control tokens in {rows} were broken up by a space after their first character."] if number else []


def about_files(choice: Choice, files: Iterable[tuple[str, int, int]], *, benchmark: bool) -> list[str]:
    """What to know about files of a format as such: each with its part, "" for the whole, its rows and its bytes."""
    said = about_hosted(files) if choice.format.hosted else []
    if choice.format.name not in VERBATIM:
        return said
    asked, usual = choice.policies, Policies()
    ignored = [name for name in CLEANING if getattr(asked, name) != getattr(usual, name)]
    return said + about_ignored(ignored + ["benchmark"] * benchmark)


def seen_by(choice: Choice, example: Example, removed: Removed) -> Example:
    """What the format of a choice sees of an example: without the answers that reviews leave out."""
    return example if choice.format.every_answer else reviewed(example, choice.policies, removed)


def rows_of(choice: Choice, example: Example, removed: Removed, cleaning: Cleaning) -> Iterable[Row]:
    """The rows of one prompt in the format of a choice. A prompt that nobody has answered is for some formats alone."""
    removed.add("withdrawn", example.withdrawn)
    seen = seen_by(choice, example, removed)
    if not seen.annotations and not choice.format.unanswered:
        return ()
    return cleaning.clean(choice.format.rows(seen, choice.policies, removed), example.prompt)


def gives_rows(choice: Choice, tools: Tools, *, between: Callable[[], None] | None = None) -> leaders.Gives:
    """Whether a prompt gives a row in the format of a choice, whatever stands in the file already. `between` is called
    before each that is tried.
    """
    alone = replace(choice, policies=replace(choice.policies, dedupe=Dedupe.NONE))

    def gives(example: Example) -> bool:
        if between:
            between()
        uncounted = Removed()
        return any(True for _ in rows_of(alone, example, uncounted, cleaning_of(alone, tools, uncounted)))

    return gives


class _Rows:
    """The rows of an export, each with whether it is its prompt's first.

    Holds a database connection until it ends or is closed. `warnings` is complete at the end.
    """

    def __init__(
        self, choice: Choice, removed: Removed, tools: Tools, between: Callable[[], None] | None = None
    ) -> None:
        if choice.policies.tokenizer and tools.count is tokens.estimate:
            said = "Releases and the command count with a tokenizer. Leave it out here: tokens are counted by bytes."
            raise Invalid(said, errors=[Fault("tokenizer", said)])
        self._choice = choice
        self._removed = removed
        self._tools = tools
        self._between = between
        self._cleaning = cleaning_of(choice, tools, removed)
        self._apart = 0
        self._rows = self._opened()

    def __iter__(self) -> Iterator[tuple[bool, Row]]:
        return self._rows

    def close(self) -> None:
        self._rows.close()

    @property
    def warnings(self) -> list[str]:
        """What was changed on the way, and what stands where it should not."""
        return about_apart(self._apart) + about_escaped(self._cleaning.escaped)

    def _opened(self) -> Generator[tuple[bool, Row], None, None]:
        choice = self._choice
        policies = choice.policies
        with examples.snapshot() as own:
            by_tag = policies.split is not None and policies.split_by is SplitBy.TAG
            tagged = examples.held_out(own, choice.project.pk, HELD_OUT) if by_tag else ()
            splits = Splits(policies, self._removed, held_out_by(tagged))
            scope = replace(scope_of(choice), wanted=splits.wants, grouped=policies.split is not None)
            gives = gives_rows(choice, self._tools, between=self._between)
            # Closed in their turn, or what is on its way would be waited for on a connection that is closed.
            with (
                closing(leaders.read(own, scope, gives)) as found,
                closing(self._of(found, splits)) as prompts,
                closing(apart(prompts) if choice.format.apart else _in_turn(prompts)) as rows,
            ):
                yield from rows

    def _of(self, found: Iterable[Example], splits: Splits) -> Generator[list[Row], None, None]:
        """The rows of each prompt."""
        for example in found:
            if self._between:
                self._between()
            rows = list(rows_of(self._choice, example, self._removed, self._cleaning))
            if rows and self._choice.policies.split is not None:
                self._apart += splits.is_apart(example.prompt)
            yield rows


def _in_turn(prompts: Iterable[list[Row]]) -> Generator[tuple[bool, Row], None, None]:
    """The rows of all prompts, each with whether it is its prompt's first."""
    for rows in prompts:
        for place, row in enumerate(rows):
            yield place == 0, row


def _why_empty(choice: Choice, removed: Removed) -> str:
    reasons = "; ".join(f"{number:,} {RULES[rule]}" for rule, number in removed.as_dict().items())
    where = f" in the split “{choice.policies.split}”" if choice.policies.split else ""
    because = f" Left out: {reasons}." if reasons else ""
    return (
        f"There is nothing to export as “{choice.format.name}”{where} yet, and a file without rows would break "
        f"whatever loads it.{because}{_what_to_do(choice)}"
    )


def _what_to_do(choice: Choice) -> str:
    """How an empty split comes to have rows."""
    split = choice.policies.split
    if split is None:
        return ""
    if choice.policies.split_by is SplitBy.TAG:
        return f" Tag prompts with “{split}” and have them answered, or export without a split."
    return " Have more prompts answered, give this split a larger share (ratios), or export without a split."


class Export:
    """The bytes of one export, as an iterator over chunks of whole lines.

    `tools` counts tokens and knows a benchmark; without it tokens are counted by bytes. `between` is called before the
    rows of each prompt are made. The first row is made at once, so what is wrong shows before the first byte is sent:
    Invalid is raised for a choice that needs a tool which is not there, EmptyExport where there is no row. `columns`
    are those of the rows. `report` is complete when the iterator is at its end. An error on the way comes out of the
    iterator: whoever sends the bytes must break off then, and not end the file as if it were whole. Close it when it is
    not read to its end: it holds a database connection.
    """

    def __init__(
        self,
        choice: Choice,
        *,
        watch: bool = True,
        tools: Tools | None = None,
        between: Callable[[], None] | None = None,
    ) -> None:
        self.report = Report(choice.as_dict)
        self._removed = Removed()
        self._choice, self._benchmark = choice, bool(tools and tools.benchmark)
        self._watch = Watch() if watch else None
        self._rows = _Rows(choice, self._removed, tools or Tools(), between)
        first = next(iter(self._rows), None)
        if first is None:
            raise EmptyExport(_why_empty(choice, self._removed), data={"removed": self._removed.as_dict()})
        # Every row has those of the first.
        self.columns = tuple(first[1])
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
            data = encode(row)
            if self._watch:
                self._watch.see(row, data, before=report.bytes)
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
        report.warnings = [*self._rows.warnings, *(self._watch.warnings() if self._watch else [])]
        if any(labels.values()):
            report.labels = {"true": labels[True], "false": labels[False]}
            report.warnings += about_labels(labels[True], labels[False])
        part = self._choice.policies.split or ""
        files = [(part, report.rows, report.bytes)]
        report.warnings += about_files(self._choice, files, benchmark=self._benchmark)

    def _with_first(self, first: tuple[bool, Row]) -> Iterator[tuple[bool, Row]]:
        yield first
        yield from self._rows


def measure(choice: Choice, tools: Tools | None = None, between: Callable[[], None] | None = None) -> Report:
    """The report of an export without its bytes: rows, size and hash, what was left out, warnings. Reads it all.

    An export without rows is reported as one of 0 rows.
    """
    try:
        export = Export(choice, tools=tools, between=between)
    except EmptyExport as error:
        return Report(choice.as_dict, removed=error.data["removed"])
    with closing(export):
        for _ in export:
            pass
    return export.report


def unshuffled(choice: Choice) -> Choice:
    """The same rows as they were imported: whoever wants a few need not wait until all prompts are put in an order."""
    return replace(choice, policies=replace(choice.policies, order=Order.IMPORTED))


def preview(choice: Choice, number: int, tools: Tools | None = None) -> list[Row]:
    """Some rows of an export, the first ones unless it is shuffled; none where it is empty."""
    found = _Rows(unshuffled(choice), Removed(), tools or Tools())
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
