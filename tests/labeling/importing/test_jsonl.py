"""Prompt lines of the contract."""

from __future__ import annotations

import json

import pytest

from labeling.importing import Rejected
from tests.labeling.importing.reading import found_in, opening, outcome, prompts_in


def test_lines_may_end_in_any_way_and_be_blank() -> None:
    raw = b'\xef\xbb\xbf{"prompt": "One?"}\r\n\n  \r\n {"prompt": "Two?"} \n\t{"prompt": "Three\xe2\x80\xa8?"}'
    assert [(opening(line), line.line) for line in prompts_in("jsonl", raw)] == [
        ("One?", 1),
        ("Two?", 4),
        ("Three\u2028?", 5),
    ]


@pytest.mark.parametrize("indent", [None, 1])
def test_one_array_of_all_lines_is_read_as_well(indent: int | None) -> None:
    raw = json.dumps([{"prompt": "One?"}, {"promt": "Two?"}, {"prompt": "Three?"}], indent=indent).encode()
    lines, said = outcome("jsonl", raw)
    assert [opening(line) for line in lines] == ["One?", "Three?"]
    assert ["Object 2: “promt” is not a field" in message for message in said.values()] == [True]


def test_a_first_line_that_begins_like_no_array_is_only_a_bad_line() -> None:
    for bad in (b"[]", b"[1]", b"[" * 5000, b'["prompt"]'):
        lines, said = outcome("jsonl", bad + b'\n{"prompt": "Two?"}\n')
        assert [opening(line) for line in lines] == ["Two?"]
        assert list(said) == [1]


def test_utf_16_is_refused_once() -> None:
    (refused,) = found_in("jsonl", '{"prompt": "One?"}\n{"prompt": "Two?"}\n'.encode("utf-16"))
    assert isinstance(refused, Rejected)
    assert "UTF-8" in refused.message


def test_a_line_of_very_many_parts_is_left_out_before_it_takes_their_memory() -> None:
    many = b'{"prompt": "x", "metadata": {"n": [' + b"[]," * 1_000_000 + b"[]]}}\n"
    lines, said = outcome("jsonl", many + b'{"prompt": "Two?"}\n')
    assert [opening(line) for line in lines] == ["Two?"]
    assert "more than 1,000,000 commas and brackets" in said[1]
