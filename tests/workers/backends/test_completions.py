"""Replies of any shape whatever: no server keeps to the protocol for ever."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.backends.completions import BadReply, load, one_line, parse, remark, split

KEYS = st.sampled_from(["choices", "message", "content", "text", "type", "finish_reason", "tool_calls", "refusal"]) | (
    st.sampled_from(["usage", "prompt_tokens", "completion_tokens", "model", "error", "detail", "msg", "code"])
)
WORDS = st.sampled_from(["stop", "length", "content_filter", "text", "Hi", "", "\x00\n", "\ud800"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
SHAPES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5))
CHOICES = st.lists(st.fixed_dictionaries({"message": SHAPES, "finish_reason": SHAPES}) | SHAPES, max_size=3)


@settings(deadline=None)
@given(SHAPES | st.fixed_dictionaries({"choices": CHOICES, "usage": SHAPES, "model": SHAPES}))
def test_a_reply_of_any_shape_is_read_or_refused(reply: Any) -> None:
    try:
        made = parse(json.dumps(reply).encode(), "application/json", one_line)
    except BadReply:
        return
    assert len(made.choices) == len(reply["choices"]) > 0
    for choice in made.choices:
        assert isinstance(choice.text, str)
        assert choice.finish_reason in ("stop", "length")
        assert one_line(choice.error) == choice.error
    for shown in (made.model, made.fingerprint):
        assert shown == "" or shown.isprintable()


@settings(deadline=None)
@given(st.binary(max_size=50))
def test_bytes_of_any_kind_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(BadReply):
        parse(data, "", one_line)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"error": {"message": "Of OpenAI\n and vLLM."}}, "Of OpenAI and vLLM."),
        ({"error": "Of TGI."}, "Of TGI."),
        ({"object": "error", "message": "Of older vLLM."}, "Of older vLLM."),
        ({"detail": "Of FastAPI."}, "Of FastAPI."),
        ({"detail": [{"msg": "Of FastAPI, too."}]}, "Of FastAPI, too."),
        ({"error": {"code": "no_message"}}, "no_message"),
        ({"error": {"message": 7}}, ""),
        ([], ""),
    ],
)
def test_what_servers_say_is_found_where_each_puts_it(reply: Any, said: str) -> None:
    assert one_line(remark(reply)) == said


def test_what_a_server_says_has_an_end() -> None:
    assert one_line("x" * 1_000_000) == "x" * 299 + "…"


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert load(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@settings(deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 10**5), min_size=1, max_size=8))
def test_nothing_is_lost_where_tokens_are_shared_out(total: int, weights: list[int]) -> None:
    parts = split(total, weights)
    assert sum(parts) == total
    assert all(abs(part - total * weight / sum(weights)) <= 1 for part, weight in zip(parts, weights, strict=True))
