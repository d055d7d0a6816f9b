"""Files that a worker reads: taken up, taken up again after whatever happened, called off, and cleared away."""

from __future__ import annotations

import errno
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db import OperationalError, connection
from django.utils import timezone
from psycopg.errors import AdminShutdown, DiskFull

from labeling.errors import Conflict, Invalid, NoRoom, TooLarge
from labeling.models import Event, Project, Prompt, PromptImport, Task
from labeling.services import background, batches, imports, spool
from tests import make

pytestmark = pytest.mark.django_db


def file_of(number: int, start: int = 0) -> bytes:
    return b"".join(
        b'{"prompt": "Question %d?", "external_id": "p%d"}\n' % (n, n) for n in range(start, start + number)
    )


def sent(project: Project, data: bytes = b"", **given: Any) -> PromptImport:
    return imports.send(
        project,
        io.BytesIO(data or file_of(25)),
        source="jsonl",
        filename="file.jsonl",
        by=make.manager(project),
        **given,
    )


def stored() -> list[str]:
    """The files that wait."""
    folder = Path(settings.MEDIA_ROOT) / spool.FOLDER
    return sorted(os.listdir(folder)) if folder.exists() else []


def counts(record: PromptImport) -> tuple[int, int, int, int]:
    record.refresh_from_db()
    return record.imported, record.updated, record.unchanged, record.rejected


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr(batches, "BATCH", 10)
    yield
    assert stored() == []


def test_it_works() -> None:
    project = make.project()
    make.queue(project)
    record = sent(project, file_of(25) + b"{}\n")
    assert (record.state, record.is_under_way, record.size) == ("waiting", True, len(file_of(25)) + 3)
    assert len(stored()) == 1
    assert imports.is_waiting()
    assert imports.work() == 1
    assert counts(record) == (25, 0, 0, 1)
    assert (record.state, record.stored_as, record.claim) == ("done", "", None)
    assert (record.bytes_read, record.percent) == (record.size, 100)
    assert Task.objects.count() == 25
    assert not imports.is_waiting()
    assert imports.work() == 0
    verbs = Event.objects.filter(target_type="promptimport", target_id=record.pk).order_by("pk")
    assert [(event.verb, event.actor) for event in verbs] == [
        ("import.sent", make.manager(project)),
        ("prompts.imported", make.manager(project)),
    ]


def test_an_upload_is_stored_wherever_django_kept_it() -> None:
    project = make.project()
    small = SimpleUploadedFile("small.jsonl", file_of(3))
    large = TemporaryUploadedFile("large.jsonl", "application/x-ndjson", len(file_of(5)), None)
    large.write(file_of(5))
    large.seek(0)
    for file in (small, large):
        imports.send(project, file, source="jsonl", filename=file.name or "", by=make.manager(project))
    large.close()
    assert imports.work() == 2
    assert list(PromptImport.objects.order_by("pk").values_list("imported", "unchanged")) == [(3, 0), (2, 3)]


def test_who_waited_longest_is_next() -> None:
    project = make.project()
    first, second = sent(project), sent(project)
    background.put_back(PromptImport.objects.get(pk=first.pk))  # it is not held, so nothing happens
    taken = background.take(PromptImport)
    assert taken == first
    assert background.take(PromptImport) is None, "one at a time"
    assert not imports.is_waiting()
    background.put_back(taken)
    assert background.take(PromptImport) == second
    PromptImport.objects.update(state="waiting", claim=None, claimed_until=None)
    imports.work()


def test_a_worker_that_is_told_to_stop_puts_it_back_and_the_next_goes_on_where_it_stood() -> None:
    project = make.project()
    record = sent(project)
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > 2  # asked before the work, and after each batch

    assert imports.work(should_stop=should_stop) == 1
    assert counts(record) == (20, 0, 0, 0)
    assert (record.state, record.tries) == ("waiting", 0)
    assert record.bytes_read > 0
    assert imports.work() == 1
    assert counts(record) == (25, 0, 0, 0), "no line was judged twice"
    assert record.state == "done"


def test_one_that_takes_long_lets_another_go_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "TURN_SECONDS", -1.0)
    project, other = make.project(), make.project()
    long, short = sent(project), sent(other, file_of(5))
    ended: list[int] = []
    real = background.end

    def end(work: PromptImport, *rest: Any) -> bool:
        ended.append(work.pk)
        return real(work, *rest)

    monkeypatch.setattr(background, "end", end)
    assert imports.work() == 5
    assert ended == [short.pk, long.pk]
    assert counts(long) == (25, 0, 0, 0)


