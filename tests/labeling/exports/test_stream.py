"""From the database to bytes: what is in an export, in which order, and what it costs to make one."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from labeling.exports import choices, examples, stream
from labeling.importing.base import parse
from labeling.models import Annotation, Candidate, Project, Queue, User
from labeling.services import prompts, queues
from tests import make, process
from tests.labeling.exports.answering import answered
from tests.labeling.exports.connections import end_exports, wait_for_exports
from tests.labeling.exports.test_bytes import AWKWARD

pytestmark = pytest.mark.django_db(transaction=True)


def exported(project: Project, **given: str) -> list[dict[str, Any]]:
    with closing(stream.Export(choices.parse(project, given))) as export:
        return [json.loads(line) for line in b"".join(export).decode().splitlines()]


def imported(project: Project, *lines: dict[str, Any]) -> None:
    """Prompts from lines as the contract has them."""
    found = [parse(line, number) for number, line in enumerate(lines, 1)]
    report = prompts.import_lines(project, found, source="jsonl", by=make.manager(project))
    assert report.rejected == 0


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return make.project(annotators=[ann, ben], slug="haiku")


def ranking_queue(project: Project, **fields: Any) -> Queue:
    return make.queue(project, preset="ranking", slug="rank", **fields)


def test_it_works(project: Project, ann: User, ben: User) -> None:
    make.imported(project, 3, candidates=3)
    rank = ranking_queue(project, overlap=2)
    write = make.queue(project, slug="write")
    make.written(write, ann, "Mine.")
    for person in (ann, ben):
        make.ranked(rank, person, [["Answer 1 to 0"], ["Answer 0 to 0", "Answer 2 to 0"]])
    make.ranked(rank, ann, [["Answer 2 to 1"], ["Answer 0 to 1"], ["Answer 1 to 1"]])

    first, second = exported(project, format="sft")
    assert first["messages"] == [
        {"role": "user", "content": "Question 0?"},
        {"role": "assistant", "content": "Mine."},
    ]
    assert second["messages"][-1]["content"] == "Answer 2 to 1"
    assert second["metadata"]["model"] == "model-2"
    assert [row["metadata"]["external_id"] for row in (first, second)] == ["p0", "p1"]

    one, two = exported(project, format="preference")
    assert one["chosen"] == [{"role": "assistant", "content": "Answer 1 to 0"}]
    assert one["rejected"][0]["content"] in {"Answer 0 to 0", "Answer 2 to 0"}
    assert (one["metadata"]["n_raters"], one["metadata"]["queue"]) == (2, "rank")
    assert (two["chosen"][0]["content"], two["rejected"][0]["content"]) == ("Answer 2 to 1", "Answer 1 to 1")

    assert len(exported(project, format="raw")) == Annotation.objects.count() == 4
    assert len(exported(project, format="prompts")) == 3


def test_raw_tells_what_each_person_saw_and_said(project: Project, ann: User, ben: User) -> None:
    make.imported(project, 1, candidates=4, metadata={"n": 1.5}, tags=["t"], batch="b1", language="en")
    rank = ranking_queue(project, overlap=2)
    order = [["Answer 3 to 0"], ["Answer 0 to 0", "Answer 1 to 0"], ["Answer 2 to 0"]]
    saved = [make.ranked(rank, person, order) for person in (ann, ben)]
    rows = exported(project, format="raw")
    for row, annotation in zip(rows, saved, strict=True):
        by_key = {candidate["key"]: candidate["text"] for candidate in row["candidates"]}
        groups = json.loads(row["answers_json"])["ranking"]["groups"]
        # Keys mean another candidate on every screen; through them the ranking reads as it was meant.
        assert [sorted(by_key[key] for key in group) for group in groups] == order
        ids = [int(candidate["candidate_id"]) for candidate in row["candidates"]]
        assert ids == annotation.slot.candidate_order
        assert {candidate["model"] for candidate in row["candidates"]} == {f"model-{n}" for n in range(4)}
        assert {candidate["origin"] for candidate in row["candidates"]} == {"imported"}
        assert row["annotation_id"] == str(annotation.pk)
        assert row["leased_at"] <= row["submitted_at"]
        assert row["submitted_at"] == annotation.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert (row["form_version"], row["guidelines_version"], row["version"], row["latest"]) == (1, 1, 1, True)
        assert json.loads(row["prompt_metadata_json"]) == {"n": 1.5}
        assert (json.loads(row["tags_json"]), row["batch"], row["language"]) == (["t"], "b1", "en")
        provenance = json.loads(row["candidates"][0]["provenance_json"])
        assert {"sampling", "seed", "finish_reason", "seconds"} <= set(provenance)


def test_nobody_is_named(project: Project, ann: User, ben: User) -> None:
    make.imported(project, 2)
    queue = make.queue(project, overlap=2)
    for person in (ann, ben, ann, ben):
        make.written(queue, person)
    rows = exported(project, format="raw")
    names = [row["annotator"] for row in rows]
    assert len(set(names)) == 2
    assert all(name.startswith("person-") for name in names)
    by_person = {row["annotation_id"]: row["annotator"] for row in rows}
    for person in (ann, ben):
        assert len({by_person[str(pk)] for pk in person.annotations.values_list("pk", flat=True)}) == 1
    assert "ann" not in json.dumps(rows).replace("annotat", "").replace("Ann", "")
    # Nobody can follow a person from one project to another.
    other = make.project(annotators=[ann])
    make.imported(other, 1)
    make.written(make.queue(other), ann)
    assert exported(other, format="raw")[0]["annotator"] not in names


def test_one_queue_alone(project: Project, ann: User) -> None:
    make.imported(project, 2)
    one, two = make.queue(project, slug="one"), make.queue(project, slug="two")
    make.written(one, ann, "In one.")
    make.written(two, ann, "In two.")
    for given in ("two", str(two.pk)):
        (row,) = exported(project, format="sft", queue=given)
        assert row["messages"][-1]["content"] == "In two."
    assert len(exported(project, format="sft")) == 2


def test_another_project_stays_out(project: Project, ann: User) -> None:
    other = make.project(annotators=[ann])
    for each in (project, other):
        make.imported(each, 1)
        make.written(make.queue(each), ann, f"In {each.slug}.")
    for name in ("sft", "raw", "prompts"):
        assert len(exported(project, format=name)) == 1
    assert exported(project, format="sft")[0]["messages"][-1]["content"] == "In haiku."


def test_prompts_of_one_queue(project: Project) -> None:
    imported(project, {"prompt": "One?", "candidates": [{"text": "a"}, {"text": "b"}]}, {"prompt": "Two?"})
    ranking_queue(project)
    (row,) = exported(project, format="prompts", queue="rank")
    assert row["prompt"][0]["content"] == "One?"


def test_only_the_newest_version_trains_and_raw_has_all(project: Project, ann: User) -> None:
    make.imported(project, 1)
    first = make.written(make.queue(project), ann, "Frist.")
    fields = ("slot_id", "annotator_id", "queue_id", "form_id", "guidelines_id")
    Annotation.objects.create(
        version=2, answers={"response": {"text": "First."}}, **{name: getattr(first, name) for name in fields}
    )
    (row,) = exported(project, format="sft")
    assert row["messages"][-1]["content"] == "First."
    assert [(r["version"], r["latest"]) for r in exported(project, format="raw")] == [(1, False), (2, True)]


def test_what_was_taken_back_is_in_no_export(project: Project, ann: User, ben: User) -> None:
    make.imported(project, 2, candidates=2)
    write, rank = make.queue(project), ranking_queue(project, overlap=2)
    make.written(write, ann, "Oops.")
    kept = make.written(write, ann, "Meant.")
    for person in (ann, ben):
        make.ranked(rank, person, [["Answer 1 to 0"], ["Answer 0 to 0"]])
    for taken_back in Annotation.objects.exclude(pk=kept.pk).order_by("pk"):
        assert len(exported(project, format="raw")) > 1
        Annotation.objects.filter(pk=taken_back.pk).update(undone_at=timezone.now())
    (row,) = exported(project, format="sft")
    assert row["messages"][-1]["content"] == "Meant."
    assert [row["annotation_id"] for row in exported(project, format="raw")] == [str(kept.pk)]
    with pytest.raises(stream.EmptyExport):
        exported(project, format="preference")


def test_the_newest_version_is_the_newest_that_was_not_taken_back(project: Project, ann: User) -> None:
    make.imported(project, 1)
    first = make.written(make.queue(project), ann, "First.")
    fields = ("slot_id", "annotator_id", "queue_id", "form_id", "guidelines_id")
    for version, text in ((2, "Second."), (3, "Third.")):
        Annotation.objects.create(
            version=version,
            answers={"response": {"text": text}},
            **{name: getattr(first, name) for name in fields},
        )

    def latest() -> tuple[list[str], list[tuple[int, bool]]]:
        said = [row["messages"][-1]["content"] for row in exported(project, format="sft")]
        return said, [(row["version"], row["latest"]) for row in exported(project, format="raw")]

    assert latest() == (["Third."], [(1, False), (2, False), (3, True)])
    first.slot.annotations.filter(version=3).update(undone_at=timezone.now())
    assert latest() == (["Second."], [(1, False), (2, True)])
    first.slot.annotations.filter(version=1).update(undone_at=timezone.now())
    assert latest() == (["Second."], [(2, True)])


def test_a_ranking_that_was_taken_back_leads_nothing(project: Project, ann: User) -> None:
    imported(project, {"prompt": "One?"}, {"prompt": "Two?", "candidates": [{"text": "a"}, {"text": "b"}]})
    write, rank = make.queue(project), ranking_queue(project)
    for _ in range(2):
        make.written(write, ann)
    ranking = make.ranked(rank, ann, [["a"], ["b"]])
    Annotation.objects.filter(pk=ranking.pk).update(undone_at=timezone.now())
    assert [row["messages"][0]["content"] for row in exported(project, format="raw")] == ["One?", "Two?"]


def test_comparisons_and_edits_come_out_as_they_were_meant(project: Project, ann: User, ben: User) -> None:
    """Each person sees the two in an order of their own; the export speaks of candidates."""
    make.imported(project, 6, candidates=2)
    queue = make.queue(project, preset="llama3-pairwise-edit", slug="pairs", overlap=2)
    for n in range(6):
        for person in (ann, ben):
            better = f"Answer 1 to {n}"
            answered(
                queue,
                person,
                preference={"preferred": better, "strength": 3},
                edited={"candidate": better, "text": f"{person.name} on {n}"},
            )
    found = exported(project, format="preference")
    assert [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in found] == [
        pair
        for n in range(6)
        for pair in [
            (f"Answer 1 to {n}", f"Answer 0 to {n}"),
            (f"Ann on {n}", f"Answer 1 to {n}"),
            (f"Ben on {n}", f"Answer 1 to {n}"),
        ]
    ]
    assert [row["margin"] for row in exported(project, format="reward")] == [0.75, 0, 0] * 6
    assert len(exported(project, format="preference", edits="only")) == 12
    assert len(exported(project, format="preference", edits="over_worse")) == 30
    assert [row["messages"][-1]["content"] for row in exported(project, format="sft")][:2] == ["Ann on 0", "Ben on 0"]


def test_raw_names_the_candidates_of_every_type_of_question(project: Project, ann: User) -> None:
    make.imported(project, 1, candidates=2)
    types: list[dict[str, Any]] = [
        {"name": "preference", "type": "compare"},
        {"name": "edited", "type": "edit"},
        {"name": "quality", "type": "rate"},
        {"name": "flags", "type": "choose"},
        {"name": "errors", "type": "spans"},
    ]
    one, other = "Answer 0 to 0", "Answer 1 to 0"
    given: dict[str, Any] = {
        "preference": {"preferred": other, "strength": 1},
        "edited": {"candidate": one, "text": "Edited."},
        "quality": {one: 1, other: 5},
        "flags": {one: ["No"], other: ["Yes"]},
        "errors": {one: [{"start": 0, "end": 6, "label": "Error"}], other: []},
    }
    answered(make.queue(project, form=types), ann, **given)
    (row,) = exported(project, format="raw")
    texts = {candidate["key"]: candidate["text"] for candidate in row["candidates"]}
    answers = json.loads(row["answers_json"])
    assert texts[answers["preference"]["preferred"]] == other
    assert texts[answers["edited"]["candidate"]] == one
    for name in ("quality", "flags", "errors"):
        assert {texts[key]: value for key, value in answers[name].items()} == given[name]
    for candidate in row["candidates"]:
        assert Candidate.objects.get(pk=int(candidate["candidate_id"])).text == candidate["text"]


def test_rows_of_kto_share_no_prompt_with_their_neighbours(project: Project, ann: User) -> None:
    made = make.imported(project, 130, candidates=4)
    queue = make.queue(project, preset="kto", slug="thumbs")
    for n in range(130):
        answered(queue, ann, thumbs={f"Answer {c} to {n}": int(c < 3) for c in range(4)})
    rows = exported(project, format="kto")
    order = [int(row["metadata"]["prompt_id"]) for row in rows]
    assert sorted(order) == sorted(prompt.pk for prompt in made for _ in range(4))
    assert all(one != other for one, other in pairwise(order))
    assert exported(project, format="kto") == rows, "the same answers give the same bytes"
    report = stream.measure(choices.parse(project, {"format": "kto"}))
    assert (report.rows, report.prompts, report.labels) == (520, 130, {"true": 390, "false": 130})
    assert "390 labelled true, 130 labelled false." in report.said
    (warning,) = report.warnings
    assert "undesirable_weight between 2.25 and 3" in warning
    assert stream.preview(choices.parse(project, {"format": "kto"}), 3) == rows[:3]
    wait_for_exports(0)


def test_rows_stand_in_the_order_of_their_prompts(project: Project, ann: User) -> None:
    made = make.imported(project, 60)
    queue = make.queue(project)
    for _ in range(45):
        make.written(queue, ann)
    found = [int(row["metadata"]["prompt_id"]) for row in exported(project, format="sft")]
    assert found == [prompt.pk for prompt in made[:45]]
    assert exported(project, format="raw") == exported(project, format="raw")


def test_columns_of_ratings_are_those_of_the_newest_form(project: Project, ann: User, ben: User) -> None:
    make.imported(project, 2, candidates=1)
    asked: list[dict[str, Any]] = [{"name": "helpfulness", "type": "rate", "min": 0, "max": 4}]
    queue = make.queue(project, form=asked, slug="rate", overlap=2)
    thumbs = make.queue(project, preset="kto", slug="thumbs")
    answered(queue, ann, helpfulness={"Answer 0 to 0": 4})
    answered(thumbs, ann, thumbs={"Answer 0 to 0": 1})
    newer = [*asked, {"name": "verbosity", "type": "rate", "min": 0, "max": 4}]
    queues.change(queue, form=newer, by=make.manager(project))
    for person, question in ((ben, 0), (ann, 1)):
        text = f"Answer 0 to {question}"
        answered(queue, person, helpfulness={text: 3}, verbosity={text: 1})
    found = exported(project, format="helpsteer")
    # What was said under the older form counts where the question is the same.
    assert [(row["response"], row["helpfulness"], row["verbosity"]) for row in found] == [
        ("Answer 0 to 0", 3.5, 1.0),
        ("Answer 0 to 1", 3.0, 1.0),
    ]
    assert {row["metadata"]["queue"] for row in found} == {"rate"}
    (row,) = exported(project, format="helpsteer", queue="thumbs")
    assert (row["response"], row["thumbs"]) == ("Answer 0 to 0", 1.0)


def test_splits_share_the_prompts_out(project: Project, ann: User) -> None:
    made = make.imported(project, 40)
    queue = make.queue(project)
    for _ in made:
        make.written(queue, ann)
    parts = [
        {row["metadata"]["prompt_id"] for row in exported(project, format="sft", split=split)}
        for split in ("train", "validation", "test")
    ]
    assert all(parts)
    assert sum(len(part) for part in parts) == len(set.union(*parts)) == 40


def test_what_can_be_submitted_comes_out_as_it_was(project: Project, ann: User) -> None:
    imported(project, *({"prompt": text, "external_id": str(number)} for number, text in enumerate(AWKWARD)))
    queue = make.queue(project)
    for text in AWKWARD:
        make.written(queue, ann, text)
    rows = exported(project, format="sft")
    assert [[m["content"] for m in row["messages"]] for row in rows] == [[text, text.strip()] for text in AWKWARD]


# --- Empty exports ---------------------------------------------------------------------------------------------------


def test_an_export_without_rows_is_refused_with_the_reason(project: Project, ann: User) -> None:
    with pytest.raises(stream.EmptyExport, match="nothing to export"):
        exported(project, format="sft")
    make.imported(project, 1, candidates=2)
    make.ranked(ranking_queue(project), ann, [["Answer 0 to 0", "Answer 1 to 0"]])
    with pytest.raises(stream.EmptyExport, match="strict majority") as refused:
        exported(project, format="sft")
    assert refused.value.code == "empty_export"
    wait_for_exports(0)


def test_an_empty_split_is_refused(project: Project, ann: User) -> None:
    make.imported(project, 1)
    make.written(make.queue(project), ann)
    assert len(exported(project, format="sft", split="train")) == 1
    with pytest.raises(stream.EmptyExport, match="validation"):
        exported(project, format="sft", split="validation")


# --- The report ------------------------------------------------------------------------------------------------------


def test_the_report_is_true(project: Project, ann: User) -> None:
    make.imported(project, 3, candidates=2)
    rank = ranking_queue(project)
    make.ranked(rank, ann, [["Answer 0 to 0"], ["Answer 1 to 0"]])
    make.ranked(rank, ann, [["Answer 0 to 1", "Answer 1 to 1"]])
    choice = choices.parse(project, {"format": "preference"})
    with closing(stream.Export(choice)) as export:
        data = b"".join(export)
    report = export.report
    assert (report.rows, report.prompts, report.bytes) == (1, 1, len(data))
    assert report.sha256 == hashlib.sha256(data).hexdigest()
    assert report.removed == {"no_preference": 1}
    assert stream.measure(choice) == report
    assert any("put nothing above anything else" in line for line in report.said)


def test_the_report_of_an_empty_export_says_what_was_left_out(project: Project, ann: User) -> None:
    make.imported(project, 1, candidates=2)
    make.ranked(ranking_queue(project), ann, [["Answer 0 to 0", "Answer 1 to 0"]])
    report = stream.measure(choices.parse(project, {"format": "preference"}))
    assert (report.rows, report.removed) == (0, {"no_preference": 1})


def test_a_preview_is_the_beginning_of_the_file(project: Project, ann: User) -> None:
    make.imported(project, 5)
    queue = make.queue(project)
    choice = choices.parse(project, {"format": "sft"})
    assert stream.preview(choice, 3) == []
    for _ in range(5):
        make.written(queue, ann)
    assert stream.preview(choice, 3) == exported(project, format="sft")[:3]
    wait_for_exports(0)


# --- What holds a stream together -----------------------------------------------------------------------------------


def test_an_export_shows_one_moment(project: Project, ann: User, ben: User) -> None:
    make.imported(project, 60)
    queue = make.queue(project, overlap=2)
    for _ in range(50):
        make.written(queue, ann, "Before.")
    with closing(stream.Export(choices.parse(project, {"format": "sft"}))) as export:
        # Prompts that the export has still to read, and some that it will not.
        for _ in range(60):
            make.written(queue, ben, "Meanwhile.")
        make.imported(project, 1, start=60)
        rows = [json.loads(line) for line in b"".join(export).splitlines()]
    assert [row["messages"][-1]["content"] for row in rows] == ["Before."] * 50
    assert len(exported(project, format="sft")) == 110


def test_an_export_cannot_write(project: Project) -> None:
    with examples.snapshot() as own, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        own.execute("DELETE FROM labeling_project")


def test_whoever_stops_reading_gives_the_connection_back(project: Project, ann: User) -> None:
    make.imported(project, 50)
    queue = make.queue(project)
    for _ in range(50):
        make.written(queue, ann)
    export = stream.Export(choices.parse(project, {"format": "sft"}))
    wait_for_exports(1)
    export.close()
    wait_for_exports(0)


def test_a_failure_on_the_way_is_not_the_end_of_a_file(project: Project) -> None:
    imported(project, *({"prompt": f"{number} " + "x" * 40_000} for number in range(60)))
    export = stream.Export(choices.parse(project, {"format": "prompts"}))
    next(export)
    assert end_exports() == 1
    with pytest.raises(psycopg.OperationalError):
        for _ in export:
            pass
    assert export.report.sha256 == ""
    export.close()


def test_a_report_that_fails_gives_the_connection_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(project, {"prompt": "One?"}, {"prompt": "Two?"})

    def fails(row: Any) -> bytes:
        raise ValueError("NaN is not JSON")

    monkeypatch.setattr(stream, "encode", fails)
    with pytest.raises(ValueError, match="NaN") as failed:
        stream.measure(choices.parse(project, {"format": "prompts"}))
    wait_for_exports(0)
    del failed  # until here it holds on to all that failed


# Not ru_maxrss: a child starts with that of the process that made it.
PEAK = """
import pathlib, re, sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
status = pathlib.Path("/proc/self/status").read_text()
print("peak", int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""


def peak_memory(project: Project, out: str) -> int:
    """The most memory, in MB, that a process of its own takes to export a project."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "export", project.slug, "--format", "prompts", "--out", out],
        env=os.environ | {"DATABASE_URL": process.database_url()},
        cwd=process.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1])


def test_candidates_are_read_for_rows_that_need_them(
    project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A demonstration that somebody wrote needs none, though people were shown some with the same prompt."""
    make.imported(project, 1, candidates=2)
    make.ranked(make.queue(project, preset="ranking"), ann, [["Answer 1 to 0"], ["Answer 0 to 0"]])
    make.written(make.queue(project, slug="write"), ann, "Mine.")
    read: list[int] = []
    real = examples.Book._candidates_of

    def counted(book: examples.Book, ids: Sequence[int]) -> Any:
        read.extend(ids)
        return real(book, ids)

    monkeypatch.setattr(examples.Book, "_candidates_of", counted)
    assert len(exported(project, format="sft")) == 1
    assert read == []
    assert len(exported(project, format="preference")) == 1
    assert len(set(read)) == 2


def test_memory_does_not_grow_with_the_export(project: Project, tmp_path: Path) -> None:
    small = make.project(slug="small")
    make.imported(small, 1)
    for start in range(0, 600, 200):
        imported(project, *({"prompt": f"{n} " + noise(60_000, seed=n)} for n in range(start, start + 200)))
    little = peak_memory(small, str(tmp_path / "small.jsonl"))
    large = peak_memory(project, str(tmp_path / "large.jsonl"))
    assert (tmp_path / "large.jsonl").stat().st_size > 35_000_000
    assert large - little < 20


def noise(characters: int, *, seed: int) -> str:
    """Text that nothing can make smaller."""
    return random.Random(seed).randbytes(characters // 2).hex()
