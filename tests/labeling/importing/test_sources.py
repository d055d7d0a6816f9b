"""What every source keeps to: whatever the bytes are, it reads as far as it can and says where it cannot."""

from __future__ import annotations

import io
import itertools
import random
import re
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labeling.importing import SOURCES, PromptLine, Rejected
from labeling.importing.streams import MAX_LINE
from tests.labeling.importing.reading import GOOD, Pieces, found_in, in_pieces, opening, outcome, prompts_in, zipped

DOCS = Path(__file__).parents[3] / "docs" / "importing.md"
TEXTS = sorted(set(SOURCES) - {"parquet"})
MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("source", SOURCES)
def test_a_good_file_is_read_whole(source: str) -> None:
    lines = prompts_in(source, GOOD[source](range(300)))
    assert [opening(line) for line in lines] == [f"Question {n}?" for n in range(300)]
    assert [line.candidates for line in lines] == [[{"text": f"Answer {n}.", "model": ""}] for n in range(300)]
    assert [line.line for line in lines] == sorted(line.line for line in lines)
    assert SOURCES[source].title
    assert SOURCES[source].media_types
    assert list(SOURCES[source](io.BytesIO(GOOD[source](range(2))))) == lines[:2], "a source may be called as well"


@pytest.mark.parametrize("source", SOURCES)
def test_gzip_is_seen_by_its_first_bytes(source: str) -> None:
    good = GOOD[source](range(50))
    assert prompts_in(source, zipped(good)) == prompts_in(source, good)


@pytest.mark.parametrize("source", TEXTS)
def test_gzip_files_one_after_the_other_are_one_file(source: str) -> None:
    good = GOOD[source](range(50))
    joined = zipped(good[:777]) + zipped(b"") + zipped(good[777:]) + b"\0" * 512
    assert prompts_in(source, joined) == prompts_in(source, good)


@pytest.mark.parametrize("source", TEXTS)
def test_a_gzip_file_that_is_cut_off_gives_what_came_before(source: str) -> None:
    good = GOOD[source](range(20_000))
    found = found_in(source, zipped(good)[:-5000])
    *before, last = found
    assert isinstance(last, Rejected)
    assert "gzip" in last.message
    assert len(before) > 1000
    assert before == prompts_in(source, good)[: len(before)]


