"""Small truths about text that importing, questions and exports share."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

import orjson

_SURROGATE = re.compile("[\ud800-\udfff]")
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
# Dataclasses and dates stay an error.
_STRICTLY = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def unfit_text(text: str) -> str | None:
    """Why a text cannot be stored, said so that it completes “The response …”; None when it can.

    PostgreSQL cannot hold NUL, and half of a surrogate pair is no character: Arrow refuses it and JSON readers differ.
    """
    if "\x00" in text:
        return "holds a NUL character, which cannot be stored. Take it out."
    if not text.isascii() and _SURROGATE.search(text):
        return "holds half of a character (a lone surrogate). Type that character again."
    return None


def compact_json(value: Any) -> bytes:
    """JSON on one line without spaces, in UTF-8, letters and the order of keys as they are.

    Raises ValueError for what is not JSON, such as NaN or half of a character.
    """
    try:
        line = orjson.dumps(value, option=_STRICTLY)
    except TypeError:  # such as a number of more than 64 bits
        return _COMPACT.encode(value).encode()
    # It writes null for what is no number, without a word.
    if b"null" in line and not _is_finite(value):
        return _COMPACT.encode(value).encode()
    return line


def _is_finite(value: Any) -> bool:
    """Whether all numbers in it are some."""
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or isfinite(value)


def sql_list(items: Iterable[object]) -> str:
    """Numbers, or texts that are quoted, as a list that PostgreSQL reads. The driver takes ten times as long."""
    return "{" + ",".join(map(str, items)) + "}"


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no white space: the same text for the same value, on every machine."""
    return _CANONICAL.encode(value)


def sha256(text: str) -> str:
    """The SHA-256 of a text as UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def normalised(text: str) -> str:
    """A text with Unicode composed, case folded and white space collapsed: the same for what reads the same."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def opening_key(text: str) -> bytes:
    """What prompts have in common that open alike, however it is written: a hash of the opening user turn, 16 bytes."""
    return hashlib.sha256(normalised(text).encode()).digest()[:16]


def typed_number(text: str, *, digits: int = 18) -> int | None:
    """The number that was sent as digits, 0 to 9 and nothing else; None for anything else, and for more digits.

    Eighteen digits fit every key of the database; beyond 4300, Python itself refuses to read a number.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def typed(text: str) -> str:
    """A text as a field on a page holds it and gives it back: its lines end in line feeds."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def with_documents(text: str, documents: Sequence[Mapping[str, str]]) -> str:
    """The text of a user's turn with the documents it is about before it: how models get them and exports show them.

    Title and text of each document, a blank line between; the text as it is where there are none.
    """
    parts = [(f"{document['title']}\n" if document.get("title") else "") + document["text"] for document in documents]
    return "\n\n".join([*parts, text])
