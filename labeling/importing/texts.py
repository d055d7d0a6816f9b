"""What every text of a line keeps, wherever it stands."""

from __future__ import annotations

import math
from typing import Any

from labeling.text import unfit_text

MAX_TEXT = 1_000_000  # characters of one message, document or candidate
MAX_DEPTH = 50


class LineError(ValueError):
    """Why a line cannot be used, in words for whoever sent it."""


def text(value: Any, what: str, *, limit: int = MAX_TEXT, blank: bool = False) -> str:
    if not isinstance(value, str):
        raise LineError(f"{what} must be text.")
    if not blank and (not value or value.isspace()):
        raise LineError(f"{what} is empty.")
    if len(value) > limit:
        raise LineError(f"{what} has {len(value):,} characters; at most {limit:,} fit.")
    if not _fits(value):
        raise LineError(f"{what} {unfit_text(value)}")
    return value


def _fits(text: str) -> bool:
    """Whether there is nothing for `unfit_text` to find, which looks at each character."""
    if "\x00" in text:
        return False
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return True


def storable(value: Any, what: str, depth: int = 0) -> None:
    """Free-form JSON goes into the database as it is, so every text in it must be one that fits there."""
    if depth > MAX_DEPTH:
        raise LineError(f"{what} is nested more than {MAX_DEPTH} deep.")
    if isinstance(value, str):
        if not _fits(value):
            raise LineError(f"A text in {what} {unfit_text(value)}")
    elif isinstance(value, dict):
        for key, item in value.items():
            storable(key, what, depth + 1)
            storable(item, what, depth + 1)
    elif isinstance(value, list):
        for item in value:
            storable(item, what, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):  # 1e999 is well-formed JSON, and reads as infinity
        raise LineError(f"A number in {what} is too large, or is no number.")
