"""Statements that PostgreSQL keeps prepared, for the few that every call of an annotator runs.

Django writes a query's SQL anew each time and never prepares it. For a row that is found by its key, that takes many
times as long as the database needs to find it, and most of the processor time of a call; these are written once. They
read whole rows, into the models they belong to.
"""

from __future__ import annotations

import json
from typing import Any

import psycopg
from django.db import connection
from django.db.models import JSONField, Model
from psycopg.types.numeric import Int8


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

    def _executed(self, parameters: dict[str, Any]) -> psycopg.Cursor[Any]:
        # Django's own cursors bind parameters themselves, so this goes to its connection directly. All whole numbers go
        # as bigint: else each size of a number would make a statement of its own.
        values = {name: Int8(value) if type(value) is int else value for name, value in parameters.items()}
        connection.ensure_connection()
        connection.validate_no_broken_transaction()
        with connection.wrap_database_errors:
            return psycopg.Cursor(connection.connection).execute(self.sql, values, prepare=True)

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
            found.append(model.from_db(connection.alias, names, part))
        return (*found, *values[at:])
