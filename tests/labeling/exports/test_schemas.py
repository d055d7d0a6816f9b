"""What the columns of a file hold, learnt from its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from labeling.exports.formats import FORMATS
from labeling.exports.schemas import as_features, is_certain, schema_of
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


def test_a_shape_that_differs_is_not_certain() -> None:
    assert is_certain({"x": [{"a": "string"}], "y": "null"})
    assert not is_certain({"x": [{"a": "string", "b": ["json"]}]})


def test_a_column_of_dates_is_not_certain(tmp_path: Path) -> None:
    """Why: with a type named, `datasets` gives back another text and says nothing."""
    schema = schema_of([{"x": "2024-01-01"}])
    assert not is_certain(schema)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"x":"2024-01-01"}\n')
    named = datasets.Features({"x": datasets.Value("string")})
    found = datasets.load_dataset("json", data_files=str(path), split="train", features=named, cache_dir=str(tmp_path))
    assert found[0]["x"] != "2024-01-01"


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "oasst"])
def test_a_card_spells_what_datasets_infers(name: str) -> None:
    rows = rows_of(name, examples(4))
    spelt = datasets.Features._from_yaml_list(as_features(schema_of(rows)))
    assert spelt == datasets.Dataset.from_list(rows).features


def test_trees_have_no_certain_shape() -> None:
    assert not is_certain(schema_of(rows_of("oasst", examples(4))))


def test_lists_of_lists_and_empty_columns_can_be_spelt() -> None:
    spelt = datasets.Features._from_yaml_list(as_features({"x": [["int64"]], "y": ["null"]}))
    assert spelt["x"] == datasets.List(datasets.List(datasets.Value("int64")))
    assert spelt["y"] == datasets.List(datasets.Value("null"))
