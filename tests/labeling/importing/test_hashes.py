"""Hashes and keys of prompt lines. Those of rows that are stored must never change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.importing.base import PromptLine, parse
from labeling.importing.texts import LineError
from labeling.text import canonical_json, sha256

# Written down when they were first made; not to be made again from the code that is tested.
STORED: list[tuple[dict[str, Any], str, str, str]] = [
    (
        {"prompt": "Hello?"},
        "sha256:bdbd6d8f20dd9db98b7004ba838ebaf9cffd01f806aacb60e77a064e0b79fd7d",
        "bdbd6d8f20dd9db98b7004ba838ebaf9cffd01f806aacb60e77a064e0b79fd7d",
        "688359e68e5fac18f97352f9a4b1543aabfb6bc74659628136d6d22cb5019266",
    ),
    (
        {"prompt": "Hello?", "external_id": "one"},
        "id:one",
        "bdbd6d8f20dd9db98b7004ba838ebaf9cffd01f806aacb60e77a064e0b79fd7d",
        "688359e68e5fac18f97352f9a4b1543aabfb6bc74659628136d6d22cb5019266",
    ),
    (
        {
            "prompt": 'Größe 😀 "quoted" \\ back\n\ttab \x01 \x7f \u2028 é',
            "system": "Kurz, bitte.",
            "language": "pt-BR",
            "batch": "b 1",
            "priority": -3,
        },
        "sha256:446686d76dd9079f4ba5a0c92128aff7b6ec4db20cb5a7126ac5c10afd987d18",
        "446686d76dd9079f4ba5a0c92128aff7b6ec4db20cb5a7126ac5c10afd987d18",
        "c4233e88e0f0ec61867d8a7d0be1c2f800b7f05c2a39ffadf5587b1b74a4c9ab",
    ),
    (
        {
            "messages": [
                {"role": "developer", "content": "D"},
                {"role": "user", "content": "a", "name": "Ann"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "type": "function",
                            "function": {"name": "f", "arguments": {"x": 1.5, "a": [1e16, True, None]}},
                        }
                    ],
                },
                {
                    "role": "tool",
                    "content": [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}],
                    "tool_call_id": "c1",
                },
            ],
            "external_id": 17,
        },
        "id:17",
        "7f88f85cd246acdf810541020553bef20b9ed530ea8ba3fdbf0c7e812f91ba5f",
        "97909cd8946646dc6c5397eb16df60fa1539edf71976509d5126bd1b43fb06cc",
    ),
    (
        {
            "prompt": "x",
            "context": [{"text": "T", "title": "Title", "id": "7", "url": "https://example.org/"}, {"text": "U"}],
            "tags": ["x", "y", "x"],
            "metadata": {"b": {"z": [1, 2.50, -0.0, 1e-7, 12345678901234567890123]}, "a": "ä/"},
            "candidates": [{"text": "Hi.", "model": "m"}, {"text": 'Hello "you"'}],
            "gold": {"rank": {"ranking": {"groups": [["a"], ["b"]]}}},
        },
        "sha256:591780213e9907ad97f63124b2b4f1157cfc603426aa3146455e21271fc87bed",
        "591780213e9907ad97f63124b2b4f1157cfc603426aa3146455e21271fc87bed",
        "f516fd104ddcd7c0857a65cedd2688075f5cd3f97f2925308b9b720e22d09478",
    ),
]


@pytest.mark.parametrize(("raw", "key", "content_hash", "line_hash"), STORED)
def test_what_is_stored_keeps_its_key_and_hashes(
    raw: dict[str, Any], key: str, content_hash: str, line_hash: str
) -> None:
    line = parse(raw, 1)
    assert (line.key, line.content_hash, line.line_hash) == (key, content_hash, line_hash)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
filled = texts.filter(str.strip)
loose = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(texts, loose, max_size=4)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool"]), "content": filled},
    optional={"name": filled, "tool_call_id": filled},
)
tools = st.fixed_dictionaries(
    {"type": st.just("function"), "function": st.fixed_dictionaries({"name": filled}, optional={"parameters": objects})}
)
lines = st.fixed_dictionaries(
    {},
    optional={
        "prompt": filled,
        "messages": st.lists(messages, min_size=1, max_size=3),
        "system": filled,
        "external_id": texts | st.integers(),
        "context": st.lists(
            st.fixed_dictionaries({"text": filled}, optional={"title": texts, "id": texts}), max_size=2
        ),
        "batch": texts,
        "priority": st.integers(-10, 10),
        "tags": st.lists(filled, max_size=3),
        "language": st.sampled_from(["", "en", "pt-BR"]),
        "metadata": objects,
        "candidates": st.lists(st.fixed_dictionaries({"text": filled}, optional={"model": texts}), max_size=3),
        "gold": objects,
        "tools": st.lists(tools, max_size=2),
    },
)


@settings(deadline=None)
@given(raw=lines)
def test_hashes_are_those_of_canonical_json(raw: dict[str, Any]) -> None:
    try:
        line = parse(raw, 1)
    except LineError:
        return
    content: list[Any] = [line.messages, line.context]
    called = [line.tools] if line.tools else []
    rest = [line.batch, line.priority, line.tags, line.language, line.metadata, line.candidates, line.gold]
    assert line.content_hash == sha256(canonical_json([*content, *called]))
    assert line.line_hash == sha256(canonical_json([*content, *rest, *called]))
    assert line.canonical.tools == (canonical_json(line.tools) if called else "")
    for text, value in zip(line.canonical[:4], [*content, line.metadata, line.gold], strict=True):
        assert text == canonical_json(value)
        assert json.loads(text) == value


def test_a_line_that_says_the_same_is_the_same() -> None:
    one, two = parse({"prompt": "Hello?"}, 1), parse({"prompt": "Hello?"}, 1)
    assert one.key
    assert one == two, "what has been worked out of a line is no part of it"
    assert one.key is one.key
    assert PromptLine(line=1, messages=one.messages).line_hash == one.line_hash
