"""Any text that somebody can send: it is refused with a reason when it is submitted, or it comes out as it went in.

The whole way, through the database and the command, to what `datasets` and a reader of lines give back.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import datasets
import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.errors import InvalidAnswers
from labeling.importing.base import parse
from labeling.importing.texts import LineError
from labeling.models import Project, Queue, User
from labeling.services import imports, slots
from tests import make
from tests.labeling.exports.answering import answered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# What some reader takes for something else: an end of a line, of a text or of a turn, a number, a date, nothing at all.
AWKWARD = [
    "\ud83d", "a\udc00b", "\x00", "a\x00b", "", " ", "\u3000\u2003", "\ufeff", "a\u2028b\u2029c\x85d", "a\x0b\x0c\x1cb",
    "\x1d\x1e\x1f", "\x7f\x9f", "a\r\nb\rc\nd", "2024-01-01", "2024-01-01T12:30:00Z", "12:30:00", "123", "-0.5",
    "1e999", "NaN", "Infinity", "null", "None", "true", "{}", "[]", "{\"a\": 1}", "\"", "\\", "\\u2028", "\\ud83d",
    "<|im_end|>", "</s>", "[INST]", "<start_of_turn>", "{{ x }}", "{% x %}", "😀👩‍👩‍👧", "שלום", "e\u0301", "\u202ertl",
    "\uffff\ufdd0\U0010ffff", "  both ends  ", "\n\nlines around\n", "' OR 1=1 --", "%s", "\u200b",
]  # fmt: skip

any_character = st.characters()  # halves of pairs too, and NUL
any_text = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(any_character, max_size=40),
    st.lists(st.sampled_from(AWKWARD), min_size=2, max_size=3).map("".join),
    st.dates().map(str),
    st.datetimes().map(str),
    st.integers().map(str),
    st.floats().map(str),
)
few = settings(
    max_examples=20,
    deadline=None,
    # The tables are emptied after all examples; each makes a project of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    datasets.disable_progress_bars()


def why_refused(text: str) -> str:
    """The reason in a message's own words; "" for a text that can be kept."""
    if "\x00" in text:
        return "holds a NUL character, which cannot be stored. Take it out."
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "holds half of a character (a lone surrogate). Type that character again."
    return "" if text.strip() else "is empty."


def submitted(queue: Queue, by: User, question: str, texts: list[str], **more: Any) -> dict[str, str]:
    """Submits each text, and words in the place of one that is refused. Gives what was taken, by annotation.

    `more`: the candidate that is edited, by its text, where the question is about one.
    """
    taken = {}
    for text in texts:
        reason = why_refused(text)
        if reason:
            with pytest.raises(InvalidAnswers) as caught:
                answered(queue, by, **{question: {"text": text, **more}})
            (fault,) = caught.value.errors
            assert (fault.path, fault.message) == (question, f"The response {reason}")
            # The slot is still held: nothing but the text was refused.
            text = "Words in its place."
        annotation = answered(queue, by, **{question: {"text": text, **more}})
        taken[str(annotation.pk)] = text.strip()
    assert slots.take_next(queue, by=by) is None, "every prompt has its answer"
    return taken


def exported(project: Project, **given: str) -> list[dict[str, Any]]:
    """The rows of an export, which three readers agree on."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "export.jsonl"
        call_command("export", project.slug, out=str(out), **given)
        data = out.read_bytes()
        rows: list[dict[str, Any]] = [json.loads(line) for line in data.split(b"\n")[:-1]]
        assert [json.loads(line) for line in data.decode().splitlines()] == rows
        found = datasets.load_dataset("json", data_files=str(out), split="train", cache_dir=f"{folder}/cache")
        assert [dict(row) for row in found] == rows
    return rows


# A file whose every text is a date comes back as points in time, of which the report warns: so one has words.
WORDS = "An answer in words."


@few
@given(st.lists(any_text, min_size=1, max_size=8))
def test_what_is_written_is_refused_or_comes_out_as_it_is(ann: User, texts: list[str]) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, len(texts) + 1)
    taken = submitted(make.queue(project), ann, "response", [*texts, WORDS])
    rows = exported(project, format="sft")
    assert {row["metadata"]["annotation_id"]: row["messages"][-1]["content"] for row in rows} == taken


@few
@given(st.lists(any_text, min_size=1, max_size=5))
def test_what_is_edited_is_refused_or_comes_out_as_it_is(ann: User, texts: list[str]) -> None:
    project = make.project(annotators=[ann])
    lines = [
        parse({"prompt": f"Question {n}?", "candidates": [{"text": "The original."}, {"text": "Another."}]}, n + 1)
        for n in range(len(texts) + 1)
    ]
    imports.import_lines(project, lines, source="jsonl", by=make.manager(project))
    edits = make.queue(project, preset="edit")
    taken = submitted(edits, ann, "edit", [*texts, WORDS], candidate="The original.")
    rows = exported(project, format="preference", edits="only")
    assert {row["metadata"]["annotation_id"]: row["chosen"][0]["content"] for row in rows} == taken
    assert {row["rejected"][0]["content"] for row in rows} == {"The original."}


@few
@given(st.lists(st.tuples(any_text, any_text), min_size=1, max_size=5))
def test_what_is_imported_and_rated_comes_out_as_it_is(ann: User, texts: list[tuple[str, str]]) -> None:
    """Prompts and candidates are somebody's texts too. What no database holds is refused at the door, by line."""
    project = make.project(annotators=[ann])
    kept = []
    for asked, reply in texts:
        reason = why_refused(asked) or why_refused(reply)
        if reason:
            with pytest.raises(LineError, match=re.escape(reason) + "$"):
                parse({"prompt": asked, "candidates": [{"text": reply}, {"text": "Another."}]}, 1)
        elif reply.strip() != "Another.":
            kept.append((asked, reply))
    kept.append(("A question in words?", WORDS))
    lines = [
        parse({"prompt": asked, "external_id": str(n), "candidates": [{"text": reply}, {"text": "Another."}]}, n + 1)
        for n, (asked, reply) in enumerate(kept)
    ]
    imports.import_lines(project, lines, source="jsonl", by=make.manager(project))
    thumbs = make.queue(project, preset="kto")
    for _, reply in kept:
        answered(thumbs, ann, thumbs={reply: 1, "Another.": 0})
    rows = [row for row in exported(project, format="kto") if row["label"]]
    found = {row["metadata"]["external_id"]: (row["prompt"][0]["content"], row["completion"]) for row in rows}
    assert found == {
        str(n): (asked, [{"role": "assistant", "content": reply.strip()}]) for n, (asked, reply) in enumerate(kept)
    }
