"""Files of prompts: read as they come in, or stored and read by a worker, and called off.

Lines are stored a batch and a transaction at a time, and the import's counts with them: their sum says how far it got.
So a file can be sent again and an import taken up again, after whatever broke it off, and nothing is doubled.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO

from django.core.files import File
from django.db import DatabaseError, Error, InterfaceError, OperationalError, transaction

from labeling.errors import Conflict, Invalid
from labeling.importing import SOURCES, PromptLine, Rejected
from labeling.models import Project, PromptImport, User, WorkState
from labeling.services import background, batches, events, spool
from labeling.services.batches import Batch, Refused, Tally

ERRORS_IN_ANSWER = 100
STORE_TRIES = 4
WATCH_SECONDS = 1.0
# After so long a worker lets another file go before, if one waits.
TURN_SECONDS = 60.0
# How many files of a project may wait.
MOST_WAITING = 50

# Faults of a line: its data, a rule of the database, a limit, something that a trigger raised.
_OF_LINES = ("22", "23", "54", "P0")
# Two transactions in each other's way: the same again goes well.
_PASSING = ("40", "55")
_DISK_FULL = "53100"
_AGAIN = "Send the file again: lines that are in change nothing."

logger = logging.getLogger(__name__)


class _Stopped(Exception):
    """The worker is to stop, or another file is to have its turn."""


@dataclass
class ImportReport:
    """What became of a file so far. `errors` holds the first hundred; the record of the import holds the rest."""

    record: PromptImport
    errors: list[Refused] = field(default_factory=list)

    @property
    def imported(self) -> int:
        """How many prompts are new."""
        return self.record.imported

    @property
    def updated(self) -> int:
        """How many prompts are changed."""
        return self.record.updated

    @property
    def unchanged(self) -> int:
        """How many lines were known."""
        return self.record.unchanged

    @property
    def rejected(self) -> int:
        """How many lines were left out."""
        return self.record.rejected

    def add(self, tally: Tally) -> None:
        """Takes in what became of a batch that is stored."""
        for name in ("imported", "updated", "unchanged", "duplicates"):
            setattr(self.record, name, getattr(self.record, name) + getattr(tally, name))
        self.record.rejected += len(tally.bad)
        self.errors += tally.bad[: max(0, ERRORS_IN_ANSWER - len(self.errors))]


def import_lines(
    project: Project,
    lines: Iterable[PromptLine | Rejected],
    *,
    source: str,
    filename: str = "",
    size: int | None = None,
    read: Callable[[], int] | None = None,
    by: User,
) -> ImportReport:
    """Stores the good lines and reports the bad ones, a batch and a transaction at a time.

    A line whose key is known already updates its prompt or changes nothing, so a file can be sent again, also
    after it broke off. What a prompt says is not changed any more once somebody has taken it.

    `lines` are read in a thread of their own, which must not use the database. `size` is how many bytes the file has
    and `read` how many of them were read, where that is known. Raises what reading them raises, and Conflict when the
    import is called off; what was stored by then stays.
    """
    record = PromptImport.objects.create(
        project=project, by=by, source=source, filename=_name(filename), size=size, **background.claimed()
    )
    report = ImportReport(record)
    try:
        _read(report, lines, read=read or (lambda: None))
        _finish(report)
    except background.Lost as error:
        record.refresh_from_db()
        raise Conflict(record.reason or "The import was called off.") from error
    except BaseException as error:
        with suppress(Error):
            _fail(record, _in_words(error))
        raise
    return report


def _name(filename: str) -> str:
    return batches.refused(0, filename).message[:255]


def _read(
    report: ImportReport,
    lines: Iterable[PromptLine | Rejected],
    *,
    read: Callable[[], int | None],
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Stores all lines that are not behind the import yet. Raises Lost or _Stopped between batches."""
    record = report.record
    stop = threading.Event()
    ready = batches.prepared(lines, record, skip=record.judged, read=read, stopped=stop.is_set)
    with background.kept_alive(record), ThreadPoolExecutor(1, thread_name_prefix="import") as reader:
        ahead = _Ahead(reader, ready)
        try:
            while (batch := ahead.next(lambda: _watch(record, should_stop))) is not None:
                _store(report, batch, ahead.begin)
                if should_stop():
                    raise _Stopped
        finally:
            stop.set()


