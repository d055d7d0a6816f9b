"""Rows as Parquet: columns with fixed types, nested as the rows are, the same bytes for the same rows.

The types come from the rows of a format's first shard and hold for the whole release. Three things have no place in
columns of fixed types, and stand there as JSON text:

- what has another shape from row to row: the calls of a message (`tool_calls`), a row's `tools`, a tree's `replies`;
- a value that is a text in one row and an object in another;
- a list that is empty on every row, whose type nobody can know.

A whole number is 64 bits wide, a number with fractions a double. Messages have the columns that any of the project's
prompts need: `tool_calls`, `name` and `tool_call_id` are null where a message has none, and no column at all in a
project without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from labeling.errors import Conflict
from labeling.exports.records import Row

# A type as JSON: "string", "bool", "int", "float", "json", "unknown", {"list": type} or {"struct": {name: type}}.
Type = Any

ALWAYS_JSON = ("tool_calls", "tools", "replies")
# A row group is closed after so many rows, or so much text: what a reader has to take into memory at once.
GROUP_ROWS = 10_000
GROUP_BYTES = 16 * 1024 * 1024


class Unfit(Conflict):
    """A row has a shape that the columns of its file, which the rows before it gave, have no place for."""


def type_of(value: Any, name: str = "") -> Type:
    """The type of a value that stands under a name."""
    # What is JSON text already stays as it is.
    if name in ALWAYS_JSON and not isinstance(value, str):
        return "json"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return {"struct": {key: type_of(inner, key) for key, inner in value.items()}}
    if isinstance(value, list):
        found: Type = "unknown"
        for inner in value:
            found = merged(found, type_of(inner))
        return {"list": found}
    return "unknown"


def merged(one: Type, other: Type) -> Type:
    """The narrowest type that holds the values of both."""
    if one == other or other == "unknown":
        return one
    if one == "unknown":
        return other
    if {str(one), str(other)} == {"int", "float"}:
        return "float"
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        if "list" in one:
            return {"list": merged(one["list"], other["list"])}
        mine, theirs = one["struct"], other["struct"]
        return {"struct": {key: merged(mine.get(key, "unknown"), theirs.get(key, "unknown")) for key in mine | theirs}}
    return "json"


def columns_of(lines: Path, known: Type = "unknown", message_keys: tuple[str, ...] = ()) -> Type:
    """The type of the rows in a file of JSON Lines, which must have a place for those of `known`.

    `message_keys` are keys that some message of the project has: whether this file has them or not, its messages do.
    """
    found = known
    for row in _rows(lines):
        found = merged(found, type_of(row))
    return _with_keys(found, message_keys)


def _with_keys(kind: Type, keys: tuple[str, ...]) -> Type:
    """The same type, whose messages have these keys."""
    if not isinstance(kind, dict):
        return kind
    if "list" in kind:
        return {"list": _with_keys(kind["list"], keys)}
    fields = {name: _with_keys(inner, keys) for name, inner in kind["struct"].items()}
    if {"role", "content"} <= fields.keys():
        fields |= {key: "json" if key in ALWAYS_JSON else "string" for key in keys if key not in fields}
    return {"struct": fields}


def write(lines: Path, path: Path, columns: Type) -> None:
    """Makes Parquet of a file of JSON Lines. Raises Unfit for a row that the columns have no place for."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    schema = pa.schema([pa.field(name, _arrow(kind)) for name, kind in columns["struct"].items()])
    options: dict[str, Any] = {
        "version": "2.6",
        "data_page_version": "1.0",
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": True,
        "write_statistics": True,
    }
    with pq.ParquetWriter(path, schema, **options) as writer:
        for group in _groups(lines):
            fitted = [_fitted(row, columns, "") for row in group]
            writer.write_table(pa.Table.from_pylist(fitted, schema=schema), row_group_size=GROUP_ROWS)


def rows_of(file: BinaryIO, prompts: Sequence[str]) -> Iterator[Row]:
    """The rows of some prompts in a Parquet file that was written here, without their nulls.

    None where rows do not say in their metadata which prompt they are of.
    """
    import pyarrow as pa
    from pyarrow import compute
    from pyarrow import parquet as pq

    whole = pq.ParquetFile(file)
    kind = whole.schema_arrow
    if "metadata" not in kind.names or not pa.types.is_struct(kind.field("metadata").type):
        return
    if kind.field("metadata").type.get_field_index("prompt_id") < 0:
        return
    named = pa.array(prompts, pa.string())
    for batch in whole.iter_batches(batch_size=1000):
        numbers = batch.column("metadata").field("prompt_id")
        for row in batch.filter(compute.is_in(numbers, value_set=named)).to_pylist():
            yield _without_nulls(row)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


def _arrow(kind: Type) -> Any:
    import pyarrow as pa

    if isinstance(kind, str):
        plain = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
        return plain.get(kind, pa.string())
    if "list" in kind:
        return pa.list_(_arrow(kind["list"]))
    return pa.struct([pa.field(name, _arrow(inner)) for name, inner in kind["struct"].items()])


def _fitted(value: Any, kind: Type, where: str) -> Any:
    """A value as its column takes it. Raises Unfit."""
    if value is None:
        return None
    if kind in ("json", "unknown"):
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, dict):
        elements, fields = kind.get("list"), kind.get("struct")
        if elements is not None and isinstance(value, list):
            return [_fitted(inner, elements, f"{where}[]") for inner in value]
        if fields is not None and isinstance(value, dict) and value.keys() <= fields.keys():
            inside = f"{where}." if where else ""
            return {name: _fitted(value.get(name), inner, f"{inside}{name}") for name, inner in fields.items()}
    elif type_of(value) == kind:
        return value
    raise Unfit(
        f"A row has something in “{where or 'its columns'}” that the rows before it did not have, and Parquet wants "
        "the same columns from the first row to the last. Ask for the release as JSON Lines."
    )


def _rows(lines: Path) -> Iterator[Row]:
    with lines.open("rb") as file:
        for line in file:
            yield json.loads(line)


def _groups(lines: Path) -> Iterator[list[Row]]:
    group: list[Row] = []
    size = 0
    with lines.open("rb") as file:
        for line in file:
            group.append(json.loads(line))
            size += len(line)
            if len(group) >= GROUP_ROWS or size >= GROUP_BYTES:
                yield group
                group, size = [], 0
    if group:
        yield group