def lapsed(record: PromptImport) -> None:
    """Makes the claim end now, as that of a worker that died."""
    PromptImport.objects.filter(pk=record.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))


def test_what_a_dead_worker_left_is_taken_up_again_and_fails_in_the_end() -> None:
    project = make.project()
    record = sent(project)
    for tried in range(1, background.MAX_TRIES):
        taken = background.take(PromptImport)
        assert taken == record
        imports.reclaim()
        record.refresh_from_db()
        assert record.state == "running", "its claim has not ended"
        lapsed(record)
        imports.reclaim()
        record.refresh_from_db()
        assert (record.state, record.tries, record.claim) == ("waiting", tried, None)
    assert background.take(PromptImport) == record
    lapsed(record)
    imports.reclaim()
    record.refresh_from_db()
    assert record.state == "failed"
    assert "is gone" in record.reason
    assert Event.objects.filter(verb="import.failed").count() == 1


def test_a_worker_that_got_a_step_further_has_all_its_tries_again() -> None:
    project = make.project()
    record = sent(project)
    PromptImport.objects.update(tries=2)
    stops = iter([False, True])
    imports.work(should_stop=lambda: next(stops, True))
    record.refresh_from_db()
    assert (record.imported, record.tries) == (10, 0)
    imports.work()


def test_an_import_in_a_request_that_died_fails_for_nobody_can_take_it_up() -> None:
    project = make.project()
    record = PromptImport.objects.create(
        project=project, by=make.manager(project), source="jsonl", imported=7, **background.claimed()
    )
    imports.reclaim()
    assert PromptImport.objects.get().state == "running"
    lapsed(record)
    imports.reclaim()
    record.refresh_from_db()
    assert (record.state, record.imported) == ("failed", 7)
    assert "Send the file again" in record.reason


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_silent_for_too_long_stores_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make.project()
    record = sent(project)
    real = batches.store
    lost: list[PromptImport] = []

    def lapse() -> None:
        lapsed(record)
        imports.reclaim()

    def store(*given: Any) -> Any:
        tally = real(*given)
        if not lost and PromptImport.objects.get(pk=record.pk).imported == 10:
            # The second batch is stored and not committed yet, and the claim is over.
            elsewhere(lapse)
            lost.append(PromptImport.objects.get(pk=record.pk))
        return tally

    monkeypatch.setattr(batches, "store", store)
    assert imports.work() == 2, "it is taken up once more"
    assert [(one.state, one.tries, one.imported) for one in lost] == [("waiting", 1, 10)]
    assert counts(record) == (25, 0, 0, 0)
    assert Prompt.objects.count() == 25


def _and_close(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        connection.close()


def elsewhere(work: Callable[[], object]) -> None:
    """Does something over another connection."""
    thread = threading.Thread(target=_and_close, args=[work])
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_one_that_waits_is_called_off_at_once(django_capture_on_commit_callbacks: Any) -> None:
    project = make.project()
    record = sent(project)
    with django_capture_on_commit_callbacks(execute=True):
        imports.cancel(record, by=make.manager(project))
    record.refresh_from_db()
    assert (record.state, record.stored_as) == ("cancelled", "")
    assert "called it off" in record.reason
    assert imports.work() == 0
    with pytest.raises(Conflict, match="ended already"):
        imports.cancel(record, by=make.manager(project))
    assert Event.objects.filter(verb="import.cancelled").count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_that_is_being_read_is_called_off_within_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "WATCH_SECONDS", 0.05)
    project = make.project()
    record = sent(project, file_of(30))
    halfway, go_on = threading.Event(), threading.Event()
    real = batches.prepared

    def slowly(*given: Any, stopped: Callable[[], bool], **rest: Any) -> Iterator[Any]:
        for batch in real(*given, stopped=stopped, **rest):
            yield batch
            halfway.set()
            while not stopped():  # a file whose next lines take for ever to come
                go_on.wait(0.01)

    monkeypatch.setattr(batches, "prepared", slowly)
    worker = threading.Thread(target=lambda: _and_close(imports.work))
    worker.start()
    assert halfway.wait(10)
    end = time.monotonic() + 10
    while not PromptImport.objects.get().imported:
        assert time.monotonic() < end
        time.sleep(0.01)
    imports.cancel(record, by=make.manager(project))
    worker.join(10)
    assert not worker.is_alive()
    assert counts(record) == (10, 0, 0, 0)
    assert record.state == "cancelled"


