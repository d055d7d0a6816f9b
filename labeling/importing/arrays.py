"""One big JSON array, cut into its values as it comes in.

A parser of whole documents would hold the array, or end at its first mistake. Here only brackets and quotes are
followed. Each value is then read by itself, as strictly as a line of JSON Lines, and a bad one is left out alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from labeling.importing.base import Rejected
from labeling.importing.streams import MAX_LINE, TOO_LONG

_QUOTE, _OPENING, _END = b'"', b"[{", b"]"
_TEXT = rb'"(?:[^"\\]++|\\.)*+"'
# Where a way of a group is a group itself and ends half-way, Python 3.11.2, which Debian 12 has, goes on behind what it
# had matched of it if the outer one is repeated possessively (`*+`). Repeated as here each round is kept in memory to
# the end, so there are only so many: what is longer is followed in several steps.
_ROUNDS = b"{0,20000}"
# Everything up to the next bracket, with the texts on the way; it stops before a text that does not end in the chunk.
_PLAIN = re.compile(rb'(?:[^"{}\[\]]++|' + _TEXT + rb")" + _ROUNDS, re.S)
_REST_OF_TEXT = re.compile(rb'(?:[^"\\]++|\\.)*+', re.S)
_OPENINGS = re.compile(rb"[\[{]*+")
_CLOSINGS = re.compile(rb"[\]}]*+")
_SHOWN = 40  # bytes of what stands where nothing should


def _brackets(depth: int) -> bytes:
    """A pattern of a value with brackets so many deep."""
    inner = b"|" + _brackets(depth - 1) if depth > 1 else b""
    return rb'[\[{](?>(?:[^"{}\[\]]++|' + _TEXT + inner + rb")" + _ROUNDS + rb")[\]}]"


# Most values are no deeper and end in their chunk: they are found in one step, not in one for each bracket.
_SHALLOW = re.compile(_brackets(4), re.S)


class Value(NamedTuple):
    """One value as it stands in the file, the line it begins on, and how it is called in messages about it."""

    line: int
    name: str
    raw: bytes


class Cutter:
    """Cuts values out of an array whose opening bracket has been read, or out of a row of values with nothing around
    it (`listed` is false). `feed` it with what follows, then `end` it."""

    def __init__(self, line: int, *, listed: bool) -> None:
        self._line = line  # of the place up to which all has been followed
        self._comma = b"," if listed else b""
        self._closed = not listed
        self._ended = False  # what follows stands after the end of the array
        self._number = 0  # of values that have begun
        self._began = line  # the line of the last of them
        self._depth = 0  # brackets that are open in it
        self._in_text = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._gap = b""  # what stands between two values, but for white space
        self._left = b""  # a backslash at the end of a chunk waits here for what it escapes

    def feed(self, chunk: bytes) -> Iterator[Value | Rejected]:
        """The values that end in this chunk."""
        chunk, self._left = self._left + chunk, b""
        at = begin = 0
        while at < len(chunk):
            start = at
            at = self._follow(chunk, at)
            if self._left:
                break
            if at > start:
                self._note(chunk[start:at])
            elif chunk[at] in _QUOTE:
                self._in_text = True
                at += 1
                self._note(_QUOTE)
            elif chunk[at] in _OPENING:
                if not self._depth:
                    begin = at
                    yield from self._begin()
                    if whole := _SHALLOW.match(chunk, at):
                        at = whole.end()
                        yield self._finished(whole[0])
                        self._line += chunk.count(b"\n", start, at)
                        continue
                at = _end(_OPENINGS, chunk, at)
                self._depth += at - start
            elif self._depth:
                at = _end(_CLOSINGS, chunk, at, at + self._depth)
                self._depth -= at - start
                if not self._depth:
                    yield self._finished(chunk[begin:at])
            else:
                at += 1
                yield from self._stray(chunk[start:at])
            self._line += chunk.count(b"\n", start, at)
        if self._depth:
            self._keep(chunk[begin:at])

    def end(self) -> Iterator[Rejected]:
        """What is wrong when nothing follows any more."""
        if self._depth:
            said = f"Object {self._number} does not end: the file is cut off, or a quote or bracket is left open."
            yield Rejected(self._began, said)
        elif not self._closed:
            yield Rejected(self._line, "The array is not closed: the file is cut off here. What came before is in.")
        elif self._gap:
            yield Rejected(self._line, f"After the last object stands “{self._shown()}”. It is left out.")

    def _follow(self, chunk: bytes, at: int) -> int:
        """The place of the next bracket, or of a quote whose text does not end in this chunk."""
        if self._ended:
            return len(chunk)
        if not self._in_text:
            return _end(_PLAIN, chunk, at)
        start, at = at, _end(_REST_OF_TEXT, chunk, at)
        if at < len(chunk):
            if chunk[at] in _QUOTE:
                self._in_text = False
                return at + 1
            self._left = chunk[at:]
            self._line += chunk.count(b"\n", start, at)
        return at

    def _begin(self) -> Iterator[Rejected]:
        if self._number and self._comma and not self._gap:
            yield Rejected(self._line, f"A comma is missing between object {self._number} and the next.")
        elif self._gap != (self._comma if self._number else b""):
            where = f"Between object {self._number} and the next" if self._number else "Before the first object"
            yield Rejected(self._line, f"{where} stands “{self._shown()}”. It is left out.")
        self._gap = b""
        self._number += 1
        self._began = self._line

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > MAX_LINE:
            self._pieces = []
        else:
            self._pieces.append(piece)

    def _finished(self, piece: bytes) -> Value | Rejected:
        self._keep(piece)
        pieces, size, name = self._pieces, self._size, f"Object {self._number}"
        self._pieces, self._size = [], 0
        if size > MAX_LINE:
            return Rejected(self._began, f"{name} is {TOO_LONG}.")
        return Value(self._began, f"{name}: ", b"".join(pieces))

    def _stray(self, bracket: bytes) -> Iterator[Rejected]:
        """A closing bracket that closes no value: that of the array, or one too many."""
        if self._closed or bracket != _END:
            self._note(bracket)
            return
        if self._gap:
            yield Rejected(self._line, f"Before the end of the array stands “{self._shown()}”. It is left out.")
        self._gap = b""
        self._closed = self._ended = True

    def _note(self, gap: bytes) -> None:
        """Remembers what stands between two values; what stands in one is none of this."""
        if not self._depth and len(self._gap) <= _SHOWN:
            self._gap += b"".join(gap.split())[: _SHOWN + 1]

    def _shown(self) -> str:
        text = self._gap[:_SHOWN].decode("utf-8", "replace")
        return text if len(self._gap) <= _SHOWN else text + "…"


def _end(pattern: re.Pattern[bytes], chunk: bytes, start: int, end: int | None = None) -> int:
    """Where the match of a pattern ends that matches at least nothing."""
    found = pattern.match(chunk, start, len(chunk) if end is None else end)
    assert found is not None
    return found.end()
