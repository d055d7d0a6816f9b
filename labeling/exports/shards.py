"""From examples to the files of a release, one shard after the other: all formats and parts in one pass.

A shard is a contiguous range of prompts in the order of their ids, or in the one that a seed draws. It becomes local
files, which whoever asked stores (or compares) before the next is begun. Memory holds what one prompt says and the rows
that wait to be set apart, the index of a shard where its prompts are shuffled, and, where a format leaves out rows that
repeat others, a hash of each of its rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from labeling.exports import examples, leaders, parquet
from labeling.exports.choices import Choice
from labeling.exports.cleaning import Cleaning, Tools
from labeling.exports.division import Division
from labeling.exports.files import KINDS, LineWriter, digest
from labeling.exports.held import Held
from labeling.exports.index import IndexWriter
from labeling.exports.plans import Plan
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.spreading import Spread
from labeling.exports.stream import cleaning_of, encode, gives_rows, rows_of, seen_by
from labeling.exports.totals import Totals

HASH_BYTES = 16  # of labeling.exports.cleaning.content_hash


def seen_path(format: str, number: int) -> str:
    """Where the hashes of a shard's rows lie in the release."""
    return f"index/{format}-{number:05}.seen"


@dataclass(frozen=True)
class MadeFile:
    """A file of rows as it lies on this machine, and where it belongs in the release. `part` "" is the whole."""

    local: Path
    path: str
    format: str
    split: str
    rows: int
    bytes: int
    sha256: str

    @property
    def as_dict(self) -> dict[str, Any]:
        """What is kept of it."""
        names = ("path", "format", "split", "rows", "bytes", "sha256")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Made:
    """A shard that is made. `index` has the paths of its indexes in the release with the files on this machine, and of
    the hashes of its rows where rows that repeat others are left out.

    `totals` count everything up to its end.
    """

    number: int
    last: int
    leaders: tuple[int, ...]
    prompts: int
    files: tuple[MadeFile, ...]
    index: dict[str, Path]
    totals: Totals


@dataclass(frozen=True)
class Standing:
    """How far a release is: behind shard `number`, whose last prompt is `last`; -1 for nothing."""

    number: int = -1
    last: int = 0
    leaders: tuple[int, ...] = ()
    totals: Totals = field(default_factory=Totals)
    # By the names of formats: the hashes of all rows that are there, where repeated ones are left out.
    seen: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Making:
    """What all shards of one try have in common: what is asked for, and what it is made with."""

    book: examples.Book
    plan: Plan
    divided: Division
    folder: Path
    tools: Tools = field(default_factory=Tools)


def made(making: Making, *, standing: Standing | None, tick: Callable[[int], None]) -> Generator[Made, None, None]:
    """The shards that are still to come. Their local files are gone when the next one is asked for.

    `standing` None begins with the first, and finds the prompts that lead. `tick` is told of every prompt how many it
    has been since. Raises what `tick` raises, and `parquet.Unfit`.
    """
    behind = standing or Standing()
    book, plan = making.book, making.plan
    keys = examples.message_keys(book) if KINDS[plan.files].columns else ()
    cleaning = {choice.format.name: _cleaning(choice, making.tools, behind) for choice in plan.choices}
    led = behind.leaders
    leading: Iterator[Example] = iter(())
    if standing is None:
        between = partial(tick, 0)
        first = leaders.leaders(book, [gives_rows(choice, making.tools, between=between) for choice in plan.choices])
        led, leading = tuple(prompt.id for prompt in first), book.examples(first)
    number, last, done, filled = behind.number + 1, behind.last, 0, 0
    shard = _Shard(making, number, behind.totals, cleaning, keys)
    try:
        for example in leading:
            shard.add(example, leads=True)
            done += 1
            tick(done)
        # Closed whatever happens: it reads ahead, and the connection must not be closed before.
        with closing(examples.following(book, led=set(led), after=behind.last)) as following:
            for example in following:
                if filled == plan.shard_prompts:
                    yield shard.made(last, led)
                    shutil.rmtree(shard.folder)
                    number, filled = number + 1, 0
                    shard = _Shard(making, number, shard.totals, cleaning, keys)
                shard.add(example, leads=False)
                last, done, filled = example.prompt.id, done + 1, filled + 1
                tick(done)
        if shard.prompts:
            yield shard.made(last, led)
            shutil.rmtree(shard.folder)
    finally:
        shard.close()


def _cleaning(choice: Choice, tools: Tools, behind: Standing) -> Cleaning:
    """What the rows of a format go through: it knows what is in the shards that are there."""
    totals = behind.totals.of(choice.format.name)
    found = cleaning_of(choice, tools, totals.removed, escaped=totals.escaped)
    seen = behind.seen.get(choice.format.name, b"")
    found.knows(seen[at : at + HASH_BYTES] for at in range(0, len(seen), HASH_BYTES))
    found.fresh = []
    return found


