"""What the columns of a file hold, learnt from its rows."""

from __future__ import annotations

from typing import Any

import datasets
import pytest

from labeling.exports.formats import FORMATS
from labeling.exports.schemas import as_features, is_fixed, schema_of
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
        ([{"x": 1}, {"x": "1"}], "json"),
        ([{"x": [[1], []]}], [["int64"]]),
        ([{"x": {"a": [], "b": 1}}, {"x": {"a": ["t"], "b": 2.5}}], {"a": ["string"], "b": "float64"}),
        ([{"x": [{"role": "user"}, {"role": "assistant", "tool_calls": []}]}], ["json"]),
    ],
)
def test_rows_are_put_together(rows: list[dict[str, Any]], schema: Any) -> None:
    assert schema_of(rows) == {"x": schema}


def test_a_shape_that_differs_is_not_fixed() -> None:
    assert is_fixed({"x": [{"a": "string"}], "y": "null"})
    assert not is_fixed({"x": [{"a": "string", "b": ["json"]}]})


@pytest.mark.parametrize("name", FORMATS)
def test_a_card_spells_what_datasets_infers(name: str) -> None:
    rows = rows_of(name, examples(4))
    spelt = datasets.Features._from_yaml_list(as_features(schema_of(rows)))
    assert spelt == datasets.Dataset.from_list(rows).features


def test_lists_of_lists_and_empty_columns_can_be_spelt() -> None:
    spelt = datasets.Features._from_yaml_list(as_features({"x": [["int64"]], "y": ["null"]}))
    assert spelt["x"] == datasets.List(datasets.List(datasets.Value("int64")))
    assert spelt["y"] == datasets.List(datasets.Value("null"))