class _Ahead:
    """Batches that are made ready by a thread of their own, each while the one before it is stored.

    Not from the first moment on: while one thread computes, another gets its turn at Python only every few
    milliseconds, and sending a batch to the database takes many turns. So the next is begun when that is done.
    """

    def __init__(self, reader: ThreadPoolExecutor, ready: Iterator[Batch]) -> None:
        self._reader = reader
        self._ready = ready
        self._following: Future[Batch | None] | None = None

    def begin(self) -> None:
        """Has the next one made ready, unless it is already."""
        self._following = self._following or self._reader.submit(next, self._ready, None)

    def next(self, watch: Callable[[], None]) -> Batch | None:
        """The next one, None after the last. `watch` is called now and then while it is awaited."""
        self.begin()
        assert self._following is not None
        while not wait([self._following], timeout=WATCH_SECONDS).done:
            watch()
        following, self._following = self._following, None
        return following.result()


def _watch(record: PromptImport, should_stop: Callable[[], bool]) -> None:
    background.still_held(record)
    if should_stop():
        raise _Stopped


def _store(report: ImportReport, batch: Batch, meanwhile: Callable[[], None]) -> None:
    """Stores a batch with its counts. A line that breaks it is found by halves and left out."""
    record = report.record
    for tried in range(1, STORE_TRIES + 1):
        try:
            with transaction.atomic():
                tally = batches.store(record, batch, meanwhile)
                _advance(record, batch, tally)
            break
        except Conflict:  # others work on its prompts at this moment
            if tried == STORE_TRIES:
                raise
        except DatabaseError as error:
            state = _sqlstate(error)
            if state.startswith(_OF_LINES):
                _store_parts(report, batch, error, meanwhile)
                return
            if not state.startswith(_PASSING) or tried == STORE_TRIES:
                raise
    else:
        raise AssertionError("it is stored or raises")
    report.add(tally)
    record.tries = 0


def _advance(record: PromptImport, batch: Batch, tally: Tally) -> None:
    """The counts with the batch in them, in its own transaction. Raises Lost, which takes the batch back."""
    counts = {
        name: getattr(record, name) + getattr(tally, name)
        for name in ("imported", "updated", "unchanged", "duplicates")
    }
    if batch.bytes_read is not None:
        record.bytes_read = batch.bytes_read
    background.still_held(
        record, **counts, rejected=record.rejected + len(tally.bad), bytes_read=record.bytes_read, tries=0
    )


def _store_parts(report: ImportReport, batch: Batch, error: DatabaseError, meanwhile: Callable[[], None]) -> None:
    if len(batch.items) > 1:
        for half in batch.halves():
            _store(report, half, meanwhile)
        return
    (item,) = batch.items
    if isinstance(item, Refused):
        raise error
    why = str(error).strip().partition("\n")[0]
    bad = batches.refused(item.line.line, f"The database cannot take this line: {why}.", batches.written(item.line))
    _store(report, Batch([bad], batch.bytes_read), meanwhile)


def _sqlstate(error: Error) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""


def _finish(report: ImportReport) -> None:
    record = report.record
    with transaction.atomic():
        if not background.end(record, WorkState.DONE):
            raise background.Lost
        events.record(
            "prompts.imported",
            record,
            by=record.by,
            project=record.project,
            source=record.source,
            imported=record.imported,
            updated=record.updated,
            unchanged=record.unchanged,
            rejected=record.rejected,
            duplicates=record.duplicates,
        )
    record.refresh_from_db()


def _fail(record: PromptImport, reason: str) -> None:
    with transaction.atomic():
        if background.end(record, WorkState.FAILED, reason):
            events.record("import.failed", record, by=None, project=record.project, reason=reason)
            record.refresh_from_db()


