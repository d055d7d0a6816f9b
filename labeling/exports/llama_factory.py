"""What LLaMA-Factory reads beside data files: `dataset_info.json`, an entry for each."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


def dataset_info(name: str, files: Mapping[str, str], **entry: Any) -> dict[str, str]:
    """`dataset_info.json` for the data files of a format: an entry for each split, and one name where there are none.

    Where `columns` are given, LLaMA-Factory reads those and no others.
    """
    entries = {f"{name}-{split}" if split else name: {"file_name": file, **entry} for split, file in files.items()}
    return {"dataset_info.json": json.dumps(entries, ensure_ascii=False, indent=2) + "\n"}
