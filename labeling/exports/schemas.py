"""What the columns of a file are called and hold, learnt from its rows: for dataset cards, Croissant and Parquet.

A schema is plain JSON, so that a manifest can hold it: the name of a type (`string`, `bool`, `int64`, `float64`, `null`
where nothing was ever seen, `date` where every text is one, `json` where rows differ in shape), a list of one schema,
or a mapping of names to schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labeling.exports.checks import is_date
from labeling.exports.records import Row

Schema = Any  # str | list[Schema] | dict[str, Schema]; mypy follows no recursive alias through Mapping

_BOTH = ({"int64", "float64"}, {"date", "string"})
_NAMES: dict[type, str] = {str: "string", bool: "bool", int: "int64", float: "float64", type(None): "null"}


def schema_of(rows: Iterable[Row]) -> dict[str, Schema]:
    """The columns of these rows, in the order of the first one that has each. Looks at every row."""
    columns = Columns()
    for row in rows:
        columns.see(row)
    return columns.schema


class Columns:
    """Learns a schema from rows as they stream by. `schema` holds what was seen so far."""

    def __init__(self, schema: dict[str, Schema] | None = None) -> None:
        self.schema: dict[str, Schema] = schema or {}

    def see(self, row: Row) -> None:
        for name, value in row.items():
            known = self.schema.get(name)
            # Nearly every row is as the ones before: no schema is made of it then.
            if known is None:
                self.schema[name] = _schema(value)
            elif not _holds(known, value):
                self.schema[name] = _merged(known, _schema(value))


def _holds(known: Schema, value: Any) -> bool:
    """Whether a schema stays as it is when this value is merged into it. False may also mean: merge and see."""
    if known == "json" or value is None:
        return True
    kind = type(value)
    if kind is str:
        return bool(known == "string" or (known == "date" and is_date(value)))
    if kind is dict:
        if type(known) is not dict or known.keys() != value.keys():
            return False
        return all(_holds(known[name], inner) for name, inner in value.items())
    if kind is list:
        if type(known) is not list:
            return False
        return all(_holds(known[0], item) for item in value)
    return bool(known == _NAMES.get(kind) or (known == "float64" and kind is int))


def _schema(value: Any) -> Schema:
    if isinstance(value, Mapping):
        return {name: _schema(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        inner: Schema = "null"
        for item in value:
            found = _schema(item)
            inner = found if inner == found else _merged(inner, found)
        return [inner]
    if isinstance(value, str) and is_date(value):
        return "date"
    return _NAMES[type(value)]


def _merged(one: Schema, other: Schema) -> Schema:
    """What holds both. A column of both whole and broken numbers is one of broken ones, as readers make it."""
    if one == other or other == "null":
        return one
    if one == "null":
        return other
    if {str(one), str(other)} in _BOTH:
        return "float64" if one in ("int64", "float64") else "string"
    if isinstance(one, list) and isinstance(other, list):
        return [_merged(one[0], other[0])]
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {name: _merged(one[name], other[name]) for name in one}
    # Such as messages of which some have tool calls: readers keep each as it is written.
    return "json"


def as_features(schema: Mapping[str, Schema]) -> list[dict[str, Any]]:
    """The schema as `dataset_info.features` of a dataset card spells it (`datasets.Features._to_yaml_list`).

    What differs in shape is the type `json`, which `datasets` has known since 4.7: each value comes back as it was
    written, in every part, whichever of them has which keys. So is a column of dates: asked for text, Arrow reads the
    date first and gives back `2024-01-01 00:00:00`, and unasked a point in time.
    """
    return [{"name": name, **_feature(inner)} for name, inner in schema.items()]


def holds_json(schema: Schema) -> bool:
    """Whether `as_features` needs the type `json` for it."""
    if isinstance(schema, Mapping):
        return any(map(holds_json, schema.values()))
    return holds_json(schema[0]) if isinstance(schema, list) else schema in ("json", "date")


def _feature(schema: Schema) -> dict[str, Any]:
    if schema == "date":
        schema = "json"
    if isinstance(schema, Mapping):
        return {"struct": as_features(schema)}
    if isinstance(schema, list):
        (inner,) = schema
        if isinstance(inner, Mapping):
            return {"list": as_features(inner)}
        return {"list": _feature(inner)["dtype"] if isinstance(inner, str) else _feature(inner)}
    return {"dtype": schema}
