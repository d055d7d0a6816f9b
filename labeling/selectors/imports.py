"""What became of the files that were sent in."""

from __future__ import annotations

import json
from collections.abc import Iterator

from labeling.models import PromptImport, RejectedLine

FIRST = 100


def first_rejected(record: PromptImport, number: int = FIRST) -> list[RejectedLine]:
    """The first rejected lines of a file."""
    return list(RejectedLine.objects.filter(prompt_import=record).order_by("line", "pk")[:number])


def rejected_as_jsonl(record: PromptImport) -> Iterator[bytes]:
    """All rejected lines that were kept, as JSON Lines, without holding them all."""
    rows = RejectedLine.objects.filter(prompt_import=record).order_by("line", "pk").values("line", "message")
    for row in rows.iterator(chunk_size=2000):
        yield json.dumps(row).encode() + b"\n"
