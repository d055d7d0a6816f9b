"""Files of prompts as they arrive: read while they come in, never held whole, and kept as far as they came."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from django.http import HttpRequest
from rest_framework.exceptions import UnsupportedMediaType

from labeling.errors import Fault, Invalid
from labeling.importing import SOURCES, PromptLine, Rejected

# What a whole body may call itself. What it is in truth (gzip or not) is seen from its first bytes.
BODY_TYPES = (
    "application/x-ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/gzip",
    "application/octet-stream",
)
_ENCODINGS = ("", "identity", "gzip", "x-gzip")


class Body(io.RawIOBase):
    """A request's body as a file. A connection that breaks ends it and is noted, instead of losing what came before.

    `expected` is how many bytes were announced; None where nobody said.
    """

    def __init__(self, read: Callable[[int], bytes], expected: int | None) -> None:
        self._read = read
        self._missing = expected
        self.broke = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._read(len(buffer))
        except OSError:  # Django's UnreadablePostError and what servers raise for a torn chunk
            data, self.broke = b"", True
        if self._missing is not None:
            self._missing -= len(data)
            self.broke = self.broke or (not data and self._missing > 0)
        buffer[: len(data)] = data
        return len(data)


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
        if self.body is not None and self.body.broke:
            yield Rejected(last + 1, "The upload broke off here. The lines before are in; send the file again.")


def open_upload(request: HttpRequest, source: str) -> Upload:
    """The file in a request: its whole body, or the field `file` of a form. Raises Invalid or UnsupportedMediaType."""
    if source not in SOURCES:
        known = ", ".join(SOURCES)
        raise Invalid(f"There is no source “{source}”. Known: {known}.", errors=[Fault("source", f"Known: {known}.")])
    if request.content_type == "multipart/form-data":
        file = request.FILES.get("file")
        if file is None:
            raise Invalid("There is no file in the form.", errors=[Fault("file", "Send it in the field “file”.")])
        return Upload(source, cast(BinaryIO, file), file.name or "")
    if request.content_type not in BODY_TYPES:
        raise UnsupportedMediaType(
            request.content_type or "",
            "Send JSON Lines as application/x-ndjson, or a form with a field “file” as multipart/form-data.",
        )
    if request.headers.get("Content-Encoding", "").lower() not in _ENCODINGS:
        raise UnsupportedMediaType(request.content_type, "Send the file as it is or as gzip; no other encoding.")
    body = _body(request)
    return Upload(source, io.BufferedReader(body, 1024 * 1024), body=body)


def _body(request: HttpRequest) -> Body:
    if request.headers.get("Transfer-Encoding"):
        # Django reads as many bytes as Content-Length says, which is none for a body in chunks. A server that ends
        # the stream by itself says so, and then it can be read to its end.
        if not request.META.get("wsgi.input_terminated"):
            raise Invalid("This server does not take bodies in chunks. Send a Content-Length.")
        return Body(request.META["wsgi.input"].read, None)
    length = request.headers.get("Content-Length", "")
    return Body(request.read, int(length) if length.isdigit() else None)
