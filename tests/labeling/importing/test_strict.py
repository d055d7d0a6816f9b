"""JSON is read as strictly as ever, however fast."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labeling.importing.strict import decode, decode_text
from labeling.importing.texts import LineError

TOKENS = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    '"a"',
    '"b"',
    '"',
    "\\",
    "\\u",
    "d83d",
    "1",
    "-0",
    "1.0",
    "1e400",
    "NaN",
]


@settings(deadline=None)
@given(text=st.text(max_size=30) | st.lists(st.sampled_from(TOKENS), max_size=15).map("".join))
@example('{"a": 1, "a": 1}')
@example(' {"a": {"b": 1, "b": 2}} ')
@example("-Infinity")
@example("1" * 5000)
@example("[" * 100_000)
@example("")
@example('{"a" : 1} x')
def test_it_takes_what_the_standard_has_and_nothing_twice(text: str) -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if any(number > 1 for number in Counter(name for name, _ in pairs).values()):
            raise ValueError
        return dict(pairs)

    def refuse(name: str) -> None:
        raise ValueError

    try:
        expected = json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError):
        with pytest.raises(LineError):
            decode_text(text)
    else:
        assert repr(decode_text(text)) == repr(expected)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"prompt": "\xff"}', "Byte 13 is not UTF-8"),
        (b'{"prompt": "x"', "Expecting ',' delimiter at character 15"),
        (b'  {"prompt": x}', "Expecting value at character 14"),
        (b'{"a": 1} {"b": 2}', "Extra data at character 10"),
        (b'{"a": {"twin": 1, "twin": 2}}', "“twin” stands twice"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b"1" * 5000, "not usable JSON"),
    ],
)
def test_a_mistake_is_named_with_its_place(raw: bytes, said: str) -> None:
    with pytest.raises(LineError, match=said):
        decode(raw)