@pytest.mark.django_db(transaction=True)
def test_a_claim_is_kept_while_a_batch_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "RENEW_SECONDS", 0.02)
    project = make.project()
    record = sent(project)
    real = batches.store

    def store(*given: Any) -> Any:
        began = PromptImport.objects.get(pk=record.pk).claimed_until
        end = time.monotonic() + 10
        while PromptImport.objects.get(pk=record.pk).claimed_until == began:
            assert time.monotonic() < end, "nobody renews the claim"
            time.sleep(0.01)
        return real(*given)

    monkeypatch.setattr(batches, "store", store)
    imports.work()
    assert counts(record) == (25, 0, 0, 0)


def test_a_file_that_is_gone_fails_in_words() -> None:
    project = make.project()
    record = sent(project)
    spool.delete(record.stored_as)
    assert imports.work() == 1
    record.refresh_from_db()
    assert (record.state, record.stored_as) == ("failed", "")
    assert record.reason == "The stored file is gone. Send the file again: lines that are in change nothing."


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (DiskFull(), "failed", "disk of the database server is full"),
        (AdminShutdown(), "waiting", "database did not answer"),
    ],
)
def test_a_database_in_trouble_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, error: Exception, state: str, words: str
) -> None:
    project = make.project()
    record = sent(project)

    real = batches.store

    def trouble(*given: Any) -> Any:
        monkeypatch.setattr(batches, "store", real)
        raise OperationalError("trouble") from error

    monkeypatch.setattr(batches, "store", trouble)
    taken = background.take(PromptImport)
    assert taken is not None
    imports._work_on(taken, lambda: False)
    record.refresh_from_db()
    assert record.state == state
    assert words in record.reason
    if state == "waiting":
        imports.work()
        assert counts(record) == (25, 0, 0, 0)


def test_trouble_after_a_step_further_is_the_first_trouble_again(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make.project()
    record = sent(project)
    PromptImport.objects.update(tries=2)
    real = batches.store

    def store(*given: Any) -> Any:
        if PromptImport.objects.get().imported == 10:
            monkeypatch.setattr(batches, "store", real)
            raise OperationalError("trouble") from AdminShutdown()
        return real(*given)

    monkeypatch.setattr(batches, "store", store)
    assert imports.work() == 2
    assert counts(record) == (25, 0, 0, 0)


def test_what_nobody_foresaw_fails_and_leaves_the_next_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make.project()
    first, second = sent(project), sent(project)
    real = batches.store

    def store(record: PromptImport, *rest: Any) -> Any:
        if record.pk == first.pk:
            raise RuntimeError("a fault of ours")
        return real(record, *rest)

    monkeypatch.setattr(batches, "store", store)
    assert imports.work() == 2
    first.refresh_from_db()
    assert (first.state, first.reason.split(".")[0]) == ("failed", "It broke off (RuntimeError)")
    assert counts(second) == (25, 0, 0, 0)


def test_a_file_that_is_too_large_is_not_kept(settings: Any) -> None:
    settings.IMPORT_MAX_MB = 1
    project = make.project()
    large = b" " * (1024 * 1024 + 1)
    with pytest.raises(TooLarge, match="at most 1 MB"):
        imports.send(project, SimpleUploadedFile("x", large), source="jsonl", by=make.manager(project))
    with pytest.raises(TooLarge, match="At most 1 MB"):
        sent(project, large)  # a stream, of which nobody knows how long it is
    assert stored() == []
    assert not PromptImport.objects.exists()
    sent(project, large[:-1])
    imports.work()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    project = make.project()
    real: Any = FileSystemStorage._save  # type: ignore[attr-defined]

    def full(storage: Any, name: str, content: Any) -> str:
        real(storage, name, content)
        raise OSError(number, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    with pytest.raises(NoRoom, match="no room"):
        sent(project)
    assert not PromptImport.objects.exists()


def test_an_unknown_kind_of_file_is_not_stored() -> None:
    project = make.project()
    with pytest.raises(Invalid, match="no source"):
        imports.send(project, io.BytesIO(b"x"), source="xml", by=make.manager(project))


def test_only_so_many_files_of_a_project_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MOST_WAITING", 2)
    project = make.project()
    sent(project)
    sent(project)
    with pytest.raises(Conflict, match="2 files wait"):
        sent(project)
    sent(make.project())
    imports.work()


def test_files_that_no_row_knows_of_are_cleared_away_after_a_day() -> None:
    project = make.project()
    name, _ = spool.save(io.BytesIO(b"left by a web process that died"))
    fresh, _ = spool.save(io.BytesIO(b"on its way in"))
    old = time.time() - spool.ORPHANED_AFTER.total_seconds() - 1
    os.utime(Path(settings.MEDIA_ROOT) / name, (old, old))
    sent(project)
    imports.work()
    assert stored() == [Path(fresh).name]
    spool.delete(fresh)
