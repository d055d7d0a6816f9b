"""Conversations."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.importing import PromptLine
from tests.labeling.importing.reading import as_json_lines, outcome, prompts_in

HUMAN, GPT = {"from": "human", "value": "Hello?"}, {"from": "gpt", "value": "Hi."}
AND, YES = {"from": "human", "value": "And?"}, {"from": "gpt", "value": "Yes.", "weight": 0}


def call(value: str) -> dict[str, str]:
    return {"from": "function_call", "value": value}


def test_the_last_turn_of_the_assistant_answers_what_is_before() -> None:
    raw = as_json_lines([
        {
            "id": "c1",
            "system": "Be brief.",
            "conversations": [HUMAN, GPT, AND, YES],
            "model": "m",
            "language": "English, mostly",
            "source": "web",
        }
    ])  # fmt: skip
    assert prompts_in("sharegpt", raw) == [
        PromptLine(
            line=1,
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello?"},
                {"role": "assistant", "content": "Hi."},
                {"role": "user", "content": "And?"},
            ],
            external_id="c1",
            metadata={"language": "English, mostly", "source": "web"},
            candidates=[{"text": "Yes.", "model": "m"}],
        )
    ]


@pytest.mark.parametrize("name", ["conversations", "conversation", "messages"])
def test_turns_may_have_role_and_content(name: str) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Hi."}]},
    ]
    (line,) = prompts_in("sharegpt", as_json_lines([{name: turns, "system": ""}]))
    assert line.messages == [turns[0], {"role": "user", "content": "Hello?"}]
    assert line.candidates == [{"text": "Hi.", "model": ""}]


@pytest.mark.parametrize("end", [[], [{"from": "gpt", "value": " "}]])
def test_a_conversation_that_ends_with_the_user_has_no_response(end: list[Any]) -> None:
    (line,) = prompts_in("sharegpt", as_json_lines([{"conversations": [HUMAN, *end]}]))
    assert (len(line.messages), line.candidates) == (1, [])


def test_functions_may_be_called_on_the_way() -> None:
    turns = [
        HUMAN,
        {"from": "function_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
        {"from": "observation", "value": "4"},
        GPT,
    ]
    (line,) = prompts_in("sharegpt", as_json_lines([{"conversations": turns, "tools": "[]"}]))
    called = [{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]
    assert line.messages[1:] == [
        {"role": "assistant", "content": "", "tool_calls": called},
        {"role": "tool", "content": "4"},
    ]
    assert (line.metadata, line.tools) == ({}, [])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, "An object needs “conversations”"),
        ({"conversations": []}, "An object needs “conversations”"),
        ({"conversations": "Hello"}, "An object needs “conversations”"),
        ({"conversations": ["Hello"]}, "conversations[0] must be an object."),
        ({"conversations": [{"from": "narrator", "value": "x"}]}, "conversations[0] must be from one of"),
        ({"conversations": [{"from": ["human"], "value": "x"}]}, "conversations[0] must be from one of"),
        ({"conversations": [GPT]}, "There is no turn before the assistant's."),
        ({"conversations": [GPT, HUMAN]}, "must open with a user message"),
        ({"conversations": [HUMAN, HUMAN]}, "Two user messages stand in a row"),
        ({"conversations": [HUMAN, GPT, GPT]}, "The last message must be the user's"),
        ({"conversations": [{"from": "human", "value": ""}, GPT]}, "messages[0].content is empty."),
        ({"conversations": [{"from": "human", "value": {"a": 1}}, GPT]}, "messages[0].content must be text."),
        ({"conversations": [HUMAN, {"from": "gpt", "value": 5}]}, "candidates[0].text must be text."),
        (
            {"conversations": [HUMAN, call("f(x)")]},
            "conversations[1] is no function call.",
        ),
        ({"conversations": [HUMAN, call('{"name": "f"}')]}, "A response is text."),
        ({"conversations": [{"from": "system", "value": "a"}, HUMAN], "system": "b"}, "Keep one."),
    ],
)
def test_a_conversation_that_cannot_be_used_is_left_out_alone(row: dict[str, Any], said: str) -> None:
    good = {"conversations": [HUMAN, GPT]}
    lines, messages = outcome("sharegpt", as_json_lines([good, row, good]))
    assert [line.line for line in lines] == [1, 3]
    assert said in messages[2]
