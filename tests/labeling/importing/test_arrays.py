"""An array is cut at the same places wherever its chunks end, and a mistake costs its own object alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.importing.arrays import Cutter, Value
from labeling.importing.base import Rejected
from labeling.importing.objects import values
from tests.labeling.importing.reading import in_pieces

loose = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=10)
    | st.sampled_from(['"', "\\", '\\"', "[", "{", "]", "}", "\n", ","]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=5), loose, max_size=4)


def cut(raw: bytes, size: int = 1000) -> list[Value | Rejected]:
    return list(values(in_pieces(raw, size)))


@settings(deadline=None)
@given(given=st.lists(objects | st.lists(loose, max_size=3), max_size=6), indent=st.sampled_from([None, 0, 2]),
       size=st.integers(1, 40), ascii_only=st.booleans())  # fmt: skip
def test_the_values_of_an_array_come_out_as_they_went_in(
    given: list[Any], indent: int | None, size: int, ascii_only: bool
) -> None:
    text = json.dumps(given, indent=indent, ensure_ascii=ascii_only)
    found = cut(text.encode(), size)
    assert [json.loads(value.raw) for value in found if isinstance(value, Value)] == given
    assert len(found) == len(given)
    lines = text.split("\n")
    for value in found:
        assert isinstance(value, Value)
        assert value.raw.split(b"\n")[0].decode() in lines[value.line - 1], "it begins on the line that is said"


@settings(deadline=None)
@given(given=st.lists(objects.filter(bool), min_size=1, max_size=6), size=st.integers(1, 40))
def test_objects_over_several_lines_need_no_array_around_them(given: list[Any], size: int) -> None:
    text = "\n".join(json.dumps(one, indent=2) for one in given)
    found = cut(text.encode(), max(size, 2))
    assert [json.loads(value.raw) for value in found if isinstance(value, Value)] == given
    assert len(found) == len(given)


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    ("raw", "numbers", "said"),
    [
        (b'[{"n": 1},{"n": 2]},{"n": 3}]', [1, 3], "Between object 2 and the next stands “},”."),
        (b'[{"n": 1}{"n": 2}]', [1, 2], "A comma is missing between object 1 and the next."),
        (b'[{"n": 1},,{"n": 2}]', [1, 2], "Between object 1 and the next stands “,,”."),
        (b'[7, {"n": 1}]', [1], "Before the first object stands “7,”."),
        (b'[{"n": 1}, "{", {"n": 2}]', [1, 2], 'Between object 1 and the next stands “,"{",”.'),
        (b'[{"n": 1},]', [1], "Before the end of the array stands “,”."),
        (b'[{"n": 1}]]', [1], "After the last object stands “]”."),
        (b'[{"n": 1}] [{"n": 2}]', [1], "After the last object stands “["),
        (b'[{"n": 1}, {"n": 2', [1], "Object 2 does not end"),
        (b'[{"n": 1},\n {"n": "2}]', [1], "Object 2 does not end"),
        (b'[{"n": 1}', [1], "The array is not closed"),
        (b"[", [], "The array is not closed"),
        (b"[]", [], None),
        (b"[" + b"9" * 100 + b"]", [], "“9999999999999999999999999999999999999999…”"),
    ],
)
def test_what_is_wrong_is_said_and_the_rest_is_read(
    raw: bytes, numbers: list[int], said: str | None, size: int
) -> None:
    found = cut(raw, size)
    good = [value.raw for value in found if isinstance(value, Value)]
    assert [json.loads(one)["n"] for one in good if one != b'{"n": 2]'] == numbers
    messages = [item.message for item in found if isinstance(item, Rejected)]
    assert len(messages) == (said is not None)
    assert said is None or said in messages[0]


def test_a_text_that_ends_a_chunk_with_a_backslash_goes_on_in_the_next() -> None:
    raw = b'[{"a": "\\\\"}, {"a": "\\""}]'
    for at in range(1, len(raw)):
        cutter = Cutter(1, listed=True)
        found = [*cutter.feed(raw[1:at]), *cutter.feed(raw[at:]), *cutter.end()]
        assert [value.raw for value in found if isinstance(value, Value)] == [b'{"a": "\\\\"}', b'{"a": "\\""}']
        assert len(found) == 2


def test_utf_16_is_refused_in_words() -> None:
    (refused,) = cut('[{"a": 1}]'.encode("utf-16"))
    assert isinstance(refused, Rejected)
    assert "UTF-8" in refused.message
