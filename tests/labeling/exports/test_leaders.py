"""Which prompts stand first in a file, so that loaders learn its columns from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labeling.exports import choices, examples, leaders, stream
from labeling.exports.services import building
from labeling.models import Project, User
from labeling.services import skips, slots
from tests import make
from tests.labeling.exports.answering import answered
from tests.labeling.exports.releasing import built, rows
from tests.labeling.exports.test_stream import exported, imported, ranking_queue

pytestmark = pytest.mark.django_db(transaction=True)

CALL = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return make.project(annotators=[ann, ben], slug="haiku")


def called(question: str = "How warm?") -> list[dict[str, Any]]:
    """A conversation with a tool call, that begins with a question."""
    said = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    return [{"role": "user", "content": question}, said, {"role": "tool", "content": "21", "name": "f"}]


def openings(found: list[dict[str, Any]]) -> list[str]:
    """The first message of each row."""
    return [row["messages"][0]["content"] for row in found]


def test_a_prompt_with_tool_calls_leads_so_that_loaders_see_its_columns(project: Project, ann: User) -> None:
    imported(project, {"prompt": "One?"}, {"prompt": "Two?"}, {"messages": called()}, {"prompt": "Four?"})
    queue = make.queue(project)
    for _ in range(4):
        make.written(queue, ann)
    found = exported(project, format="sft")
    assert found[0]["messages"][:3] == called()
    assert openings(found[1:]) == ["One?", "Two?", "Four?"]


@pytest.fixture
def partly(project: Project, ann: User) -> Project:
    """Three prompts with tool calls were only rated; of those that were answered the second and the last have some."""
    shown = {"candidates": [{"text": "a"}, {"text": "b"}]}
    imported(
        project,
        *({"messages": called(f"Rated {number}?"), **shown} for number in range(3)),
        {"prompt": "One?"},
        {"messages": called("Short?")},
        {"prompt": "Two?"},
        {"messages": called("Long?")},
    )
    thumbs, write = make.queue(project, preset="kto", slug="thumbs"), make.queue(project, slug="write")
    for _ in range(3):
        answered(thumbs, ann, thumbs={"a": 1, "b": 0})
        slot = slots.take_next(write, by=ann)
        assert slot
        skips.skip(slot, lease=str(slot.lease), reason="other", comment="No idea.", by=ann)
    for text in ("A plain response.", "No.", "A plain response.", "A long response."):
        make.written(write, ann, text)
    return project


def test_it_is_one_that_gives_a_row_of_the_format(partly: Project) -> None:
    """What was only rated gives no demonstration, and what is too short is left out."""
    assert openings(exported(partly, format="sft")) == ["Short?", "One?", "Two?", "Long?"]
    assert openings(exported(partly, format="sft", min_characters="5")) == ["Long?", "One?", "Two?"]
    kto = exported(partly, format="kto")
    assert len(kto) == 6
    assert all(row["prompt"] in map(called, ("Rated 0?", "Rated 1?", "Rated 2?")) for row in kto)


def test_no_more_prompts_are_tried_than_keep_the_first_row_waiting(
    partly: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaders, "TRIES", 3)
    assert openings(exported(partly, format="sft")) == ["One?", "Short?", "Two?", "Long?"]
    monkeypatch.setattr(leaders, "TRIES", 5)
    assert openings(exported(partly, format="sft")) == ["Short?", "One?", "Two?", "Long?"]


def test_tries_are_those_of_each_kind_and_of_each_prompt(
    project: Project, ann: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompts with tool calls that give no row keep nobody from looking for those with names."""
    shown = {"candidates": [{"text": "a"}, {"text": "b"}]}
    named = [{"role": "user", "content": "Named?", "name": "Ada"}]
    imported(
        project,
        {"messages": called("Rated?"), **shown},
        {"messages": called("Rated too?"), **shown},
        {"prompt": "One?"},
        {"messages": named},
    )
    thumbs, write = make.queue(project, preset="kto", overlap=2), make.queue(project, slug="write")
    for person in (ann, ben):
        for _ in range(2):
            answered(thumbs, person, thumbs={"a": 1, "b": 0})
    for _ in range(2):
        slot = slots.take_next(write, by=ann)
        assert slot
        skips.skip(slot, lease=str(slot.lease), reason="other", comment="No idea.", by=ann)
    make.written(write, ann)
    make.written(write, ann)
    monkeypatch.setattr(leaders, "TRIES", 2)
    assert openings(exported(project, format="sft")) == ["Named?", "One?"]


