"""Files of prompts as they arrive: read while they come in, never held whole, and kept as far as they came."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from django.core.files import File
from django.http import HttpRequest
from rest_framework.exceptions import UnsupportedMediaType

from labeling.errors import Fault, Invalid
from labeling.importing import SOURCES, PromptLine, Rejected
from labeling.services import spool
from labeling.text import typed_number

# What a whole body of any kind may call itself. What it is in truth (gzip or not) is seen from its first bytes.
_ANY = ("application/gzip", "application/octet-stream")
BODY_TYPES = (*dict.fromkeys(name for source in SOURCES.values() for name in source.media_types), *_ANY)
_ENCODINGS = ("", "identity", "gzip", "x-gzip")
_CHUNK = 1024 * 1024


class Body(io.RawIOBase):
    """A request's body as a file. A connection that breaks ends it and is noted, instead of losing what came before.

    `expected` is how many bytes were announced, None where nobody said; `arrived` is how many came.
    """

    def __init__(self, read: Callable[[int], bytes], expected: int | None) -> None:
        self._read = read
        self.expected = expected
        self.arrived = 0
        self.broke = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._read(len(buffer))
        except OSError:  # Django's UnreadablePostError and what servers raise for a torn chunk
            data, self.broke = b"", True
        self.arrived += len(data)
        if not data and self.expected is not None and self.arrived < self.expected:
            self.broke = True
        buffer[: len(data)] = data
        return len(data)


class _Whole(io.RawIOBase):
    """A body that is of use only if all of it comes."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        length = self._body.readinto(buffer)
        if not length and self._body.broke:
            raise Invalid("The upload broke off, and nothing of it is kept. Send the file again.")
        return length


@dataclass(frozen=True)
class Upload:
    """A file of prompts on its way in. `body` is None for a form's file, which has arrived already."""

    source: str
    stream: BinaryIO
    filename: str = ""
    body: Body | None = None

    def lines(self) -> Iterator[PromptLine | Rejected]:
        """Its lines; where the connection broke, the last one says so."""
        last = 0
        for line in SOURCES[self.source](self.stream):
            last = line.line
            yield line
        # A file that is refused at its first line is still on its way: who sends it hears nothing before its end.
        while self.body is not None and self.stream.read(_CHUNK):
            pass
        if self.body is not None and self.body.broke:
            yield Rejected(last + 1, "The upload broke off here. The lines before are in; send the file again.")

    @property
    def size(self) -> int | None:
        """How many bytes it has, where that is known."""
        return self.body.expected if self.body else cast("File[bytes]", self.stream).size

    def bytes_read(self) -> int:
        """How many of its bytes were read."""
        return self.body.arrived if self.body else self.stream.tell()

    def whole(self) -> BinaryIO | File[bytes]:
        """The file to be stored. Reading it raises Invalid where the connection breaks."""
        return cast(BinaryIO, _Whole(self.body)) if self.body else cast("File[bytes]", self.stream)


def open_upload(request: HttpRequest, source: str) -> Upload:
    """The file in a request: its whole body, or the field `file` of a form.

    Raises Invalid, UnsupportedMediaType, or TooLarge for a form, which is stored before it can be read.
    """
    if source not in SOURCES:
        known = ", ".join(SOURCES)
        raise Invalid(f"There is no source “{source}”. Known: {known}.", errors=[Fault("source", f"Known: {known}.")])
    if request.content_type == "multipart/form-data":
        spool.check_size(length_of(request))
        file = request.FILES.get("file")
        if file is None:
            raise Invalid("There is no file in the form.", errors=[Fault("file", "Send it in the field “file”.")])
        return Upload(source, cast(BinaryIO, file), file.name or "")
    kinds = SOURCES[source].media_types
    if request.content_type not in (*kinds, *_ANY):
        raise UnsupportedMediaType(
            request.content_type or "",
            f"Send {SOURCES[source].title} as {' or '.join(kinds)}, or a form with a field “file” as "
            "multipart/form-data.",
        )
    if request.headers.get("Content-Encoding", "").lower() not in _ENCODINGS:
        raise UnsupportedMediaType(request.content_type, "Send the file as it is or as gzip; no other encoding.")
    body = _body(request)
    return Upload(source, io.BufferedReader(body, _CHUNK), body=body)


def length_of(request: HttpRequest) -> int | None:
    """How many bytes a request announces; None where it does not say."""
    return typed_number(request.headers.get("Content-Length", ""))


def _body(request: HttpRequest) -> Body:
    if request.headers.get("Transfer-Encoding"):
        # Django reads as many bytes as Content-Length says, which is none for a body in chunks. A server that ends
        # the stream by itself says so, and then it can be read to its end.
        if not request.META.get("wsgi.input_terminated"):
            raise Invalid("This server does not take bodies in chunks. Send a Content-Length.")
        return Body(request.META["wsgi.input"].read, None)
    return Body(request.read, length_of(request))
