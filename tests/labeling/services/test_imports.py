"""Importing prompts: good lines land, bad ones are named, and the same file twice changes nothing."""

from __future__ import annotations

import gzip
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from psycopg.errors import DeadlockDetected

from labeling.errors import Conflict
from labeling.importing import SOURCES
from labeling.importing.jsonl import MAX_LINE
from labeling.models import Candidate, Draft, Event, Project, Prompt, PromptImport, Queue, RejectedLine, Slot, Task
from labeling.services import batches, drafts, imports, slots
from labeling.services.imports import ImportReport
from tests import make

pytestmark = pytest.mark.django_db


def sent(project: Any, *lines: Any, raw: bytes | None = None) -> ImportReport:
    """The report of a file with these lines: objects become JSON, bytes stay as they are."""
    if raw is None:
        raw = b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines)
    return imports.import_lines(project, SOURCES["jsonl"](io.BytesIO(raw)), source="jsonl", by=make.manager(project))


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.imported, report.updated, report.unchanged, report.rejected


def test_it_works() -> None:
    project = make.project()
    report = sent(
        project,
        {
            "messages": [{"role": "user", "content": "Hello?"}],
            "system": "Be brief.",
            "external_id": "one",
            "context": [{"title": "A", "text": "B", "url": "https://example.org/"}],
            "batch": "first",
            "priority": 2,
            "tags": ["x", "y", "x"],
            "language": "en",
            "metadata": {"source": {"page": 1}},
            "candidates": [{"text": "Hi.", "model": "m"}, {"text": "Hello."}],
            "gold": {"rank": {"ranking": {"groups": []}}},
        },
        {"prompt": "And you?"},
    )
    assert counts(report) == (2, 0, 0, 0)
    one, two = Prompt.objects.order_by("pk")
    assert one.messages == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
    assert (one.external_id, one.batch, one.priority, one.tags) == ("one", "first", 2, ["x", "y"])
    assert one.metadata == {"source": {"page": 1}}
    assert one.candidates_count == 2
    assert list(one.candidates.order_by("pk").values_list("text", "model")) == [("Hi.", "m"), ("Hello.", "")]
    assert two.messages == [{"role": "user", "content": "And you?"}]
    project.refresh_from_db()
    assert project.prompts_added == 2


def test_the_same_file_twice_changes_nothing() -> None:
    project = make.project()
    file = [{"prompt": "A", "candidates": [{"text": "x"}]}, {"prompt": "B", "external_id": "b"}, {"prompt": "A"}]
    first, second = sent(project, *file), sent(project, *file)
    assert counts(first) == (2, 0, 0, 1)  # the third line is the first without its candidate
    assert counts(second) == (0, 0, 2, 1)
    assert Prompt.objects.count() == 2
    assert Candidate.objects.count() == 1