@pytest.mark.parametrize("source", TEXTS)
def test_a_short_gzip_file_that_is_cut_off_gives_what_came_before(source: str) -> None:
    good = GOOD[source](range(20))
    packer = zlib.compressobj(wbits=31)
    begun = packer.compress(good[: len(good) // 2]) + packer.flush(zlib.Z_SYNC_FLUSH)
    *before, last = found_in(source, begun)
    assert isinstance(last, Rejected)
    assert len(before) > 5
    assert before == prompts_in(source, good)[: len(before)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 4096])
@pytest.mark.parametrize("source", SOURCES)
def test_it_does_not_matter_how_the_bytes_arrive(source: str, size: int) -> None:
    good = GOOD[source](range(30))
    marked = good if source == "parquet" else b"\xef\xbb\xbf" + good
    for raw in (marked, zipped(marked)):
        assert found_in(source, in_pieces(raw, size)) == prompts_in(source, good)


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_at_all_holds_no_prompts(source: str) -> None:
    for raw in (b"", b"\n\n  \n", zipped(b"")):
        assert not any(isinstance(item, PromptLine) for item in found_in(source, raw))


@pytest.mark.parametrize("source", SOURCES)
def test_a_line_that_cannot_be_stored_is_left_out_alone(source: str) -> None:
    good = GOOD[source](range(3))
    if source == "parquet":
        from tests.labeling.importing.reading import as_table

        bad = as_table({"prompt": ["Question 0?", "Que\x00stion 1?", "Question 2?"]})
    else:
        bad = good.replace(b"Question 1", b"Question \\u0000" if source != "csv" else b"Question \x00")
    lines, said = outcome(source, bad)
    assert [opening(line) for line in lines] == ["Question 0?", "Question 2?"]
    assert ["NUL" in message for message in said.values()] == [True]


@pytest.mark.parametrize("source", TEXTS)
def test_bytes_that_are_no_utf_8_cost_their_line_alone(source: str) -> None:
    lines, said = outcome(source, GOOD[source](range(3)).replace(b"Question 1", b"Question \xff"))
    assert [opening(line) for line in lines] == ["Question 0?", "Question 2?"]
    assert ["UTF-8" in message for message in said.values()] == [True]


@pytest.mark.parametrize("source", ["jsonl", "alpaca", "sharegpt", "oasst"])
def test_what_is_left_out_is_there_to_be_mended(source: str) -> None:
    for bad in (b'{"oops": "\xc3\xa4"', b'{"a": "\xff"}', b'"' + b"x" * 100_000 + b'"'):
        good = GOOD["sharegpt" if source == "alpaca" else "alpaca"](range(1)).replace(b"\n", b"")[1:-1]
        lost = [item for item in found_in(source, bad + b"\n" + good) if isinstance(item, Rejected)]
        assert [item.line for item in lost] == [1, 2]
        kept = [item.text.encode("utf-8", "surrogateescape") for item in lost]
        assert kept == [bad[: 64 * 1024], good]


def endless(of: bytes, megabytes: int) -> Iterator[bytes]:
    return itertools.repeat(of * (MEGABYTE // len(of)), megabytes)


def bomb(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(level=1, wbits=31)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


BEGUN = {
    "jsonl": b'{"prompt": "',
    "csv": b'prompt\n"',
    "alpaca": b'[{"instruction": "',
    "sharegpt": b'{"conversations": [{"from": "human", "value": "',
    "oasst": b'[{"message_id": "m", "role": "prompter", "text": "',
}


LONG = [
    pytest.param(b"a", False, id="a"),
    pytest.param(b"a", True, id="gzip"),
    pytest.param(b'\\"', False, id="quotes"),
    pytest.param(b"a" * 65535 + b"\n", False, id="lines"),
]


@pytest.mark.parametrize(("filler", "packed"), LONG)
@pytest.mark.parametrize("source", TEXTS)
def test_what_never_ends_is_never_held(source: str, filler: bytes, packed: bool) -> None:
    pieces = itertools.chain([BEGUN[source]], endless(filler, 150))
    stream = Pieces(bomb(pieces) if packed else pieces)
    tracemalloc.start()
    try:
        said = sum(isinstance(item, Rejected) for item in SOURCES[source].read(cast(BinaryIO, stream)))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert said
    assert most < 100 * MEGABYTE


@pytest.mark.parametrize("source", TEXTS)
def test_what_is_too_long_is_left_out_alone(source: str) -> None:
    lines, said = outcome(source, GOOD[source](range(3)).replace(b"Question 1", b"x" * MAX_LINE))
    assert [opening(line) for line in lines] == ["Question 0?", "Question 2?"]
    assert ["longer than 16 MB" in message for message in said.values()] == [True]


def check(found: list[PromptLine | Rejected]) -> None:
    """What holds for all that a reader gives."""
    numbers = [item.line for item in found]
    assert numbers == sorted(numbers)
    assert all(number >= 1 for number in numbers)
    for item in found:
        if isinstance(item, PromptLine):
            assert item.key
            assert item.line_hash
        else:
            assert item.message


# Bytes that mean something to one reader or another, so that a search by chance gets past the first of them.
WORDS = [
    b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b";", b"\t", b"\n", b"\r", b"\0",
    b"null", b"1e999", b"NaN", b"-1", b"\\ud83d", b"\\u0000", b"sep=;",
    b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b\x08", b"PK\x03\x04", b"PAR1",
    b'"prompt"', b"prompt", b"candidate_1.model", b"metadata.x", b'{"prompt": "x"}', b'"messages"', b'"role"',
    b'"user"', b'"instruction"', b'"history"', b'"instances"', b'"conversations"', b'"from"', b'"human"', b'"gpt"',
    b'"value"', b'"function_call"', b'"message_id"', b'"parent_id"', b'"replies"', b'"labels"', b'"text"',
    b'"prompter"', b'"assistant"',
]  # fmt: skip
anything = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(WORDS), max_size=60).map(b"".join))


@pytest.mark.parametrize("source", SOURCES)
@settings(deadline=None)
@given(raw=anything, size=st.integers(1, 50))
@example(raw=b'"\n', size=1)
def test_whatever_the_bytes_are_there_is_an_answer(source: str, raw: bytes, size: int) -> None:
    found = found_in(source, raw)
    check(found)
    assert found_in(source, in_pieces(raw, size)) == found


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 8), pack=st.booleans())
def test_a_good_file_that_was_damaged_is_read_as_far_as_it_goes(
    source: str, seed: int, changes: int, pack: bool
) -> None:
    chance = random.Random(seed)
    raw = bytearray(zipped(GOOD[source](range(20))) if pack else GOOD[source](range(20)))
    for _ in range(changes):
        at = chance.randrange(len(raw))
        length = chance.choice([0, 1, 1, 1, 2, 30])
        raw[at : at + length] = chance.choice([*WORDS, bytes([chance.randrange(256)]), b""])
    check(found_in(source, bytes(raw)))


# What JSON allows and this platform does not, in the place of a text, and what is said about it.
STRICT = {
    '{"a": 1, "a": 2}': "stands twice",
    "NaN": "not JSON",
    "Infinity": "not JSON",
    "1e999": "",
    "9" * 5000: "",
    '"\\ud83d"': "half of a character",
    '"\\u0000"': "NUL",
    "[" * 5000 + "]" * 5000: "too deep",
    '{"a":' * 60 + "1" + "}" * 60: "",
    '"a\tb"': "not JSON",
    "'a'": "not JSON",
    "tru": "not JSON",
    "01": "not JSON",
}


@pytest.mark.parametrize("value", STRICT)
@pytest.mark.parametrize("source", sorted(set(TEXTS) - {"csv"}))
def test_json_is_read_strictly_and_the_next_object_lands(source: str, value: str) -> None:
    good = GOOD[source](range(3))
    bad = re.sub(rb'"(Question|Answer) 1[?.]"', value.encode().replace(b"\\", b"\\\\"), good)
    lines, said = outcome(source, bad)
    assert [opening(line) for line in lines] == ["Question 0?", "Question 2?"]
    assert len(said) == 1
    assert STRICT[value] in next(iter(said.values()))


PARAGRAPH = r"^### `{}`\n(.+?)(?=^### |^## |\Z)"
EXAMPLE = re.compile(r"^```(\w+)\n(.+?)^```", re.M | re.S)


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_a_paragraph_in_the_docs_whose_example_is_read(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paragraph = re.search(PARAGRAPH.format(source), DOCS.read_text(), re.M | re.S)
    assert paragraph, f"docs/importing.md has no “### `{source}`”"
    examples = EXAMPLE.findall(paragraph[1])
    assert examples, "it shows a file"
    for language, text in examples:
        raw = text.encode()
        if language == "python":
            monkeypatch.chdir(tmp_path)
            exec(compile(text, "docs/importing.md", "exec"), {})  # noqa: S102
            (file,) = tmp_path.iterdir()
            raw = file.read_bytes()
        assert prompts_in(source, raw)


def test_the_docs_name_no_source_that_is_not_there() -> None:
    assert re.findall(r"^### `(.+?)`", DOCS.read_text(), re.M) == list(SOURCES)
