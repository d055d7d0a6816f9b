"""What to know about a file before training on it: things that no reader complains about and many stumble over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from labeling.exports import control_tokens
from labeling.exports.records import PLAIN, Row

# The readers' guess of a column's type is made from this much of a file (datasets' `chunksize`).
FIRST_BYTES = 10 * 1024 * 1024

# The fewest rows that OpenAI trains on, and the most bytes of a file that it takes: 512 MB, as the smaller megabytes.
HOSTED_ROWS, HOSTED_BYTES = 10, 512_000_000

# What Arrow reads as a point in time: a date, or a date and a time without fractions of a second.
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d(:?\d\d(:?\d\d)?)?(Z|[+-]\d\d(:?\d\d)?)?)?")


def is_date(text: str) -> bool:
    """Whether readers built on Arrow take a text for a point in time, where all others of its column are dates too."""
    return _DATE.fullmatch(text) is not None


class Watch:
    """Looks at every row of an export as it is written, and says at the end what is worth a warning.

    `state` is what it knows as JSON: another one that begins with it goes on where this one ended.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        known = state or {}
        self._all_dates: dict[str, bool] = dict(known.get("all_dates", {}))
        self._dates_settled: bool = known.get("dates_settled", False)
        self._control_rows: int = known.get("control_rows", 0)
        self._control_token: str = known.get("control_token", "")
        self._odd_messages: bool = known.get("odd_messages", False)

    @property
    def state(self) -> dict[str, Any]:
        """What it has seen so far."""
        return {
            "all_dates": dict(self._all_dates),
            "dates_settled": self._dates_settled,
            "control_rows": self._control_rows,
            "control_token": self._control_token,
            "odd_messages": self._odd_messages,
        }

    def see(self, row: Row, line: bytes, *, before: int) -> None:
        """One row with its line; `before` is how many bytes of the file stand before it."""
        if not self._dates_settled:
            self._look_for_dates(row)
            # Every column shows itself in the first row, so once none of them is all dates none can become so.
            self._dates_settled = before > FIRST_BYTES or not any(self._all_dates.values())
        token = control_tokens.find_in_line(line)
        if token:
            self._control_rows += 1
            self._control_token = self._control_token or token
        if not self._odd_messages:
            self._odd_messages = _differs_in_shape(row)

    def _look_for_dates(self, row: Row) -> None:
        for column, text in _texts(row, ""):
            if self._all_dates.get(column, True):
                self._all_dates[column] = is_date(text)

    def warnings(self) -> list[str]:
        """Sentences for whoever is going to train on the file."""
        said = [
            f"Every text in “{column}” is a date. JSON readers built on Arrow, such as datasets, turn such a "
            "column into points in time. Load a release by its card, which names the types, with datasets 4.7 or "
            "later; a file without a card with datasets.Dataset.from_list over the parsed lines."
            for column, dates in sorted(self._all_dates.items())
            if dates
        ]
        if self._control_rows:
            number = "1 row holds" if self._control_rows == 1 else f"{self._control_rows:,} rows hold"
            said.append(
                f"{number} text that looks like a control token of a chat template, such as {self._control_token}. "
                "A tokenizer may read it as one and end the turn there. Look at these rows before you train."
            )
        if self._odd_messages:
            said.append(
                "Some messages have tool calls, names or call ids, or some rows a list of tools. datasets reads them "
                "from 4.7 on: all parts of a release by its card, which names the types; files without a card one at "
                "a time (data_files with one file), for a part without such rows has other columns."
            )
        return said


def _differs_in_shape(row: Mapping[str, Any]) -> bool:
    """Whether a row has what other rows may not have, so that a part of the dataset has other columns than another:
    messages with more than a role and a text, or a list of tools.
    """
    # Plain loops and types: every row comes through here.
    for name, value in row.items():
        kind = type(value)
        if kind is dict:
            if _differs_in_shape(value):
                return True
        elif kind is list:
            if name == "tools":
                return True
            if value and type(value[0]) is dict and value[0].keys() >= PLAIN:
                for message in value:
                    if message.keys() != PLAIN:
                        return True
    return False


def about_apart(prompts: int) -> list[str]:
    """What to know about prompts that are in another part than what they are nearly the same as."""
    if not prompts:
        return []
    stand = "1 prompt is" if prompts == 1 else f"{prompts:,} prompts are"
    return [
        f"{stand} nearly the same as prompts in another part: the search that found it came when a release had given "
        "out the parts of both, and parts never change."
    ]


def about_labels(good: int, bad: int) -> list[str]:
    """What to know about how many rows are labelled true and false."""
    if not good or not bad:
        only = "true" if good else "false"
        return [f"Every row is labelled {only}: a model learns from the difference, so there must be rows of both."]
    # TRL's advice: the weights times the numbers of rows stand in a ratio of 1 to 4/3.
    if good > bad * 4 / 3:
        low, high = good / bad * 3 / 4, good / bad
        return [_uneven("true", f"undesirable_weight between {low:.3g} and {high:.3g}")]
    if bad > good:
        low, high = bad / good, bad / good * 4 / 3
        return [_uneven("false", f"desirable_weight between {low:.3g} and {high:.3g}")]
    return []


def about_hosted(files: Iterable[tuple[str, int, int]]) -> list[str]:
    """What to know about files for hosted fine-tuning: each with its part, "" for the whole, its rows and its bytes."""
    found = list(files)
    training = sum(rows for part, rows, _ in found if part in ("", "train"))
    said = []
    if 0 < training < HOSTED_ROWS:
        rows = "is 1 row" if training == 1 else f"are {training} rows"
        said.append(f"There {rows} to train on: OpenAI takes a file from {HOSTED_ROWS} rows on, Fireworks from 3.")
    if any(size > HOSTED_BYTES for _, _, size in found):
        said.append(
            "A file is larger than the 512 MB that OpenAI takes: make a release, whose files are shards, or export "
            "fewer prompts at a time."
        )
    return said


def about_ignored(settings: Sequence[str]) -> list[str]:
    """What to know about settings of cleaning that a format has no use for."""
    if not settings:
        return []
    named = ", ".join(settings)
    return [f"This format shows what is stored as it is stored: no row was cleaned ({named})."]


def _uneven(label: str, advice: str) -> str:
    return f"Most rows are labelled {label}. Give TRL’s KTOTrainer {advice}, so that both labels count alike."


def _texts(value: Any, column: str) -> Iterator[tuple[str, str]]:
    """Every text with the path of its column, such as `messages[].content`."""
    if isinstance(value, str):
        yield column, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{column}.{name}" if column else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, f"{column}[]")
