"""`jsonl`: one prompt line of the contract on each line, plain or gzip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from labeling.importing.arrays import Cutter
from labeling.importing.base import PromptLine, Rejected, as_sent, parse
from labeling.importing.objects import cut, read_objects
from labeling.importing.streams import (
    MAX_LINE,
    TOO_LONG,
    UTF8_MARK,
    UTF16_MARKS,
    UTF16_SAID,
    opening,
    split_lines,
    to_its_end,
    unzipped,
)
from labeling.importing.strict import decode
from labeling.importing.texts import LineError

__all__ = ["MAX_LINE", "decode", "read"]

_ARRAY = re.compile(rb"\[\s*+(?=\{)")  # one array of all prompt lines, which no good line begins like


def read(stream: BinaryIO) -> Iterator[PromptLine | Rejected]:
    """Every line that is not blank, as a prompt line or with the reason why it cannot be one."""
    return to_its_end(_read(stream))


def _read(stream: BinaryIO) -> Iterator[PromptLine | Rejected]:
    whole = unzipped(stream)
    head = opening(whole)
    if head.startswith(UTF16_MARKS):
        yield Rejected(1, UTF16_SAID)
        return
    text = head.removeprefix(UTF8_MARK)
    if _ARRAY.match(text):
        yield from read_objects(cut(whole, text[1:], Cutter(1, listed=True)), lambda raw: [raw])
        return
    for number, line in split_lines(whole, head):
        if line is None:
            yield Rejected(number, f"The line is {TOO_LONG}.")
        elif line and not line.isspace():
            try:
                yield parse(decode(line), number)
            except LineError as error:
                yield Rejected(number, str(error), as_sent(line))
