"""What the columns of a file hold, learnt from its rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.exports import schemas
from labeling.exports.formats import FORMATS
from labeling.exports.schemas import Columns, as_features, holds_json, schema_of
from tests.labeling.exports.released import examples, rows_of


def test_it_works() -> None:
    assert schema_of([{"messages": [{"role": "user", "content": "Why?"}], "margin": 0.5, "label": True}]) == {
        "messages": [{"role": "string", "content": "string"}],
        "margin": "float64",
        "label": "bool",
    }


@pytest.mark.parametrize(
    ("rows", "schema"),
    [
        ([{"x": []}, {"x": ["a"]}], ["string"]),
        ([{"x": ["a"]}, {"x": []}], ["string"]),
        ([{"x": []}], ["null"]),
        ([{"x": 1}, {"x": 0.5}], "float64"),
        ([{"x": 1}, {"x": True}], "json"),
        ([{"x": "2024-01-01"}, {"x": "2024-01-02T12:00:00Z"}], "date"),
        ([{"x": "2024-01-01"}, {"x": "tomorrow"}, {"x": "2024-01-01"}], "string"),
        ([{"x": 1}, {"x": "1"}], "json"),
        ([{"x": [[1], []]}], [["int64"]]),
        ([{"x": {"a": [], "b": 1}}, {"x": {"a": ["t"], "b": 2.5}}], {"a": ["string"], "b": "float64"}),
        ([{"x": [{"role": "user"}, {"role": "assistant", "tool_calls": []}]}], ["json"]),
    ],
)
def test_rows_are_put_together(rows: list[dict[str, Any]], schema: Any) -> None:
    assert schema_of(rows) == {"x": schema}


@pytest.mark.parametrize(
    ("rows", "dates"),
    [
        ([{"x": "2024-01-01"}, {"x": "2024-01-02T12:00:00Z"}], "timestamp"),
        ([{"x": [{"role": "user", "content": "2024-01-01"}]}], "timestamp"),
        ([{"x": ["2024-01-01"]}, {"x": []}], "timestamp"),
        ([{"x": {"a": "2024-01-01"}}, {"x": {"a": "2024-01-01", "b": 1}}], ""),
        ([{"x": {"text": "12"}}, {"x": {"text": "true", "more": [1, "null"]}}], ""),
    ],
)
def test_datasets_gives_back_what_was_written_where_it_would_read_it_otherwise(
    rows: list[dict[str, Any]], dates: str, tmp_path: Path
) -> None:
    schema = schema_of(rows)
    assert holds_json(schema)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    unasked = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "unasked"))
    assert dates in str(unasked.features)
    named = datasets.Features._from_yaml_list(as_features(schema))
    found = datasets.load_dataset(
        "json", data_files=str(path), split="train", features=named, cache_dir=str(tmp_path / "asked")
    )
    assert list(found) == rows


def test_columns_of_one_shape_need_no_such_type() -> None:
    assert not holds_json({"x": [{"a": "string"}], "y": "null", "z": ["int64"]})
    assert holds_json({"x": [{"a": "string", "b": ["date"]}]})


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "oasst"])
def test_a_card_spells_what_datasets_infers(name: str) -> None:
    rows = rows_of(name, examples(4))
    spelt = datasets.Features._from_yaml_list(as_features(schema_of(rows)))
    assert spelt == datasets.Dataset.from_list(rows).features


def test_lists_of_lists_and_empty_columns_can_be_spelt() -> None:
    spelt = datasets.Features._from_yaml_list(as_features({"x": [["int64"]], "y": ["null"]}))
    assert spelt["x"] == datasets.List(datasets.List(datasets.Value("int64")))
    assert spelt["y"] == datasets.List(datasets.Value("null"))


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a word", "2024-01-01", "2024-01-01T00:00:00Z"])
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(values, min_size=1, max_size=5))
def test_a_row_that_is_only_looked_at_would_have_changed_nothing(column: list[Any]) -> None:
    columns = Columns()
    for value in column:
        columns.see({"it": value})
    merged = schemas._schema(column[0])
    for value in column[1:]:
        merged = schemas._merged(merged, schemas._schema(value))
    assert columns.schema == {"it": merged}
