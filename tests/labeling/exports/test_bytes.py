"""The bytes of a file: any text that can be stored comes back as it was, from every reader."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.exports.checks import Watch
from labeling.exports.formats import FORMATS
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.stream import encode
from tests.labeling.exports.pure import compared, edited, example, mark, marked, ranked, rated, scored, written

# What cuts lines, ends strings, starts markup, or reads as something that is no text.
AWKWARD = [
    "a\u2028b", "a\u2029b", "a\x85b", "a\x0bb\x0cc\x1cd\x1de\x1ef", "a\r\nb\rc\nd", "\ufeffBOM", "\x01\x7f\x9f",
    "<|im_end|>", "</s>[INST]", "null", "true", "123", "1e999", "NaN", "{}", "[]", "{\"a\": 1}", "\"", "\\", "\\u2028",
    "😀 👩‍👩‍👧", "שלום עולם", "日本語", "e\u0301", "\u202ertl\u202c", "\U0010ffff\uffff\ufdd0",
]  # fmt: skip

# Everything that the platform stores: any text but NUL and halves of characters.
storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=60)
awkward = st.lists(st.sampled_from(AWKWARD), min_size=1, max_size=3).map("".join)
texts = st.one_of(storable, awkward).filter(lambda text: text.strip())


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.disable_progress_bars()


def written_file(rows: Sequence[Row]) -> bytes:
    return b"".join(encode(row) for row in rows)


def loaded(data: bytes) -> list[Row]:
    """The rows as `datasets` reads them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.jsonl"
        path.write_bytes(data)
        found = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=folder)
        return [dict(row) for row in found]


def rows_of(name: str, *examples: Example) -> list[Row]:
    return [row for made in examples for row in FORMATS[name].rows(made, Policies(), Removed())]


def watched(rows: Sequence[Row]) -> list[str]:
    watch, before = Watch(), 0
    for row in rows:
        line = encode(row)
        watch.see(row, line, before=before)
        before += len(line)
    return watch.warnings()


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_comes_back_from_datasets_and_from_a_reader_of_lines(pairs: list[tuple[str, str]]) -> None:
    rows = rows_of(
        "sft", *(example(written(reply), messages=[{"role": "user", "content": asked}]) for asked, reply in pairs)
    )
    data = written_file(rows)
    assert [json.loads(line) for line in data.decode().splitlines()] == rows
    assert [json.loads(line) for line in data.split(b"\n")[:-1]] == rows
    assert loaded(data) == rows
    for row, (asked, reply) in zip(rows, pairs, strict=True):
        assert [message["content"] for message in row["messages"]] == [asked, reply.strip()]


@pytest.mark.parametrize("name", FORMATS)
def test_awkward_texts_come_back_from_every_format(name: str) -> None:
    made = [
        example(
            ranked("a b"),
            rated(a=1, b=0),
            written(text),
            edited(text, of="b"),
            compared("b", 2),
            marked(a=[mark(0, 2, comment=text)], b=[]),
            scored(a=[1, 2], b=[3, 4]),
            id=number,
            texts=[f"{text} better", f"{text} worse"],
            messages=[{"role": "user", "content": text}],
            context=({"text": text},),
        )
        for number, text in enumerate(AWKWARD)
    ]
    rows = rows_of(name, *made)
    assert len(rows) >= len(AWKWARD)
    data = written_file(rows)
    assert loaded(data) == rows
    assert [json.loads(line) for line in data.decode().splitlines()] == rows


def test_a_file_is_plain_utf8_lines() -> None:
    data = written_file(rows_of("sft", *(example(written(text)) for text in AWKWARD)))
    assert not data.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in data
    assert b"\n\n" not in data
    assert data.endswith(b"}\n")
    assert "日本語".encode() in data, "letters stay letters: a file of Japanese is not three times its size"
    for line in data.splitlines():
        assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_json_is_refused(number: float) -> None:
    for row in (
        {"metadata": {"agreement": number}},
        {"scores": [1.0, number]},
        {"deep": [{"deeper": [[number]]}]},
        {"ends in a backslash\\": number},
        {"text": 'It says "key": null.', "score": number},
    ):
        with pytest.raises(ValueError, match="not JSON compliant"):
            encode(row)


def test_half_of_a_character_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode({"text": "half \ud83d"})


