"""The kinds of files: each gives the same rows back, and the same bytes each time."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from labeling.exports import parquet
from labeling.exports.division import divided
from labeling.exports.files import CHUNK, KINDS, LineWriter, digest
from labeling.exports.formats import FORMATS
from labeling.exports.index import IndexWriter, hash_of, key_of
from labeling.exports.policies import Policies, Split, group_of, split_of
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.stream import encode
from tests.labeling.exports.pure import compared, edited, example, mark, marked, ranked, rated, scored, written
from tests.labeling.exports.test_bytes import AWKWARD, TOOLS


@pytest.fixture(autouse=True)
def _quiet() -> None:
    datasets.disable_progress_bars()


def made(folder: Path, kind: str, rows: Sequence[Row], name: str = "rows") -> Path:
    """A file of some kind with these rows."""
    writer = LineWriter(folder / f"{name}.{KINDS[kind].ending}", KINDS[kind])
    for row in rows:
        writer.write(encode(row))
    writer.close()
    writer.close()
    assert writer.rows == len(rows)
    if not KINDS[kind].columns:
        return writer.path
    path = folder / f"{name}.columns.parquet"
    parquet.write(writer.path, path, parquet.columns_of(writer.path))
    return path


def examples() -> list[Example]:
    """Everything that somebody may have said, in any letters."""
    return [
        example(
            ranked("a b"), rated(a=1, b=0), written(text), edited(text, of="b"), compared("a", queue="pairs"),
            marked(a=[mark(0, 1)], b=[]), scored(a=[1, 2], b=[3, 4]), id=n, texts=[f"{text} 1", f"{text} 2"],
            messages=[{"role": "user", "content": text}], context=({"text": text},), external_id=text,
        )
        for n, text in enumerate(AWKWARD)
    ]  # fmt: skip


def rows_of(name: str, *given: Example) -> list[Row]:
    return [row for one in given for row in FORMATS[name].rows(one, Policies(), Removed())]


# Of a tree each message has what is known of it: readers give it back with all that any has.
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "oasst"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_rows_back(kind: str, name: str, tmp_path: Path) -> None:
    rows = rows_of(name, *examples())
    path = made(tmp_path, kind, rows)
    if kind == "zstd":
        # datasets wants the package zstandard for these; the rows are in it all the same.
        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
            found = [json.loads(line) for line in stream.read().split(b"\n")[:-1]]
    else:
        loader = "parquet" if kind == "parquet" else "json"
        loaded = datasets.load_dataset(loader, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
        found = [dict(row) for row in loaded]
    assert found == rows


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_give_the_same_bytes(kind: str, tmp_path: Path) -> None:
    rows = rows_of("raw", *examples()) * 50
    one, two = (made(tmp_path, kind, rows, name) for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert digest(one) == digest(two)
    assert digest(made(tmp_path, kind, rows[1:], "three")) != digest(one)


def test_compressed_lines_are_the_plain_ones(tmp_path: Path) -> None:
    rows = rows_of("sft", *examples()) * 100
    plain = made(tmp_path, "jsonl", rows).read_bytes()
    assert len(plain) > 3 * CHUNK
    packed = made(tmp_path, "gzip", rows).read_bytes()
    assert gzip.decompress(packed) == plain
    # No time and no name in the head: both would be others each time.
    assert (packed[:4], packed[4:8]) == (b"\x1f\x8b\x08\x00", b"\0\0\0\0")
    with pa.CompressedInputStream(pa.OSFile(str(made(tmp_path, "zstd", rows))), "zstd") as stream:
        assert stream.read() == plain


def test_trees_have_their_replies_as_text_in_columns(tmp_path: Path) -> None:
    rows = rows_of("oasst", *examples())
    found = pq.read_table(made(tmp_path, "parquet", rows)).to_pylist()
    for row in found:
        row["prompt"]["replies"] = json.loads(row["prompt"]["replies"])
    assert found == rows


# --- Parquet ---------------------------------------------------------------------------------------------------------


def test_columns_have_fixed_types(tmp_path: Path) -> None:
    schema = pq.read_schema(made(tmp_path, "parquet", rows_of("kto", *examples())))
    assert schema.names == ["prompt", "completion", "label", "metadata"]
    assert str(schema.field("prompt").type) == "list<element: struct<role: string, content: string>>"
    assert schema.field("label").type == pa.bool_()
    metadata = schema.field("metadata").type
    assert (metadata.field("agreement").type, metadata.field("n_raters").type) == (pa.float64(), pa.int64())


def test_a_date_stays_a_text(tmp_path: Path) -> None:
    """What JSON readers make a point in time of, Parquet keeps."""
    rows = rows_of("prompt-completion", *(example(written(f"2024-01-0{n}")) for n in range(1, 4)))
    path = made(tmp_path, "parquet", rows)
    loaded = datasets.load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert [dict(row) for row in loaded] == rows


def test_calls_are_json_text(tmp_path: Path) -> None:
    other = json.loads(json.dumps(TOOLS))
    other[1]["tool_calls"][0]["function"]["arguments"] = {"y": [1, "two"]}
    rows = rows_of("sft", *(example(written("21."), messages=messages) for messages in (TOOLS, other)))
    found = pq.read_table(made(tmp_path, "parquet", rows)).to_pylist()
    for row, was in zip(found, rows, strict=True):
        for message, stood in zip(row["messages"], was["messages"], strict=True):
            calls = message.pop("tool_calls")
            assert (json.loads(calls) if calls else None) == stood.get("tool_calls")
            assert {key: value for key, value in message.items() if value is not None} == {
                key: value for key, value in stood.items() if key != "tool_calls"
            }


def test_messages_have_the_columns_of_the_whole_project(tmp_path: Path) -> None:
    lines = made(tmp_path, "jsonl", rows_of("sft", example(written("Plain."))))
    columns = parquet.columns_of(lines, message_keys=("name", "tool_calls"))
    messages = columns["struct"]["messages"]["list"]["struct"]
    assert messages == {"role": "string", "content": "string", "name": "string", "tool_calls": "json"}
    parquet.write(lines, tmp_path / "plain.parquet", columns)
    (row,) = pq.read_table(tmp_path / "plain.parquet").to_pylist()
    assert row["messages"][0] == {"role": "user", "content": "Why?", "name": None, "tool_calls": None}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5], "float"),
        ([1, "one"], "json"),
        ([{"a": 1}, "one"], "json"),
        ([[], [1]], {"list": "int"}),
        ([[], []], {"list": "unknown"}),
        ([{"a": 1}, {"b": "x"}], {"struct": {"a": "int", "b": "string"}}),
        ([[{"a": 1}], [{"a": 0.5}]], {"list": {"struct": {"a": "float"}}}),
        ([True, 1], "json"),
    ],
)
def test_a_column_takes_what_all_of_its_rows_have(values: list[Any], kind: parquet.Type, tmp_path: Path) -> None:
    rows = [{"value": value} for value in values]
    lines = made(tmp_path, "jsonl", rows)
    columns = parquet.columns_of(lines)
    assert columns == {"struct": {"value": kind}}
    parquet.write(lines, tmp_path / "rows.parquet", columns)
    found = [row["value"] for row in pq.read_table(tmp_path / "rows.parquet").to_pylist()]
    if kind == "json":
        assert [json.loads(value) for value in found] == values
    elif "b" in str(kind):
        assert found == [{"a": 1, "b": None}, {"a": None, "b": "x"}]
    else:
        assert found == values


def test_a_later_row_that_does_not_fit_is_told(tmp_path: Path) -> None:
    columns = parquet.columns_of(made(tmp_path, "jsonl", [{"a": {"b": [1]}}]))
    for wrong in ({"a": {"b": ["x"]}}, {"a": {"c": 1}}, {"a": "x"}, {"b": 1}):
        lines = made(tmp_path, "jsonl", [wrong], "wrong")
        with pytest.raises(parquet.Unfit, match="Ask for the release as JSON Lines"):
            parquet.write(lines, tmp_path / "wrong.parquet", columns)


# --- Index and parts -------------------------------------------------------------------------------------------------


def test_an_index_names_rows_and_what_they_say(tmp_path: Path) -> None:
    index = IndexWriter(tmp_path / "sft.tsv")
    by_prompt = {n: rows_of("sft", example(written(f"{n}."), id=n, external_id="a\tb\n|c")) for n in (5, 30, 7, 9)}
    for n, leads in ((30, True), (5, True), (7, False), (9, False)):
        index.add(n, by_prompt[n], leads=leads)
    index.close()
    index.close()
    lines = [line.split("\t") for line in (tmp_path / "sft.tsv").read_bytes().decode().split("\n")[:-1]]
    assert [int(number) for number, _, _ in lines] == [5, 7, 9, 30]
    for number, key, found in lines:
        (row,) = by_prompt[int(number)]
        assert (key.replace("\\t", "\t").replace("\\n", "\n"), found) == (key_of(row, 0), hash_of(row))
        assert f"{number}|a\\tb\\n|c|" in key
        assert len(found) == 16


def test_the_hash_is_of_what_a_row_says_and_not_of_who_said_it() -> None:
    (row,) = rows_of("sft", example(written("Mine.")))
    other = json.loads(json.dumps(row))
    other["metadata"]["annotator"] = "person-2"
    assert hash_of(other) == hash_of(row)
    other["messages"][-1]["content"] = "Mine!"
    assert hash_of(other) != hash_of(row)
    (raw,) = rows_of("raw", example(written("Mine.")))
    assert hash_of(raw | {"annotator": "person-2"}) == hash_of(raw)
    assert hash_of(raw | {"version": 2}) != hash_of(raw)
    assert key_of(raw, 3) == f"annotation {raw['annotation_id']}"
    said = (written("Mine."), compared("a"))
    by_another = tuple(replace(annotation, annotator="person-2") for annotation in said)
    for name in ("oasst", "helpsteer-preference"):
        (one,), (other,) = rows_of(name, example(*said)), rows_of(name, example(*by_another))
        assert (one != other, hash_of(one)) == (True, hash_of(other))


def test_the_usual_parts_are_those_of_an_export() -> None:
    found = set()
    for n in range(200):
        prompt = example(messages=[{"role": "user", "content": f"Question {n}?"}]).prompt
        part = divided({"train": 80, "validation": 10, "test": 10}).of(prompt)
        assert part == split_of(group_of(prompt))
        assert divided({"validation": 100}).of(prompt) == "validation"
        assert divided(None).of(prompt) == "all"
        found.add(part)
    assert found == set(Split)
