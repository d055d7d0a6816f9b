"""What LLaMA-Factory reads beside data files: `dataset_info.json`, an entry for each."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

# Messages with `role` and `content` and OpenAI's names for who speaks. The other names are LLaMA-Factory's own.
ROLES = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}


# What it can read, by the ends of names: it knows no packed lines.
_READABLE = (".jsonl", ".parquet")


def with_tools(read: dict[str, str], columns: Collection[str]) -> dict[str, str]:
    """The columns that are to be read, with that of the tools where the rows have it: one that is not there fails."""
    return read | ({"tools": "tools"} if "tools" in columns else {})


def dataset_info(name: str, files: Mapping[str, Sequence[str]], **entry: Any) -> dict[str, str]:
    """`dataset_info.json` for the data files of a format: an entry for each, by the split and, of several, a number.

    It reads no patterns, so every file has a name of its own. There is none where it cannot read the files. Where
    `columns` are given, LLaMA-Factory reads those and no others.
    """
    entries = {
        "-".join([name, *([split] if split else []), *([f"{number:05}"] if len(own) > 1 else [])]): file
        for split, own in files.items()
        for number, file in enumerate(own)
    }
    if not all(file.endswith(_READABLE) for file in entries.values()):
        return {}
    told = {called: {"file_name": file, **entry} for called, file in entries.items()}
    return {"dataset_info.json": json.dumps(told, ensure_ascii=False, indent=2) + "\n"}
