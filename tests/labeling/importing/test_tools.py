"""The tools of a prompt: taken from every kind of file, checked, and known again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling.importing import PromptLine
from labeling.importing.base import parse
from labeling.importing.texts import LineError
from labeling.importing.tools import MAX_TOOLS
from labeling.models import Prompt, User
from labeling.services import imports, slots
from tests import make
from tests.labeling.importing.reading import as_json_lines, as_table, outcome, prompts_in

# In an order that is neither that of letters nor that of lengths.
UNIT_AND_CITY = {"unit": {"type": "string"}, "city": {"enum": ["Ü", 1]}}
SCHEMA = {"type": "object", "required": ["city"], "properties": UNIT_AND_CITY}
FUNCTION: dict[str, Any] = {"name": "get_weather", "description": "How warm?", "strict": True, "parameters": SCHEMA}
WEATHER = {"type": "function", "function": FUNCTION}
CLOCK = {"type": "function", "function": {"name": "now"}}


def nested(depth: int) -> dict[str, Any]:
    return {"inner": nested(depth - 1)} if depth else {}


def tools(raw: Any) -> list[dict[str, Any]]:
    return parse({"prompt": "Is it warm?", "tools": raw}, 1).tools


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ([WEATHER, CLOCK], [WEATHER, CLOCK]),
        (json.dumps([WEATHER, CLOCK]), [WEATHER, CLOCK]),
        ([FUNCTION, {"type": "function", "name": "now", "description": None}], [WEATHER, CLOCK]),
        ([{"function": {"name": "now"}}], [CLOCK]),
        (None, []),
        ([], []),
        ("", []),
        (" [] ", []),
        ("null", []),
    ],
)
def test_tools_are_taken_as_they_are_written(raw: Any, found: list[Any]) -> None:
    assert tools(raw) == found
    assert json.dumps(tools(raw)) == json.dumps(found), "the order of keys is how models read them"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "“tools” must be a list"),
        ("search, calculator", "“tools” is text, and no JSON."),
        ('[{"name": "a", "name": "b"}]', "stands twice"),
        ([CLOCK] * (MAX_TOOLS + 1), f"at most {MAX_TOOLS}"),
        (["now"], "tools[0] must be an object"),
        ([CLOCK, {"type": "code_interpreter"}], "tools[1] must be an object of “type”"),
        ([CLOCK, {"type": "function"}], "tools[1].function must be an object"),
        ([{"type": "retrieval", "function": {"name": "now"}}], "tools[0] must be an object of “type”"),
        ([CLOCK | {"more": 1}], "tools[0] must be an object of “type”"),
        ([{"type": "function", "function": {}}], "tools[0].function.name must be text"),
        ([{"name": " "}], "tools[0].function.name is empty"),
        ([{"name": "x" * 257}], "at most 256"),
        ([{"name": "now", "description": 1}], "tools[0].function.description must be text"),
        ([{"name": "now", "parameters": []}], "tools[0].function.parameters must be an object"),
        ([{"name": "now", "parameters": nested(60)}], "nested more than 50 deep"),
        ([{"name": "now", "parameters": {"a": "\x00"}}], "holds a NUL character"),
        ([{"name": "now", "parameters": {"\ud83d": 1}}], "lone surrogate"),
        ([{"name": "now", "parameters": {"a": float("inf")}}], "too large"),
        ([{"name": "now", "description": "\ud83d"}], "lone surrogate"),
        ([CLOCK, {"name": "now"}], "Two tools are called “now”."),
        ([{"name": "now", "parameters": {"a": "x" * 200_000}}], "at most 200,000 fit"),
    ],
)
def test_what_is_wrong_is_said(raw: Any, said: str) -> None:
    with pytest.raises(LineError) as raised:
        tools(raw)
    assert said in str(raised.value)


def test_a_bad_line_costs_no_other() -> None:
    lines = [{"prompt": "One?", "tools": [WEATHER]}, {"prompt": "Two?", "tools": "now"}, {"prompt": "Three?"}]
    found, said = outcome("jsonl", as_json_lines(lines))
    assert [line.tools for line in found] == [[WEATHER], []]
    assert list(said) == [2]


_TURNS = [{"from": "human", "value": "Is it warm?"}, {"from": "gpt", "value": "Yes."}]


@pytest.mark.parametrize(
    ("source", "raw"),
    [
        ("sharegpt", as_json_lines([{"conversations": _TURNS, "tools": json.dumps([FUNCTION])}])),
        ("sharegpt", as_json_lines([{"conversations": _TURNS, "tools": [WEATHER]}])),
        ("alpaca", as_json_lines([{"instruction": "Is it warm?", "output": "Yes.", "tools": json.dumps([WEATHER])}])),
        ("parquet", as_table({"prompt": ["Is it warm?"], "tools": [json.dumps([WEATHER])]})),
        ("csv", b'prompt,tools\nIs it warm?,"' + json.dumps([WEATHER]).replace('"', '""').encode() + b'"\n'),
    ],
)
def test_every_kind_of_file_may_have_them(source: str, raw: bytes) -> None:
    (line,) = prompts_in(source, raw)
    assert (line.tools, line.metadata) == ([WEATHER], {})


def test_blank_ones_in_other_formats_are_none() -> None:
    (line,) = prompts_in("sharegpt", as_json_lines([{"conversations": _TURNS, "tools": "[]"}]))
    assert line.tools == []
    assert prompts_in("csv", b"prompt,tools\nIs it warm?, \n")[0].tools == []


def test_they_are_part_of_what_a_response_answers() -> None:
    more: list[dict[str, Any]] = [{}, {"tools": []}, {"tools": [WEATHER]}]
    plain, same, other = (parse({"prompt": "Is it warm?", **one}, 1) for one in more)
    assert (plain.key, plain.line_hash) == (same.key, same.line_hash)
    assert plain.content_hash == PromptLine(line=1, messages=plain.messages).content_hash
    assert other.content_hash != plain.content_hash
    assert other.line_hash != plain.line_hash
    turned = {"type": "function", "function": dict(reversed(FUNCTION.items()))}
    assert parse({"prompt": "Is it warm?", "tools": [turned]}, 1).line_hash == other.line_hash


def sent(by: User, *lines: dict[str, Any]) -> tuple[int, int, int, int]:
    project = by.memberships.get().project
    found = [parse(line, number) for number, line in enumerate(lines, start=1)]
    report = imports.import_lines(project, found, source="jsonl", by=by)
    return report.imported, report.updated, report.unchanged, report.rejected


@pytest.mark.django_db
def test_sent_again_they_change_nothing_and_changed_they_change_the_prompt() -> None:
    alice, ann = make.person(), make.person()
    project = make.project(alice, annotators=[ann])
    queue = make.queue(project)
    line = {"prompt": "Is it warm?", "external_id": "a", "tools": [WEATHER]}
    assert sent(alice, line) == (1, 0, 0, 0)
    assert sent(alice, line | {"tools": json.dumps([FUNCTION])}) == (0, 0, 1, 0)
    prompt = Prompt.objects.get()
    assert prompt.tool_list == [WEATHER]
    assert json.loads(prompt.tools)[0]["function"]["parameters"] == SCHEMA
    assert prompt.tools == json.dumps([WEATHER], ensure_ascii=False)
    assert sent(alice, line | {"tools": [WEATHER, CLOCK]}) == (0, 1, 0, 0)
    prompt.refresh_from_db()
    assert (prompt.tool_list, prompt.rewritten_at is None) == ([WEATHER, CLOCK], False)
    assert sent(alice, {"prompt": "Is it warm?", "external_id": "b"}) == (1, 0, 0, 0)
    assert slots.take_next(queue, by=ann)
    assert sent(alice, {"prompt": "Is it warm?", "external_id": "a"}) == (0, 0, 0, 1)
    prompt.refresh_from_db()
    assert prompt.tool_list == [WEATHER, CLOCK]


@pytest.mark.django_db
def test_text_that_copy_would_read_otherwise_comes_in_as_it_is() -> None:
    alice = make.person()
    make.project(alice)
    hostile = {"name": "a\\b", "description": 'tab\t line\n cr\r back\\slash "quote" \\N \\. \u2028 日本'}
    assert sent(alice, {"prompt": "Is it warm?", "tools": [hostile]}) == (1, 0, 0, 0)
    assert Prompt.objects.get().tool_list == [{"type": "function", "function": hostile}]


@pytest.mark.django_db
def test_the_same_words_with_other_tools_are_no_duplicate() -> None:
    alice = make.person()
    project = make.project(alice)
    lines = [{"prompt": "Is it warm?", "external_id": str(n), "tools": [WEATHER][:n]} for n in range(2)]
    found = [parse(line, number) for number, line in enumerate(lines, start=1)]
    assert imports.import_lines(project, found, source="jsonl", by=alice).record.duplicates == 0
    assert len(set(Prompt.objects.values_list("normal_hash", flat=True))) == 2


# --- Calls of them ---------------------------------------------------------------------------------------------------


def called(*calls: Any) -> list[dict[str, Any]]:
    """A line's messages with these calls."""
    said: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": list(calls)}
    asked = {"role": "user", "content": "Is it warm?"}
    return parse({"messages": [asked, said, {"role": "tool", "content": "Yes."}]}, 1).messages


