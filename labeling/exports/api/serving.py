"""A stored file as an answer, whole or a part of it, so that a download that broke off goes on where it stood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE | re.ASCII)


class Unsatisfiable(Exception):
    """Nothing of the file lies in the range that was asked for, or it is none."""


def range_of(header: str, size: int) -> tuple[int, int] | None:
    """The first byte that is asked for and the one after the last; None for the whole file.

    Several ranges, and units other than bytes, are answered with the whole file, as RFC 9110 (14.2) allows. Raises
    Unsatisfiable for a range that is none (`5-2`, `-`), holds nothing (`-0`) or begins behind the end.
    """
    unit, _, spec = header.partition("=")
    if unit.strip().lower() != "bytes" or "," in spec:
        return None
    found = _RANGE.fullmatch(header.strip())
    first, last = found.groups() if found else ("", "")
    if not found or not (first or last) or len(first) > 18 or len(last) > 18:
        raise Unsatisfiable
    if not first:
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < begin:
            raise Unsatisfiable
    if begin >= end:
        raise Unsatisfiable
    return begin, end


def serve(
    request: HttpRequest,
    opened: AbstractContextManager[BinaryIO],
    *,
    size: int,
    sha256: str,
    media_type: str,
    filename: str,
) -> HttpResponseBase:
    """The answer to a GET or a HEAD of a file that never changes: its ETag is its hash.

    `opened` is entered when the first byte is asked for; memory holds one piece of the file at a time.
    """
    etag = f'"{sha256}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="{filename}"',
        "X-Content-Type-Options": "nosniff",
    }
    # If-Match and If-None-Match: 412 or 304, with the headers of the answer that it is about.
    conditional = get_conditional_response(request, etag=etag, response=None)
    if conditional is not None:
        for name in ("ETag", "Cache-Control"):
            conditional.headers[name] = headers[name]
        return conditional
    part = None
    if request.method == "GET" and "Range" in request.headers and request.headers.get("If-Range", etag) == etag:
        try:
            part = range_of(request.headers["Range"], size)
        except Unsatisfiable:
            return HttpResponse(status=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    begin, end = part or (0, size)
    headers["Content-Length"] = str(end - begin)
    if part:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    if request.method == "HEAD":
        return HttpResponse(content_type=media_type, headers=headers)
    pieces = _pieces(opened, begin, end)
    return StreamingHttpResponse(pieces, status=206 if part else 200, content_type=media_type, headers=headers)


def _pieces(opened: AbstractContextManager[BinaryIO], begin: int, end: int) -> Iterator[bytes]:
    with opened as file:
        file.seek(begin)
        left = end - begin
        while left:
            piece = file.read(min(CHUNK, left))
            if not piece:
                # Less than was promised: break off, so that nobody takes it for the file.
                raise OSError("a stored file is shorter than its manifest says")
            left -= len(piece)
            yield piece
