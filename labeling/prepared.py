"""Statements that PostgreSQL keeps prepared, for the few that every call of an annotator runs.

Django writes a query's SQL anew each time and never prepares it. For a row that is found by its key, that takes many
times as long as the database needs to find it, and most of the processor time of a call; these are written once. They
read whole rows, into the models they belong to.
"""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
from django.db import connection
from django.db.models import JSONField, Model
from django.db.models.base import ModelState
from psycopg.types.numeric import Int8

_PLACE = re.compile(r"%\((\w+)\)s|%%")


class Statement:
    """One statement. In its SQL, `{name}` stands for the columns of the model that is given under that name, which is
    the table's alias too: `Statement("SELECT {task} FROM labeling_task task WHERE …", task=Task)`.

    Models come first in what it selects, in the order in which they are given; a value of its own may follow.
    """

    def __init__(self, sql: str, **models: type[Model]) -> None:
        fields = {name: model._meta.concrete_fields for name, model in models.items()}
        columns = {name: ", ".join(f'{name}."{field.column}"' for field in found) for name, found in fields.items()}
        for name, written in columns.items():
            sql = sql.replace(f"{{{name}}}", written)
        self.sql = sql
        # As PostgreSQL itself reads it: psycopg would look for the places of parameters again each time.
        self._names: list[str] = []
        self._query = _PLACE.sub(self._numbered, sql).encode()
        self._parts = [
            (
                model,
                [field.attname for field in fields[name]],
                # JSON comes as text, so that Django's fields can turn it into values.
                [place for place, field in enumerate(fields[name]) if isinstance(field, JSONField)],
            )
            for name, model in models.items()
        ]

    def first(self, **parameters: Any) -> tuple[Any, ...] | None:
        """The first row: an object for each model, None where an outer join found none; then what else is selected."""
        with self._executed(parameters) as cursor:
            values = cursor.fetchone()
        return None if values is None else self._row(values)

    def all(self, **parameters: Any) -> list[tuple[Any, ...]]:
        """All rows, each as `first` gives it."""
        with self._executed(parameters) as cursor:
            return [self._row(values) for values in cursor]

    def run(self, **parameters: Any) -> int:
        """How many rows were written."""
        with self._executed(parameters) as cursor:
            return cursor.rowcount

    def _numbered(self, found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "%"
        if name not in self._names:
            self._names.append(name)
        return f"${self._names.index(name) + 1}"

    def _executed(self, parameters: dict[str, Any]) -> psycopg.Cursor[Any]:
        # Django's own cursors bind parameters themselves, so this goes to its connection directly. All whole numbers go
        # as bigint: else each size of a number would make a statement of its own.
        values = [Int8(value) if type(value) is int else value for value in map(parameters.__getitem__, self._names)]
        connection.ensure_connection()
        connection.validate_no_broken_transaction()
        with connection.wrap_database_errors:
            return psycopg.RawCursor(connection.connection).execute(self._query, values, prepare=True)

    def _row(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        found: list[Any] = []
        at = 0
        for model, names, encoded in self._parts:
            part = list(values[at : at + len(names)])
            at += len(names)
            if part[0] is None:  # the primary key comes first
                found.append(None)
                continue
            for place in encoded:
                part[place] = None if part[place] is None else json.loads(part[place])
            found.append(_made(model, names, part))
        return (*found, *values[at:])


def _made(model: type[Model], names: list[str], values: list[Any]) -> Model:
    # What Model.from_db makes of a whole row, in a fifth of the time: no signals, and no field is set by itself.
    made = model.__new__(model)
    made._state = ModelState()
    made._state.adding, made._state.db = False, connection.alias
    made.__dict__.update(zip(names, values, strict=True))
    return made
