"""Importing prompts: good lines land, bad ones are named, and the same file twice changes nothing."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest

from labeling.importing import SOURCES
from labeling.importing.jsonl import MAX_LINE
from labeling.models import Candidate, Draft, Prompt, Queue, RejectedLine, Task
from labeling.services import drafts, prompts, slots
from labeling.services.prompts import ImportReport
from tests import make

pytestmark = pytest.mark.django_db


def sent(project: Any, *lines: Any, raw: bytes | None = None) -> ImportReport:
    """The report of a file with these lines: objects become JSON, bytes stay as they are."""
    if raw is None:
        raw = b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines)
    return prompts.import_lines(project, SOURCES["jsonl"](io.BytesIO(raw)), source="jsonl", by=make.manager(project))


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
    monkeypatch.setattr(prompts, "BATCH", 2)  # so that the twin is met both within a batch and in a later one
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
    monkeypatch.setattr(prompts, "BATCH", 10)
    project = make.project()

    def broken() -> Any:
        yield from make.lines(25)
        raise OSError("the line dropped")

    with pytest.raises(OSError, match="dropped"):
        prompts.import_lines(project, broken(), source="jsonl", by=make.manager(project))
    assert Prompt.objects.count() == 20
    report = prompts.import_lines(project, make.lines(25), source="jsonl", by=make.manager(project))
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
    monkeypatch.setattr(prompts, "BATCH", 1)
    project = make.project()
    lines = [{"prompt": "A", "external_id": "1"}, {"prompt": "D", "external_id": "1"}]
    assert counts(sent(project, *lines)) == (1, 0, 0, 1)
    assert counts(sent(project, *lines)) == (0, 0, 1, 1)
    assert Prompt.objects.get().opening == "A"


def test_long_lines_go_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "BATCH_CHARACTERS", 1000)
    batches = list(prompts._batches(make.lines(5, metadata={}, system="x" * 600)))
    assert [len(batch) for batch in batches] == [2, 2, 1]