def test_each_format_of_a_release_has_its_own(
    partly: Project, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr(building, "CLOCKS_APART", 0.0)
    release = built(partly, "kto", "sft")
    assert openings(rows(release, "sft")) == ["Short?", "One?", "Two?", "Long?"]
    assert rows(release, "kto")[0]["prompt"] == called("Rated 0?")


def test_a_ranking_leads_raw_so_that_loaders_see_the_candidates(project: Project, ann: User) -> None:
    imported(project, {"prompt": "One?"}, {"prompt": "Two?", "candidates": [{"text": "a"}, {"text": "b"}]})
    write, rank = make.queue(project), ranking_queue(project)
    make.written(write, ann)
    make.ranked(rank, ann, [["a"], ["b"]])
    rows = exported(project, format="raw")
    assert [row["messages"][0]["content"] for row in rows] == ["Two?", "One?"]
    assert [len(row["candidates"]) for row in rows] == [2, 0]


def test_what_came_after_the_last_prompt_does_not_lead(project: Project, ann: User) -> None:
    imported(project, {"prompt": "One?"}, {"prompt": "Two?", "candidates": [{"text": "a"}, {"text": "b"}]})
    write, rank = make.queue(project), ranking_queue(project)
    first = make.written(write, ann).slot.task.prompt_id
    make.ranked(rank, ann, [["a"], ["b"]])
    scope = replace(stream.scope_of(choices.parse(project, {"format": "raw"})), last_prompt=first)
    with examples.snapshot() as own:
        assert [made.prompt.id for made in leaders.read(own, scope, lambda _: True)] == [first]


def test_earlier_turns_lead_alpaca_so_that_loaders_see_the_history(project: Project, ann: User) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    imported(project, {"prompt": "One?"}, {"messages": [*turns, {"role": "user", "content": "Two?"}]})
    queue = make.queue(project)
    for _ in range(2):
        make.written(queue, ann)
    rows = exported(project, format="alpaca")
    assert [(row["instruction"], len(row["history"])) for row in rows] == [("Two?", 1), ("One?", 0)]


def test_marks_and_documents_lead_spans_so_that_loaders_see_both(project: Project, ann: User) -> None:
    candidates = {"candidates": [{"text": "a b c"}]}
    imported(
        project,
        *({"prompt": f"{number}?", **candidates} for number in ("One", "Two", "Three")),
        {"prompt": "Four?", **candidates, "context": [{"text": "Document"}]},
    )
    queue = make.queue(project, preset="mqm", slug="mqm")
    for marks in ([], [], [{"start": 0, "end": 1, "label": "Minor"}], []):
        answered(queue, ann, errors={"a b c": marks})
    found = exported(project, format="spans")
    # The first that was judged leads every export.
    assert [(row["prompt"][0]["content"], len(row["spans"]), len(row["sources"])) for row in found] == [
        ("One?", 0, 0),
        ("Three?", 1, 0),
        ("Four?", 0, 1),
        ("Two?", 0, 0),
    ]
    # Marks in another queue do not lead one that is exported alone.
    other = make.queue(project, preset="mqm", slug="other")
    for _ in range(3):
        answered(other, ann, errors={"a b c": []})
    found = exported(project, format="spans", queue="other")
    assert [row["prompt"][0]["content"] for row in found] == ["One?", "Two?", "Three?"]


def test_every_split_has_a_leader_of_its_own(project: Project, ann: User) -> None:
    def tools(question: str) -> list[dict[str, Any]]:
        call = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
        said = {"role": "assistant", "content": "", "tool_calls": [call]}
        return [{"role": "user", "content": question}, said, {"role": "tool", "content": "21", "name": "f"}]

    # test_policies says which of these questions is in which split.
    imported(
        project, {"prompt": "Question 1?"}, {"messages": tools("Question 24?")}, {"messages": tools("Question 3?")}
    )
    queue = make.queue(project)
    for _ in range(3):
        make.written(queue, ann)
    opening = {
        split: [row["messages"][0]["content"] for row in exported(project, format="sft", split=split)]
        for split in ("train", "test")
    }
    assert opening == {"train": ["Question 3?", "Question 1?"], "test": ["Question 24?"]}