def call(arguments: Any, **known: Any) -> dict[str, Any]:
    return {**known, "type": "function", "function": {"name": "f", "arguments": arguments}}


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (call({"x": 1, "deep": {"a": ["ü"]}}), call({"x": 1, "deep": {"a": ["ü"]}})),
        (call('{"x": 1, "deep": {"a": ["\\u00fc"]}}', id="c1"), call({"x": 1, "deep": {"a": ["ü"]}}, id="c1")),
        (call("{}"), call({})),
        (call(""), call({})),
        (call(None, id=None), call({})),
        ({"function": {"name": "f"}}, call({})),
        ({"id": "c1", "name": "f", "arguments": "{}"}, call({}, id="c1")),
        (call({}, index=0), call({}, index=0)),
    ],
)
def test_the_arguments_of_a_call_are_an_object_however_they_were_written(raw: Any, found: dict[str, Any]) -> None:
    assert called(raw)[1]["tool_calls"] == [found]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (1, "messages[1].tool_calls[0] must be an object with a “function”"),
        ("x", "messages[1].tool_calls[0] must be an object with a “function”"),
        ({}, "messages[1].tool_calls[0] must be an object with a “function”"),
        ({"type": "code", "function": {"name": "f"}}, "messages[1].tool_calls[0].type must be “function”."),
        ({"function": {"arguments": {}}}, "messages[1].tool_calls[0].function.name must be text."),
        (call("Lima"), "messages[1].tool_calls[0].function.arguments is text, and no JSON."),
        (call('{"x": NaN}'), "NaN is not JSON."),
        (call("[1]"), "messages[1].tool_calls[0].function.arguments must be an object, or one as JSON text."),
        (call(7), "messages[1].tool_calls[0].function.arguments must be an object, or one as JSON text."),
        (call({}, id=3), "messages[1].tool_calls[0].id must be text."),
        (call('{"x": "\\u0000"}'), "messages[1].tool_calls[0]"),
        (call(json.dumps(nested(60))), "nested more than"),
    ],
)
def test_what_is_no_call_is_refused_with_the_reason(raw: Any, said: str) -> None:
    with pytest.raises(LineError) as error:
        called(raw)
    assert said in str(error.value)


def test_every_call_is_looked_at() -> None:
    with pytest.raises(LineError, match=r"tool_calls\[1\]"):
        called(call({}), "x")


def test_a_result_follows_a_call_or_another_result() -> None:
    asked, result = {"role": "user", "content": "Is it warm?"}, {"role": "tool", "content": "Yes."}
    said = {"role": "assistant", "content": "I look.", "tool_calls": [call({}), call({})]}
    assert len(parse({"messages": [asked, said, result, result]}, 1).messages) == 4
    for messages, place in (([asked, {"role": "assistant", "content": "I look."}, result], 2), ([asked, result], 1)):
        with pytest.raises(LineError) as error:
            parse({"messages": messages}, 1)
        assert str(error.value).startswith(f"messages[{place}] is a tool message; it must follow an assistant message")
