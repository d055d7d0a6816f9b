"""What was counted while the rows of a release were made: kept with each shard, so that the next goes on from it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labeling.exports.checks import Watch, about_apart, about_labels
from labeling.exports.held import Held
from labeling.exports.records import Row, known_of
from labeling.exports.removed import Removed
from labeling.exports.schemas import Columns
from labeling.exports.stream import about_escaped


@dataclass
class PartTotals:
    """What is in one part of one format. `size` is bytes of text, before they are compressed."""

    rows: int = 0
    size: int = 0
    watch: Watch = field(default_factory=Watch)


@dataclass
class FormatTotals:
    """What is in one format. `agreement` is the sum over the rows of two raters or more, of which `agreements` say one.

    `escaped` is in how many rows a control token was broken up, `apart` how many prompts are in another part than what
    they are nearly the same as. `schema` is what its rows hold (`schemas`); `columns`
    are the types of its Parquet files, None before the first of them.
    """

    rows: int = 0
    prompts: int = 0
    good: int = 0
    bad: int = 0
    agreement: float = 0.0
    agreements: int = 0
    escaped: int = 0
    apart: int = 0
    removed: Removed = field(default_factory=Removed)
    parts: dict[str, PartTotals] = field(default_factory=dict)
    schema: Columns = field(default_factory=Columns)
    columns: Any = None

    def see(self, part: str, row: Row, line: bytes, *, opens: bool) -> None:
        """One row that is written, as a line of a part. `opens`: it is the first of its prompt."""
        here = self.parts.setdefault(part, PartTotals())
        here.watch.see(row, line, before=here.size)
        self.schema.see(row)
        here.rows += 1
        here.size += len(line)
        self.rows += 1
        self.prompts += opens
        if "label" in row:
            self.good += row["label"] is True
            self.bad += row["label"] is False
        known = known_of(row) or {}
        agreement = known.get("agreement")
        # One person agrees with nobody.
        if isinstance(agreement, float) and known.get("n_raters", 0) > 1:
            self.agreement += agreement
            self.agreements += 1

    @property
    def labels(self) -> dict[str, int]:
        """How many rows are labelled true and false, where the format has labels."""
        return {"true": self.good, "false": self.bad} if self.good or self.bad else {}

    @property
    def warnings(self) -> list[str]:
        """What to know before training on it, each once."""
        said = [warning for _, part in sorted(self.parts.items()) for warning in part.watch.warnings()]
        said = about_apart(self.apart) + about_escaped(self.escaped) + said
        return list(dict.fromkeys(said)) + (about_labels(self.good, self.bad) if self.labels else [])


@dataclass
class Totals:
    """What is in a release: prompts that gave rows, the annotations that these are made of, and where all comes from.

    `models` counts the responses that rows hold or were made from by an edit. `people` has the number of annotations of
    each person, by their ids. `forms` has the versions of each queue's form.
    """

    prompts: int = 0
    annotations: int = 0
    people: Counter[int] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    forms: dict[str, set[int]] = field(default_factory=dict)
    guidelines: set[int] = field(default_factory=set)
    formats: dict[str, FormatTotals] = field(default_factory=dict)

    def of(self, name: str) -> FormatTotals:
        """What is in the format of that name."""
        return self.formats.setdefault(name, FormatTotals())

    def hold(self, held: Held, people: Mapping[str, int]) -> None:
        """A prompt that has rows, whatever the format, with what they are made of."""
        self.prompts += 1
        self.languages[held.example.prompt.language] += 1
        for annotation in held.annotations.values():
            self.annotations += 1
            self.people[people[annotation.annotator]] += 1
            self.forms.setdefault(annotation.queue, set()).add(annotation.form.number)
            self.guidelines.add(annotation.guidelines)
        for pk in held.candidates:
            self.models[held.example.candidates[pk].model] += 1

    @property
    def as_dict(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "prompts": self.prompts,
            "annotations": self.annotations,
            "people": {str(person): number for person, number in self.people.items()},
            "languages": dict(self.languages),
            "models": dict(self.models),
            "forms": {queue: sorted(numbers) for queue, numbers in self.forms.items()},
            "guidelines": sorted(self.guidelines),
            "formats": {name: _format_as_dict(of) for name, of in self.formats.items()},
        }


def _format_as_dict(of: FormatTotals) -> dict[str, Any]:
    plain = ("rows", "prompts", "good", "bad", "agreement", "agreements", "escaped", "apart")
    return {name: getattr(of, name) for name in plain} | {
        # As text: the database does not keep the order of columns.
        "columns": json.dumps(of.columns),
        "schema": json.dumps(of.schema.schema),
        "removed": of.removed.as_dict(),
        "parts": {
            name: {"rows": part.rows, "size": part.size, "watch": part.watch.state} for name, part in of.parts.items()
        },
    }


def read(given: Mapping[str, Any]) -> Totals:
    """The totals that `as_dict` gave."""
    return Totals(
        prompts=given["prompts"],
        annotations=given["annotations"],
        people=Counter({int(person): number for person, number in given["people"].items()}),
        languages=Counter(given["languages"]),
        models=Counter(given["models"]),
        forms={queue: set(numbers) for queue, numbers in given["forms"].items()},
        guidelines=set(given["guidelines"]),
        formats={name: _read_format(of) for name, of in given["formats"].items()},
    )


def _read_format(given: Mapping[str, Any]) -> FormatTotals:
    parts = {
        name: PartTotals(part["rows"], part["size"], Watch(part["watch"])) for name, part in given["parts"].items()
    }
    plain = {name: value for name, value in given.items() if name not in ("removed", "parts", "columns", "schema")}
    columns, schema = json.loads(given["columns"]), Columns(json.loads(given["schema"]))
    return FormatTotals(**plain, columns=columns, schema=schema, removed=Removed(given["removed"]), parts=parts)
