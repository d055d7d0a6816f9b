"""The drawer of prompt sources: what kinds of file can be read as prompts.

To add a source: one file beside these with a `read` function, and one line in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from labeling.importing import jsonl
from labeling.importing.base import PromptLine, Rejected

Reader = Callable[[BinaryIO], Iterator[PromptLine | Rejected]]

SOURCES: dict[str, Reader] = {"jsonl": jsonl.read}

__all__ = ["SOURCES", "PromptLine", "Reader", "Rejected"]