def test_good_lines_land_though_others_are_bad() -> None:
    project = make.project()
    report = sent(
        project,
        b"\xef\xbb\xbf" + json.dumps({"prompt": "with a BOM"}).encode() + b"\r",
        b"",
        b"{not json}",
        b'{"prompt": "\xff"}',
        b'{"prompt": "a", "prompt": "b"}',
        b'{"prompt": NaN}',
        {"prompt": ""},
        {"prompt": "a\x00b"},
        b'{"prompt": "half \\ud83d"}',
        {"prompt": "x", "messages": []},
        {"messages": [{"role": "assistant", "content": "I begin"}]},
        {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
        {"messages": [{"role": "robot", "content": "a"}]},
        {"prompt": "x", "promt": "typo"},
        {"prompt": "x", "metadata": {"deep": "\x00"}},
        {"prompt": "x", "candidates": [{"text": " "}]},
        {"prompt": "x", "context": [{"text": "t", "url": "javascript:alert(1)"}]},
        {"prompt": "x", "priority": 10**9},
        {"prompt": "x", "language": "English, mostly"},
        [1],
        b"[" * 100_000,
        b'{"prompt": "x", "priority": ' + b"1" * 5000 + b"}",
        {"prompt": "the last"},
    )
    assert counts(report) == (2, 0, 0, 20)
    assert [bad.line for bad in report.errors] == list(range(3, 23))
    assert list(Prompt.objects.order_by("pk").values_list("messages__0__content", flat=True)) == [
        "with a BOM",
        "the last",
    ]
    said = dict(RejectedLine.objects.values_list("line", "message"))
    assert "not JSON" in said[3]
    assert "UTF-8" in said[4]
    assert "twice" in said[5]
    assert "NUL" in said[8]
    assert "surrogate" in said[9]
    assert "“promt”" in said[14]


def test_a_line_that_is_too_long_is_skipped_without_being_kept() -> None:
    project = make.project()
    report = sent(project, {"prompt": "x" * (MAX_LINE + 10)}, {"prompt": "short"})
    assert counts(report) == (1, 0, 0, 1)
    assert "longer than 16 MB" in report.errors[0].message


def test_gzip_is_read_and_a_cut_one_keeps_what_came_before() -> None:
    project = make.project()
    whole = gzip.compress(b"".join(json.dumps({"prompt": f"Number {n}"}).encode() + b"\n" for n in range(5000)))
    assert counts(sent(project, raw=whole)) == (5000, 0, 0, 0)
    other = make.project()
    report = sent(other, raw=whole[:-4000])
    assert report.imported > 0
    assert report.rejected == 1
    assert "damaged or cut off" in report.errors[0].message
    assert sent(other, raw=whole).imported == 5000 - report.imported


def test_a_changed_line_updates_its_prompt_and_adds_new_candidates() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    sent(project, {"prompt": "Old?", "external_id": "a", "candidates": [{"text": "1"}]})
    report = sent(
        project,
        {"prompt": "Old?", "external_id": "a", "priority": 7, "candidates": [{"text": "1"}, {"text": "2"}]},
    )
    assert counts(report) == (0, 1, 0, 0)
    assert Prompt.objects.get().priority == 7
    assert Prompt.objects.get().candidates_count == 2
    assert queue.slots.get().priority == 7


def test_a_prompt_that_nobody_took_can_be_rewritten() -> None:
    project = make.project()
    make.queue(project, preset="ranking")
    sent(project, {"prompt": "Old?", "external_id": "a", "candidates": [{"text": "1"}, {"text": "2"}]})
    sent(project, {"prompt": "New?", "external_id": "a", "candidates": [{"text": "3"}, {"text": "4"}]})
    prompt = Prompt.objects.get()
    assert prompt.opening == "New?"
    assert set(prompt.candidates.values_list("text", flat=True)) == {"3", "4"}
    assert set(Task.objects.get().candidate_ids) == set(prompt.candidates.values_list("pk", flat=True))


def test_a_prompt_that_somebody_took_keeps_its_text() -> None:
    ann = make.person()
    project = make.project(annotators=[ann])
    queue = make.queue(project)
    sent(project, {"prompt": "Old?", "external_id": "a"})
    slots.take_next(queue, by=ann)
    report = sent(project, {"prompt": "New?", "external_id": "a"}, {"prompt": "Old?", "external_id": "a", "batch": "b"})
    assert report.errors[0].line == 1
    assert "worked on" in report.errors[0].message
    assert Prompt.objects.get().opening == "Old?"


def test_one_key_with_two_contents_in_a_file_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)  # so that the twin is met both within a batch and in a later one
    project = make.project()
    lines = [
        {"prompt": "A", "external_id": "1"},
        {"prompt": "B", "external_id": "1"},
        {"prompt": "C", "external_id": "2"},
        {"prompt": "D", "external_id": "1"},
        {"prompt": "A", "external_id": "1"},
    ]
    report = sent(project, *lines)
    assert counts(report) == (2, 0, 1, 2)
    assert [bad.line for bad in report.errors] == [2, 4]


