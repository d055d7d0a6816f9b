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
    rows = RejectedLine.objects.filter(prompt_import=record).order_by("line", "pk")
    for line, message, text in rows.values_list("line", "message", "text").iterator(chunk_size=2000):
        row = {"line": line, "message": message} | ({"text": text} if text else {})
        yield json.dumps(row, ensure_ascii=False).encode() + b"\n"


def rejected_as_they_came(record: PromptImport) -> Iterator[bytes]:
    """The rejected lines that were kept whole, to be mended and sent again."""
    rows = RejectedLine.objects.filter(prompt_import=record, text_is_whole=True).order_by("line", "pk")
    for text in rows.values_list("text", flat=True).iterator(chunk_size=2000):
        yield text.encode() + b"\n"
