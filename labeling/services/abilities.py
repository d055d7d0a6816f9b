"""What people can do and queues may ask for: skills with levels, and languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from labeling.errors import Fault, Invalid

MAX_LEVEL = 10


def _refuse(path: str, message: str) -> Invalid:
    return Invalid("The skills or languages do not fit.", errors=[Fault(path, message)])


def clean_skills(value: Any, path: str) -> dict[str, int]:
    """Skills with a level each, 1 the least. Raises Invalid."""
    if not isinstance(value, Mapping):
        raise _refuse(path, 'Give an object such as {"medicine": 2}.')
    if len(value) > 50:
        raise _refuse(path, "Give at most 50 skills.")
    found = {}
    for name, level in value.items():
        if not isinstance(name, str) or not 1 <= len(name.strip()) <= 50 or not name.isprintable():
            raise _refuse(path, "A skill's name has 1 to 50 characters.")
        if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= MAX_LEVEL:
            raise _refuse(f"{path}.{name.strip()}", f"Give a level from 1 to {MAX_LEVEL}.")
        found[name.strip()] = level
    return dict(sorted(found.items()))


def clean_languages(value: Any, path: str) -> list[str]:
    """Tags of languages, such as `en` or `pt-BR`. Raises Invalid."""
    if not isinstance(value, list) or len(value) > 50:
        raise _refuse(path, 'Give a list such as ["en", "pt-BR"], of at most 50.')
    for tag in value:
        if not isinstance(tag, str) or not re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", tag) or len(tag) > 35:
            raise _refuse(path, f"“{str(tag)[:40]}” is no language tag. Write it as in en, pt-BR or zh-Hant.")
    return sorted(set(value))