def test_an_import_that_breaks_off_keeps_its_batches_and_can_be_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 10)
    project = make.project()

    def broken() -> Any:
        yield from make.lines(25)
        raise OSError("the line dropped")

    with pytest.raises(OSError, match="dropped"):
        imports.import_lines(project, broken(), source="jsonl", by=make.manager(project))
    assert Prompt.objects.count() == 20
    report = imports.import_lines(project, make.lines(25), source="jsonl", by=make.manager(project))
    assert counts(report) == (5, 0, 20, 0)


def test_a_prompt_with_somebodys_draft_keeps_its_text() -> None:
    ann = make.person()
    project = make.project(annotators=[ann])
    slot = slots.take_next(make.queue(project), by=ann)
    assert slot is None
    sent(project, {"prompt": "Old?", "external_id": "a"})
    slot = slots.take_next(Queue.objects.get(), by=ann)
    assert slot is not None
    drafts.save(slot, {"response": {"text": "Half a"}}, lease=str(slot.lease), revision=0, by=ann)
    slots.give_back(slot, lease=str(slot.lease), by=ann)
    assert sent(project, {"prompt": "New?", "external_id": "a"}).rejected == 1
    assert Draft.objects.count() == 1


def test_a_reason_may_quote_what_cannot_be_stored() -> None:
    project = make.project()
    report = sent(
        project, b'{"prompt": "x", "a\\u0000b": 1}', b'{"prompt": "x", "\\ud83d": 1, "\\ud83d": 2}', {"prompt": "good"}
    )
    assert counts(report) == (1, 0, 0, 2)
    assert [line.line for line in RejectedLine.objects.all()] == [1, 2]


def test_a_file_with_twins_in_different_batches_can_be_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 1)
    project = make.project()
    lines = [{"prompt": "A", "external_id": "1"}, {"prompt": "D", "external_id": "1"}]
    assert counts(sent(project, *lines)) == (1, 0, 0, 1)
    assert counts(sent(project, *lines)) == (0, 0, 1, 1)
    assert Prompt.objects.get().opening == "A"


def test_long_lines_go_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_CHARACTERS", 1000)
    record = PromptImport(project_id=1, pk=1)
    lines = make.lines(5, metadata={}, system="x" * 600)
    found = batches.prepared(lines, record, skip=0, read=lambda: None, stopped=lambda: False)
    assert [len(batch.items) for batch in found] == [2, 2, 1]


# What COPY, arrays and JSON each have a meaning of their own for.
HOSTILE = [
    "\\N",
    "\\.",
    "a\tb\nc\rd\\e",
    'say "no" {a,b} NULL \\"',
    "a\u2028\u2029\x85\x0b\x0c\x1c",
    "ÅÅ ﬁ 👩🏽‍🚀 עברית",
    "'; DROP TABLE labeling_prompt; --",
    "%s %(x)s {0} $1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_comes_in_just_as_it_is(text: str) -> None:
    project = make.project()
    line = {
        "messages": [{"role": "user", "content": text}],
        "external_id": text,
        "context": [{"title": text, "text": text}],
        "batch": text,
        "tags": [text, "NULL"],
        "metadata": {text: [text, 1.5, None, True]},
        "candidates": [{"text": text, "model": text}],
        "gold": {text: text},
    }
    assert counts(sent(project, line)) == (1, 0, 0, 0)
    prompt = Prompt.objects.get()
    assert prompt.messages == line["messages"]
    assert prompt.context == line["context"]
    assert (prompt.external_id, prompt.key, prompt.batch) == (text, f"id:{text}", text)
    assert prompt.tags == line["tags"]
    assert (prompt.metadata, prompt.gold) == (line["metadata"], line["gold"])
    candidate = prompt.candidates.get()
    assert (candidate.text, candidate.model) == (text, text)
    # And once more where it is changed, which goes another way.
    assert counts(sent(project, {**line, "priority": 3})) == (0, 1, 0, 0)
    again = Prompt.objects.get()
    assert (again.messages, again.tags, again.metadata, again.batch) == (
        prompt.messages,
        prompt.tags,
        prompt.metadata,
        prompt.batch,
    )
    assert counts(sent(project, {**line, "priority": 3})) == (0, 0, 1, 0)


def test_lines_that_say_what_another_prompt_says_come_in_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 3)  # so that twins are met within a batch and in a later one
    project = make.project()
    report = sent(
        project,
        {"prompt": "What is  time?", "external_id": "1"},
        {"prompt": "what is time?", "external_id": "2"},
        {"prompt": "What else?", "external_id": "3"},
        {"prompt": "WHAT IS\nTIME?", "external_id": "4"},
        {"prompt": "What is time?", "external_id": "5", "context": [{"text": "A clock."}]},
        {"prompt": "What is time?", "external_id": "6", "system": "Be brief."},
    )
    assert counts(report) == (6, 0, 0, 0)
    assert report.record.duplicates == 2
    assert sent(make.project(), {"prompt": "What is time?"}).record.duplicates == 0
    # What is rewritten counts too, but never as its own duplicate.
    report = sent(
        project, {"prompt": "What is  Time?", "external_id": "3"}, {"prompt": "what else?", "external_id": "2"}
    )
    assert (report.updated, report.record.duplicates) == (2, 1)


