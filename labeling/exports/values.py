"""The kinds of values that settings have: how each is read from text, strictly, and written again."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from labeling.exports.selection import Versions
from labeling.exports.tokens import NAME
from labeling.text import unfit_text

_NUMBER = re.compile(r"[0-9]{1,9}")
_SHARE = re.compile(r"0(\.[0-9]{1,6})?|\.[0-9]{1,6}|1(\.0{1,6})?")
_VERSIONS = re.compile(r"([0-9]{1,9})(-([0-9]{1,9})?)?")
_RATIOS = re.compile(r"([0-9]{1,3})/([0-9]{1,3})/([0-9]{1,3})")
# In an address a plus means a space: what stood before a time zone is put back.
_LOST_PLUS = re.compile(r"(T[0-9:.,]+) ([0-9]{2}:?[0-9]{2})")


class Kind(Protocol):
    """One kind of value. `write` gives what `read` reads as the same value."""

    @property
    def example(self) -> str:
        """One such value, for whoever fills it in."""
        ...

    def read(self, text: str) -> Any:
        """The value. Raises ValueError that says what to give instead."""
        ...

    def write(self, value: Any) -> str: ...


@dataclass(frozen=True)
class OneOf:
    """One of a few names."""

    kind: type[StrEnum]
    example: str = ""

    def read(self, text: str) -> StrEnum:
        try:
            return self.kind(text)
        except ValueError:
            raise ValueError(f"There is no “{text}” here. Choose one of: {', '.join(self.kind)}.") from None

    def write(self, value: StrEnum) -> str:
        return value.value


@dataclass(frozen=True)
class Number:
    """A whole number."""

    least: int = 0
    example: str = "2"

    def read(self, text: str) -> int:
        if not _NUMBER.fullmatch(text) or int(text) < self.least:
            raise ValueError(f"Give a whole number from {self.least}, of at most nine digits, not “{text}”.")
        return int(text)

    def write(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True)
class Share:
    """A number from 0 to 1, exact to a millionth."""

    example: str = "0.75"

    def read(self, text: str) -> float:
        if not _SHARE.fullmatch(text):
            raise ValueError(f"Give a number from 0 to 1, such as 0.75, not “{text}”.")
        return float(text)

    def write(self, value: float) -> str:
        return f"{value:.6f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Names:
    """Several names with commas between; one that holds a comma or a quote stands in double quotes, as in CSV."""

    example: str = "one, two"

    def read(self, text: str) -> tuple[str, ...]:
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True))
        except csv.Error:
            raise ValueError(
                "A double quote stands in the wrong place. Write names with commas between: one, two."
            ) from None
        found = dict.fromkeys(name.strip() for row in rows for name in row if name.strip())
        if not found:
            raise ValueError("Give one name or several, with commas between.")
        if unfit := next(filter(None, map(unfit_text, found)), None):
            raise ValueError(f"A name here {unfit}")
        return tuple(found)

    def write(self, value: tuple[str, ...]) -> str:
        out = io.StringIO(newline="")
        csv.writer(out).writerow(value)  # ends the line, and puts a name that holds such an end in quotes
        return out.getvalue().removesuffix("\r\n")


@dataclass(frozen=True)
class Range:
    """One version, all from one on, or all from one to another."""

    example: str = "3 or 3- or 2-4"

    def read(self, text: str) -> Versions:
        found = _VERSIONS.fullmatch(text)
        if not found:
            raise ValueError(f"Give a number such as 3, or 3- for that one and later ones, or 2-4, not “{text}”.")
        first, dash, last = int(found[1]), found[2], found[3]
        versions = Versions(first, int(last) if last else None if dash else first)
        if first < 1 or (versions.last is not None and versions.last < first):
            raise ValueError(f"“{text}” is no version. They begin with 1, and the first stands before the last.")
        return versions

    def write(self, value: Versions) -> str:
        return str(value)


@dataclass(frozen=True)
class Moment:
    """A day or a moment as ISO 8601 has it; a day begins at midnight, and without a zone it is UTC."""

    example: str = "2026-01-31 or 2026-01-31T09:30Z"

    def read(self, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(f"Give a day or a moment such as {self.example}, not “{text}”.") from None

    def write(self, value: datetime) -> str:
        return value.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class Ratios:
    """Three whole percentages that come to 100."""

    example: str = "80/10/10"

    def read(self, text: str) -> tuple[int, int, int]:
        found = _RATIOS.fullmatch(text)
        ratios = (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)
        if sum(ratios) != 100:
            raise ValueError(f"Give three whole numbers that come to 100, such as 80/10/10, not “{text}”.")
        return ratios

    def write(self, value: tuple[int, int, int]) -> str:
        return "/".join(map(str, value))


@dataclass(frozen=True)
class Name:
    """The name of a folder: no path."""

    example: str = "smollm2-135m-instruct"

    def read(self, text: str) -> str:
        if not NAME.fullmatch(text):
            raise ValueError(f"Give the name of a folder, letters, digits, dots and dashes, not “{text}”.")
        return text

    def write(self, value: str) -> str:
        return value
