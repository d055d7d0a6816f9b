"""Where a release's benchmark comes from: a file that was sent in, or an earlier release that keeps one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from django.core.files import File

from labeling.errors import Fault, Invalid, TooLarge
from labeling.exports import stored
from labeling.exports.contamination import Benchmark
from labeling.exports.models import Release
from labeling.importing.streams import UTF16_MARKS, UTF16_SAID

# Bytes of a file that is sent in: it is read while somebody waits, a megabyte in about a second. Commands take any.
MOST_BYTES = 16 * 1024 * 1024
# Bytes of a form with such a file. A larger one is refused unread, and what was typed beside the file is lost with it.
MOST_SENT = 4 * MOST_BYTES
PATH = "benchmark"
_GZIP = b"\x1f\x8b"


def check_sent(size: int | None) -> None:
    """Raises TooLarge for a form that is too large to be looked into. `size` is what the request announces."""
    if size is not None and size > MOST_SENT:
        raise _too_large(size)


def read(file: File[bytes], *, between: Callable[[], None] = lambda: None) -> Benchmark:
    """The benchmark in a file that was sent in: UTF-8, a text or a JSON value on each line.

    `between` is called before each line. Raises TooLarge, or Invalid that names the line.
    """
    if (file.size or 0) > MOST_BYTES:
        raise _too_large(file.size or 0)
    data = file.read()
    if data.startswith(_GZIP):
        raise _refused("The file is gzip. Unpack it first: the benchmark is plain text or JSON Lines.")
    if data.startswith(UTF16_MARKS):
        raise _refused(UTF16_SAID)
    at = 0

    def lines() -> Iterator[str]:
        nonlocal at
        # Bytes end a line where Python's files of text do, and at no other character.
        for line in data.splitlines():
            at += 1
            between()
            yield _decoded(line)
        at = 0

    try:
        return Benchmark.read(lines())
    except Invalid as error:
        raise _refused(f"Line {at}: {error.detail}" if at else error.detail) from error


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"Byte {error.start + 1} is not UTF-8. Save the file as UTF-8.") from error


class Changed(OSError):
    """What is kept with a release is not what was kept with it."""


def kept_with(release: Release, sha256: str) -> Benchmark:
    """The benchmark that a release keeps. Raises FileNotFoundError, or Changed where it is another one."""
    with stored.opened(release, stored.BENCHMARK) as file:
        kept = file.read()
    if hashlib.sha256(kept).hexdigest() != sha256:
        raise Changed("the benchmark of the release was changed in the storage")
    return Benchmark.of_bytes(kept)


def is_kept(release: Release) -> bool:
    """Whether another release can be compared with the benchmark of this one."""
    return bool(_named(release)) and stored.size(release, stored.BENCHMARK) is not None


def again(release: Release) -> Benchmark:
    """The benchmark of a release, for another one. Raises Invalid where it has none, or keeps it no more."""
    if not _named(release):
        raise _not_there(f"Release {release.number} was compared with no benchmark.")
    try:
        return kept_with(release, _named(release))
    except FileNotFoundError as error:
        gone = f"Release {release.number} is {release.state} and keeps its benchmark no more. Send the file again."
        raise _not_there(gone) from error
    except Changed as error:
        changed = f"The benchmark of release {release.number} was changed in the storage. Send the file again."
        raise _not_there(changed) from error


def _named(release: Release) -> str:
    asked: dict[str, Any] = release.asked
    return str(asked.get("benchmark", ""))


def _not_there(said: str) -> Invalid:
    return Invalid(said, errors=[Fault("benchmark_of", said)])


def _refused(said: str) -> Invalid:
    return Invalid(f"The benchmark is not usable. {said}", errors=[Fault(PATH, said)])


def _too_large(size: int) -> TooLarge:
    said = (
        f"The file has {size / 1e6:,.0f} MB; at most {MOST_BYTES / 1e6:,.0f} MB are taken here. Send a part of it, or "
        "have whoever runs the platform give it to `manage.py release --benchmark`."
    )
    return TooLarge(said, errors=[Fault(PATH, said)])