def test_many_changed_lines_are_changed_at_once() -> None:
    ann = make.person()
    project = make.project(annotators=[ann])
    queue = make.queue(project, preset="ranking")
    make.imported(project, 30, candidates=2)
    taken = slots.take_next(queue, by=ann)
    assert taken is not None
    kept = taken.task.prompt.external_id
    lines = make.lines(10, candidates=3, priority=2) + make.lines(10, start=10, candidates=2, system="New.")
    report = imports.import_lines(project, [*lines, *make.lines(10, start=20, candidates=2)], source="jsonl",
                                  by=make.manager(project))  # fmt: skip
    assert counts(report) == (0, 20, 10, 0)
    for prompt in Prompt.objects.filter(external_id__in=[f"p{n}" for n in range(10)]):
        assert (prompt.priority, prompt.candidates_count, prompt.candidates.count()) == (2, 3, 3)
    for prompt in Prompt.objects.filter(external_id__in=[f"p{n}" for n in range(10, 20)]):
        assert prompt.messages[0]["content"] == "New."
        assert (prompt.candidates_count, prompt.candidates.count()) == (2, 2)
        assert prompt.rewritten_at is not None
    assert Task.objects.filter(queue=queue).count() == 30
    assert set(Slot.objects.filter(state="open", task__prompt__priority=2).values_list("priority", flat=True)) == {2}
    report = imports.import_lines(
        project, make.lines(30, candidates=2, system="Newer."), source="jsonl", by=make.manager(project)
    )
    assert counts(report) == (0, 29, 0, 1)
    assert RejectedLine.objects.get(prompt_import=report.record).line == int(kept[1:]) + 1


def test_candidates_that_stand_twice_in_a_line_are_one() -> None:
    project = make.project()
    make.queue(project, preset="ranking")
    sent(
        project,
        {"prompt": "?", "candidates": [{"text": "a"}, {"text": "a"}, {"text": "b"}, {"text": "a", "model": "m"}]},
    )
    prompt = Prompt.objects.get()
    assert prompt.candidates_count == prompt.candidates.count() == 3
    assert list(prompt.candidates.order_by("pk").values_list("text", "model")) == [("a", ""), ("b", ""), ("a", "m")]
    assert len(Task.objects.get().candidate_ids) == 3


REFUSE = """
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.external_id IN ('p7', 'p20') THEN RAISE EXCEPTION 'no % here', NEW.external_id; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON labeling_prompt FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse();
"""


def test_a_line_that_the_database_refuses_loses_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 12)
    project = make.project()
    make.queue(project)
    with connection.cursor() as cursor:
        cursor.execute(REFUSE)
    lines = [*make.lines(10), *SOURCES["jsonl"](io.BytesIO(b"{}")), *make.lines(15, start=10)]
    report = imports.import_lines(project, lines, source="jsonl", by=make.manager(project))
    assert counts(report) == (23, 0, 0, 3)
    assert {bad.line for bad in report.errors} == {1, 8, 21}
    kept = RejectedLine.objects.get(line=8)
    assert "no p7 here" in kept.message
    assert json.loads(kept.text)["external_id"] == "p7"
    assert Prompt.objects.count() == Task.objects.count() == 23
    assert report.record.state == "done"