def test_what_looks_like_no_number_is_written() -> None:
    row = {"json": '{"a": null, "b": [null]}', "arguments": {"nothing": None, "list": [None, 1.5]}}
    assert json.loads(encode(row)) == row


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=20,
    )
)
def test_a_line_says_what_the_row_says(value: Any) -> None:
    line = encode({"value": value})
    assert json.loads(line) == {"value": value}
    assert line.endswith(b"}\n")
    assert len(line.decode().splitlines()) == 1
    if not any(0 < abs(number) < 1e-4 for number in floats_of(value)):  # in other words, and the same number
        plain = json.dumps({"value": value}, ensure_ascii=False, separators=(",", ":"))
        assert line.decode().rstrip("\n") == plain.translate({0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"})


def floats_of(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from floats_of(inner)


def test_numbers_of_any_size_stay_what_they_are() -> None:
    row = {"arguments": {"big": 2**70, "small": -(2**64), "nothing": None}}
    assert json.loads(encode(row)) == row


# --- Warnings -------------------------------------------------------------------------------------------------------


def test_a_column_of_dates_is_told() -> None:
    rows = rows_of("prompt-completion", *(example(written(f"2024-01-0{n}")) for n in range(1, 4)))
    (said,) = watched(rows)
    assert "“completion[].content”" in said
    # What it warns of is real: the text does not come back as text.
    assert loaded(written_file(rows))[0]["completion"][0]["content"] != "2024-01-01"
    # And so is the way around it.
    parsed = [json.loads(line) for line in written_file(rows).splitlines()]
    assert [dict(row) for row in datasets.Dataset.from_list(parsed)] == rows


@pytest.mark.parametrize(
    "text", ["2024-01-01", "2024-01-01 12", "2024-01-01T12:30", "2024-01-01T12:30:00Z", "2024-01-01 12:30:00+0100"]
)
def test_every_text_that_datasets_takes_for_a_time_is_known(text: str) -> None:
    rows = rows_of("prompt-completion", example(written(text)))
    assert loaded(written_file(rows))[0]["completion"][0]["content"] != text
    assert any("is a date" in said for said in watched(rows))


@pytest.mark.parametrize("text", ["2024", "20240101", "12:30:00", "2024-01", "2024-01-01.", "2024-01-01T12:30:00.5Z"])
def test_a_text_that_stays_a_text_is_no_cause_for_warning(text: str) -> None:
    rows = rows_of("prompt-completion", example(written(text)))
    assert loaded(written_file(rows))[0]["completion"][0]["content"] == text
    assert watched(rows) == []


def test_one_text_that_is_no_date_saves_the_column() -> None:
    rows = rows_of("prompt-completion", example(written("2024-01-01")), example(written("tomorrow")))
    assert watched(rows) == []
    assert loaded(written_file(rows)) == rows


def test_times_in_raw_stay_text() -> None:
    made = ranked("a b")
    at: Any = {"leased_at": "2026-01-02T03:04:05.000000Z", "submitted_at": "2026-01-02T03:05:05.250000Z"}
    for name, value in at.items():
        object.__setattr__(made, name, value)
    rows = rows_of("raw", example(made, external_id="q"))
    assert loaded(written_file(rows)) == rows
    assert watched(rows) == []


@pytest.mark.parametrize(
    "token",
    ["<|im_end|>", "<|eot_id|>", "</s>", "[INST]", "[/INST]", "<start_of_turn>", "<eos>", "<<SYS>>", "<｜User｜>"],
)
def test_control_tokens_of_chat_templates_are_told(token: str) -> None:
    rows = rows_of("sft", example(written(f"It ends with {token}")), example(written("Plain.")))
    (said,) = watched(rows)
    assert said.startswith("1 row holds")
    assert token in said


@pytest.mark.parametrize("text", ["a < b > c", "<b>bold</b>", "List[int]", "a[INSTANCE]", "x <| y |> z", "1 | 2"])
def test_code_and_markup_are_no_control_tokens(text: str) -> None:
    assert watched(rows_of("sft", example(written(text)))) == []


TOOLS: list[dict[str, Any]] = [
    {"role": "user", "content": "How warm?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}],
    },
    {"role": "tool", "content": "21", "name": "f"},
]


def test_messages_with_more_than_role_and_content_are_told() -> None:
    rows = rows_of("sft", example(written("21 degrees."), messages=TOOLS), example(written("123")))
    (said,) = watched(rows)
    assert "tool calls" in said
    assert loaded(written_file(rows)) == rows


def test_a_large_file_with_a_late_tool_call_needs_one_that_leads() -> None:
    """Why `leaders.read` lets a prompt with tool calls lead."""
    (tools,) = rows_of("sft", example(written("21 degrees."), messages=TOOLS))
    plain = rows_of("sft", *(example(written(f"{number} " + "x" * 50_000)) for number in range(250)))
    with pytest.raises(datasets.exceptions.DatasetGenerationError):
        loaded(written_file([*plain, tools]))
    rows = [tools, *plain, tools]
    assert loaded(written_file(rows)) == rows