class _Shard:
    """The files of one shard while they are written."""

    def __init__(
        self, making: Making, number: int, totals: Totals, cleaning: Mapping[str, Cleaning], keys: tuple[str, ...]
    ) -> None:
        self.plan, self.number, self.totals = making.plan, number, totals
        self.folder = making.folder / f"{number:05}"
        self.folder.mkdir()
        self.prompts = 0
        self._divided, self._people, self._keys = making.divided, making.book.people, keys
        self._shuffled = making.book.scope.shuffled is not None
        self._cleaning = cleaning
        self._sheets: dict[tuple[str, str], _Sheet] = {}
        self._index: dict[str, IndexWriter] = {}

    def add(self, example: Example, *, leads: bool) -> None:
        """Takes in a prompt with what was said about it."""
        self.prompts += 1
        part, is_apart = self._divided.of(example.prompt), self._divided.is_apart(example.prompt)
        held = Held(example)
        for choice in self.plan.choices:
            name = choice.format.name
            totals = self.totals.of(name)
            if part is None:
                totals.removed.add("split_conflict")
                continue
            rows = list(rows_of(choice, example, totals.removed, self._cleaning[name]))
            totals.escaped = self._cleaning[name].escaped
            if rows:
                held.add(rows, choice.policies, seen_by(choice, example, Removed()))
                totals.apart += is_apart
                self._index_of(name).add(example.prompt.id, rows, leads=leads or self._shuffled)
                self._sheet(choice, part).add(rows)
        if held.rows:
            self.totals.hold(held, self._people)

    def _sheet(self, choice: Choice, part: str) -> _Sheet:
        name = choice.format.name
        if (name, part) not in self._sheets:
            self._sheets[name, part] = _Sheet(self.folder, choice, part, self.plan, self.totals)
        return self._sheets[name, part]

    def _index_of(self, name: str) -> IndexWriter:
        if name not in self._index:
            self._index[name] = IndexWriter(self.folder / f"{name}.tsv")
        return self._index[name]

    def made(self, last: int, leaders: tuple[int, ...]) -> Made:
        """Ends the files and says what is in them."""
        for sheet in self._sheets.values():
            sheet.end()
        self.close()
        if KINDS[self.plan.files].columns:
            self._to_columns()
        order = [(choice.format.name, part) for choice in self.plan.choices for part in self.plan.parts]
        return Made(
            number=self.number,
            last=last,
            leaders=leaders,
            prompts=self.prompts,
            files=tuple(self._sheets[key].file(self.number) for key in order if key in self._sheets),
            index={f"index/{name}-{self.number:05}.tsv": index.path for name, index in self._index.items()}
            | {seen_path(name, self.number): path for name, path in self._seen().items()},
            totals=self.totals,
        )

    def _seen(self) -> dict[str, Path]:
        """The hashes of the rows that came with this shard, as files."""
        found = {}
        for name, cleaning in self._cleaning.items():
            if cleaning.fresh:
                found[name] = self.folder / f"{name}.seen"
                found[name].write_bytes(b"".join(cleaning.fresh))
            cleaning.fresh = []
        return found

    def _to_columns(self) -> None:
        for choice in self.plan.choices:
            sheets = [sheet for (name, _), sheet in self._sheets.items() if name == choice.format.name]
            totals = self.totals.of(choice.format.name)
            if sheets and totals.columns is None:
                found: parquet.Type = "unknown"
                for sheet in sheets:
                    found = parquet.columns_of(sheet.writer.path, found, self._keys)
                totals.columns = found
            for sheet in sheets:
                sheet.to_columns(totals.columns)

    def close(self) -> None:
        """Closes every file, whatever is in it."""
        for sheet in self._sheets.values():
            sheet.writer.close()
        for index in self._index.values():
            index.close()


class _Sheet:
    """The rows of one format in one part of a shard."""

    def __init__(self, folder: Path, choice: Choice, part: str, plan: Plan, totals: Totals) -> None:
        self._kind = KINDS[plan.files]
        self._part, self._name = part, choice.format.name
        self._totals = totals.of(self._name)
        self._spread = Spread() if choice.format.apart else None
        self.writer = LineWriter(folder / f"{self._name}.{part}", self._kind)
        self._local = self.writer.path

    def add(self, rows: list[Row]) -> None:
        """The rows of a prompt, of which some may have to wait."""
        if self._spread:
            for opens, row in self._spread.add(rows):
                self._write(row, opens=opens)
        else:
            for place, row in enumerate(rows):
                self._write(row, opens=place == 0)

    def _write(self, row: Row, *, opens: bool) -> None:
        line = encode(row)
        self._totals.see(self._part, row, line, opens=opens)
        self.writer.write(line)

    def end(self) -> None:
        """Writes the rows that still wait: no shard waits for the next."""
        for opens, row in self._spread.rest() if self._spread else ():
            self._write(row, opens=opens)

    def to_columns(self, columns: parquet.Type) -> None:
        """Makes the file anew, of columns."""
        self._local = self.writer.path.with_name(f"{self.writer.path.name}.columns")
        parquet.write(self.writer.path, self._local, columns)

    def file(self, number: int) -> MadeFile:
        """What is in the file, which is whole."""
        return MadeFile(
            local=self._local,
            path=f"{self._name}/{self._part}-{number:05}.{self._kind.ending}",
            format=self._name,
            split="" if self._part == "all" else self._part,
            rows=self.writer.rows,
            bytes=self._local.stat().st_size,
            sha256=digest(self._local),
        )