def test_two_transactions_in_each_others_way_are_no_fault_of_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make.project()
    real, tries = batches.store, []

    def store(*given: Any) -> Any:
        tries.append(1)
        tally = real(*given)
        if len(tries) < 3:
            raise OperationalError("deadlock detected") from DeadlockDetected()
        return tally

    monkeypatch.setattr(batches, "store", store)
    report = imports.import_lines(project, make.lines(5), source="jsonl", by=make.manager(project))
    assert (counts(report), len(tries)) == ((5, 0, 0, 0), 3)
    assert Prompt.objects.count() == 5


def test_an_import_that_breaks_off_says_why_and_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    project = make.project()

    def broken() -> Iterator[Any]:
        yield from make.lines(3)
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        imports.import_lines(project, broken(), source="jsonl", by=make.manager(project))
    record = PromptImport.objects.get()
    assert (record.state, record.imported, record.claim) == ("failed", 2, None)
    assert record.reason == (
        "The file could not be read to its end (Input/output error). "
        "Send the file again: lines that are in change nothing."
    )
    assert record.finished_at is not None
    assert Event.objects.filter(verb="import.failed", target_id=record.pk).count() == 1


def test_how_much_of_the_file_is_read_is_kept() -> None:
    project = make.project()
    raw = b"".join(b'{"prompt": "%d"}\n' % n for n in range(100))
    stream = io.BytesIO(raw)
    report = imports.import_lines(
        project, SOURCES["jsonl"](stream), source="jsonl", size=len(raw), read=stream.tell, by=make.manager(project)
    )
    assert (report.record.bytes_read, report.record.percent) == (len(raw), 100)
    assert report.record.judged == 100


@pytest.mark.django_db(transaction=True)
def test_the_same_file_sent_by_two_at_once_is_in_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 20)
    project = make.project()
    make.queue(project)
    by = make.manager(project)
    start, reports = threading.Barrier(2), []

    def send(lines: list[Any]) -> None:
        try:
            start.wait(10)
            reports.append(imports.import_lines(project, lines, source="jsonl", by=by))
        finally:
            connection.close()

    lines = make.lines(200, candidates=1)
    # The other one the other way round: whatever locks are taken, they are not taken in the order of the file.
    threads = [threading.Thread(target=send, args=[order]) for order in (lines, lines[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 2
    assert sum(report.imported for report in reports) == 200
    assert sum(report.unchanged for report in reports) == 200
    assert Prompt.objects.count() == Task.objects.count() == Candidate.objects.count() == 200
    assert Project.objects.get().prompts_added == 200


@pytest.mark.django_db(transaction=True)
def test_an_import_that_is_called_off_stops_and_keeps_what_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 10)
    project = make.project()
    real = batches.store

    def call_off() -> None:
        try:
            imports.cancel(PromptImport.objects.get(), by=make.manager(project))
        finally:
            connection.close()

    def store(record: PromptImport, *rest: Any) -> Any:
        tally = real(record, *rest)
        if record.imported == 10:  # the second batch is stored, and not committed yet
            thread = threading.Thread(target=call_off)
            thread.start()
            thread.join(10)
            assert not thread.is_alive()
        return tally

    monkeypatch.setattr(batches, "store", store)
    with pytest.raises(Conflict, match="called it off"):
        imports.import_lines(project, make.lines(50), source="jsonl", by=make.manager(project))
    record = PromptImport.objects.get()
    assert (record.state, record.imported) == ("cancelled", 10)
    assert Prompt.objects.count() == 10
    monkeypatch.undo()
    assert counts(imports.import_lines(project, make.lines(50), source="jsonl", by=make.manager(project))) == (
        40,
        0,
        10,
        0,
    )
    with pytest.raises(Conflict, match="ended already"):
        imports.cancel(record, by=make.manager(project))
