"""What a loader wants beside an export's file: `dataset_info.json`, with the entries of others that are there already.

What a release has beside its rows is made with it (labeling.exports.manifests).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import PurePath
from typing import Any

from labeling.errors import Fault, Invalid
from labeling.exports.choices import Choice
from labeling.exports.formats import FORMATS

NAME = "dataset_info.json"
Entries = dict[str, dict[str, Any]]


def entries(choice: Choice, file: str, columns: Collection[str]) -> Entries:
    """What `dataset_info.json` says of an export in a file of this name, whose rows have these columns.

    Nothing for a format whose loaders need none, and for a name that they do not know how to read.
    """
    split = choice.policies.split
    texts = choice.format.beside({split.value if split else "": [file]}, columns)
    found: Entries = json.loads(texts[NAME]) if NAME in texts else {}
    return found


def needed(choice: Choice) -> bool:
    """Whether loaders of the format want such a file."""
    return bool(entries(choice, choice.filename, ()))


def require(choice: Choice) -> None:
    """Raises Invalid for a format whose loaders want none."""
    if not needed(choice):
        known = ", ".join(name for name, kind in FORMATS.items() if NAME in kind.beside({"": ["x.jsonl"]}))
        said = f"Whoever loads “{choice.format.name}” needs no {NAME}. There is one for: {known}."
        raise Invalid(said, errors=[Fault("format", said)])


def encoded(found: Entries) -> str:
    """The text of the file."""
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def read(data: bytes) -> Entries:
    """The entries of a file that is there. Raises Invalid for one that nobody should write over."""
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{NAME} is there and is no JSON ({error}). Mend it or take it away.") from error
    if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
        raise Invalid(f"{NAME} is there and is no object of objects. Mend it or take it away.")
    return found


def merged(there: Entries, new: Entries) -> Entries:
    """The entries that are there and the new ones: in the place of those that said the same of the file before.

    Where a name is another file's, the new one is called by the name of its file, too. Raises Invalid where that is
    taken as well.
    """
    found = dict(there)
    for name, entry in new.items():
        file = entry["file_name"]
        longer = f"{name}-{PurePath(file).stem}"
        free = (one for one in (name, longer) if one not in there or there[one].get("file_name") == file)
        called = next(free, None)
        if called is None:
            raise Invalid(f"“{name}” and “{longer}” in {NAME} are other files. Rename one of them there.")
        found[called] = entry
    return found
