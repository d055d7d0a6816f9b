"""Instructions with inputs and outputs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling.importing import PromptLine
from tests.labeling.importing.reading import as_json_lines, opening, outcome, prompts_in


def test_an_object_becomes_a_prompt_with_its_output_as_a_response() -> None:
    raw = as_json_lines([
        {
            "id": 12,
            "instruction": "Translate.\n",
            "input": "Guten Tag",
            "output": "Good day",
            "system": "Be exact.",
            "history": [["Hello?", "Hi."], ["And?", "Yes."]],
            "model": "m-1",
            "lang": "de",
            "tags": ["t"],
            "category": "translation",
            "metadata": {"page": 1},
            "text": None,
        }
    ])  # fmt: skip
    assert prompts_in("alpaca", raw) == [
        PromptLine(
            line=1,
            messages=[
                {"role": "system", "content": "Be exact."},
                {"role": "user", "content": "Hello?"},
                {"role": "assistant", "content": "Hi."},
                {"role": "user", "content": "And?"},
                {"role": "assistant", "content": "Yes."},
                {"role": "user", "content": "Translate.\n\nGuten Tag"},
            ],
            external_id="12",
            language="de",
            tags=["t"],
            metadata={"category": "translation", "page": 1},
            candidates=[{"text": "Good day", "model": "m-1"}],
        )
    ]


@pytest.mark.parametrize("blank", [{"input": "", "output": "", "system": " ", "history": []}, {}, {"input": None}])
def test_what_is_blank_says_nothing(blank: dict[str, Any]) -> None:
    (line,) = prompts_in("alpaca", as_json_lines([{"instruction": "Hello?", **blank}]))
    assert line == PromptLine(line=1, messages=[{"role": "user", "content": "Hello?"}])


def test_an_instruction_may_be_all_in_the_input() -> None:
    (line,) = prompts_in("alpaca", as_json_lines([{"instruction": "", "input": "Hello?"}]))
    assert opening(line) == "Hello?"


def test_rows_of_dolly_are_of_the_same_kind() -> None:
    row = {"instruction": "When?", "context": "In 1871.", "response": "1871", "category": "closed_qa"}
    (line,) = prompts_in("alpaca", as_json_lines([row]))
    assert (opening(line), line.candidates) == ("When?\n\nIn 1871.", [{"text": "1871", "model": ""}])
    assert line.metadata == {"category": "closed_qa"}
    (line,) = prompts_in("alpaca", as_json_lines([row | {"context": [{"text": "In 1871."}]}]))
    assert (opening(line), line.context) == ("When?", [{"text": "In 1871."}])


def test_a_task_of_self_instruct_has_a_prompt_for_each_instance() -> None:
    task: dict[str, Any] = {"id": "t", "instruction": "Double it.", "name": "double"}
    raw = as_json_lines([
        task | {"instances": [{"input": "1", "output": "2"}, {"input": "2", "output": "4"}]},
        task | {"id": "u", "instances": [{"input": "", "output": "0"}]},
    ])  # fmt: skip
    lines = prompts_in("alpaca", raw)
    assert [(line.external_id, opening(line), line.candidates[0]["text"]) for line in lines] == [
        ("t-1", "Double it.\n\n1", "2"),
        ("t-2", "Double it.\n\n2", "4"),
        ("u", "Double it.", "0"),
    ]
    assert [line.line for line in lines] == [1, 1, 2]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"input": "x", "output": "y"}, "An object needs an “instruction”."),
        ({"instruction": " ", "input": ""}, "“instruction” is empty."),
        ({"instruction": ["x"]}, "“instruction” must be text."),
        ({"instruction": "x", "output": 5}, "“output” must be text."),
        ({"instruction": "x", "history": [["a"]]}, "“history” must be a list of pairs"),
        ({"instruction": "x", "history": "a"}, "“history” must be a list of pairs"),
        ({"instruction": "x", "history": [["a", ""]]}, "messages[1].content is empty."),
        ({"instruction": "x", "instances": "none"}, "“instances” must be a list of objects."),
        ({"instruction": "x", "id": ["a"]}, "“external_id” must be text."),
        ({"instruction": "x" * 1_000_001}, "at most 1,000,000 fit."),
        ("x", "This is no JSON object."),
    ],
)
def test_an_object_that_cannot_be_used_is_left_out_alone(row: Any, said: str) -> None:
    good = {"instruction": "Hello?"}
    lines, messages = outcome("alpaca", as_json_lines([good, row, good]))
    assert len(lines) == 2
    assert said in messages[2]
    if isinstance(row, dict):
        lines, messages = outcome("alpaca", json.dumps([good, row, good], indent=1).encode())
        assert len(lines) == 2
        assert [said in message and message.startswith("Object 2: ") for message in messages.values()] == [True]
