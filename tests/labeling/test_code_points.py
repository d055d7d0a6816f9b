"""Offsets in texts, counted as Python counts. tests/js/codepoints.test.mjs reads the same cases in JavaScript."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling.questions import Shown
from labeling.questions.base import QuestionError
from labeling.questions.spans import Spans
from labeling.text import unfit_text
from tests.process import ROOT

CASES: list[dict[str, Any]] = json.loads((ROOT / "tests" / "fixtures" / "code_points.json").read_text())


def units(text: str) -> int:
    """How long JavaScript thinks that a text is."""
    return len(text.encode("utf-16-le")) // 2


def test_the_cases_are_there() -> None:
    assert len(CASES) >= 40
    assert sum(len(case["spans"]) for case in CASES) >= 150


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_spans_are_cut_out_by_code_points(case: dict[str, Any]) -> None:
    text = case["text"]
    assert unfit_text(text) is None
    assert (len(text), units(text)) == (case["length"], case["utf16_length"])
    for span in case["spans"]:
        assert text[span["start"] : span["end"]] == span["part"]
        assert [units(text[: span["start"]]), units(text[: span["end"]])] == span["utf16"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_mark_may_reach_to_the_end_of_the_text_and_no_further(case: dict[str, Any]) -> None:
    kind, shown = Spans(), Shown(candidates={"a": case["text"]})
    config = {**kind.clean_config({"labels": ["Error"]}), "required": False}
    marks = [{"start": span["start"], "end": span["end"], "label": "Error"} for span in case["spans"]]
    cleaned = kind.clean_answer(config, {"a": marks}, shown)
    assert sorted((mark["start"], mark["end"]) for mark in cleaned["a"]) == sorted(
        (span["start"], span["end"]) for span in case["spans"]
    )
    with pytest.raises(QuestionError):
        kind.clean_answer(config, {"a": [{"start": 0, "end": len(case["text"]) + 1, "label": "Error"}]}, shown)