def _in_words(error: BaseException) -> str:
    """Why an import ended early, for whoever sent the file."""
    if isinstance(error, FileNotFoundError):
        return f"The stored file is gone. {_AGAIN}"
    if isinstance(error, Error):
        full = _sqlstate(error) == _DISK_FULL
        what = "The disk of the database server is full." if full else "The database did not answer."
        return f"{what} {_AGAIN}"
    if isinstance(error, OSError):
        return f"The file could not be read to its end ({error.strerror or error}). {_AGAIN}"
    return f"It broke off ({type(error).__name__}). {_AGAIN}"


def send(project: Project, file: BinaryIO | File[bytes], *, source: str, filename: str = "", by: User) -> PromptImport:
    """Stores a file for a worker to read. Raises Invalid, Conflict, TooLarge or NoRoom."""
    if source not in SOURCES:
        raise Invalid(f"There is no source “{source}”.")
    waiting = PromptImport.objects.filter(project=project, state=WorkState.WAITING).count()
    if waiting >= MOST_WAITING:
        raise Conflict(f"{waiting} files wait to be read already. Send this one when some are done.")
    stored_as, size = spool.save(file)
    try:
        with transaction.atomic():
            record = PromptImport.objects.create(
                project=project,
                by=by,
                source=source,
                filename=_name(filename),
                stored_as=stored_as,
                size=size,
                in_background=True,
            )
            events.record("import.sent", record, by=by, project=project, source=source, size=size)
    except BaseException:
        spool.delete(stored_as)
        raise
    return record


def cancel(record: PromptImport, *, by: User) -> None:
    """Calls an import off, before its next batch is stored. What is in stays. Raises Conflict when it has ended."""
    with transaction.atomic():
        if not background.call_off(record, f"{by} called it off. Lines that were in by then stay."):
            raise Conflict("This import has ended already.")
        events.record("import.cancelled", record, by=by, project=record.project)
        transaction.on_commit(lambda: _forget(record))


def _forget(record: PromptImport) -> None:
    """Deletes the file of an import that has ended."""
    if record.stored_as:
        spool.delete(record.stored_as)
        PromptImport.objects.filter(pk=record.pk).update(stored_as="")


def is_waiting() -> bool:
    """Whether a worker is needed."""
    return background.is_waiting(PromptImport)


def reclaim() -> None:
    """Puts back the imports of workers that died, and ends those that nobody can take up again."""
    for record in background.reclaim(PromptImport, reason=f"Whoever read it is gone. {_AGAIN}"):
        events.record("import.failed", record, by=None, project=record.project, reason=record.reason)
        _forget(record)


def work(*, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Reads the files that wait, one after the other. Returns how many it took up."""
    taken = 0
    while not should_stop():
        record = background.take(PromptImport)
        if record is None:
            break
        taken += 1
        _work_on(record, should_stop)
    if taken:
        _sweep()
    return taken


def _work_on(record: PromptImport, should_stop: Callable[[], bool]) -> None:
    began = time.monotonic()

    def enough() -> bool:
        if should_stop():
            return True
        others = PromptImport.objects.filter(state=WorkState.WAITING, in_background=True)
        return time.monotonic() - began > TURN_SECONDS and others.exists()

    report = ImportReport(record)
    try:
        with spool.opened(record.stored_as) as stream:
            _read(report, SOURCES[record.source](stream), read=stream.tell, should_stop=enough)
        _finish(report)
    except background.Lost:
        return  # called off, or another worker's by now: the file is theirs
    except _Stopped:
        background.put_back(record)
        return
    except (OperationalError, InterfaceError) as error:
        background.recover()
        if _sqlstate(error) != _DISK_FULL and background.lose(record, _in_words(error)):
            return
        _fail(record, _in_words(error))
    except Exception as error:
        if not isinstance(error, OSError):
            logger.exception("%s broke off", record)
        _fail(record, _in_words(error))
    _forget(record)


def _sweep() -> None:
    """Deletes files that nobody is going to read: their web process died before their row was made."""
    for name in spool.names():
        if not PromptImport.objects.filter(stored_as=name).exists():
            spool.delete(name)
