"""Files that wait for a worker: stored whole under a bound, read once, and deleted when that has ended."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone

from labeling.errors import NoRoom, TooLarge

FOLDER = "imports"
# How long a file may lie here that no row knows of: one that is on its way in, or was when the web process died.
ORPHANED_AFTER = timedelta(days=1)
_CHUNK = 1024 * 1024


def most() -> int:
    """How many bytes a file may have that is stored."""
    return int(settings.IMPORT_MAX_MB) * 1024 * 1024


def check_size(size: int | None) -> None:
    """Raises TooLarge for a size, where it is known, that does not fit."""
    if size is not None and size > most():
        raise TooLarge(
            f"The file has {size / 1e6:,.0f} MB; at most {most() / 1e6:,.0f} MB are stored. Send it in parts, or as "
            "JSON Lines that are read as they come in."
        )


class _Bounded(File):  # type: ignore[type-arg]
    """A stream of unknown length as a file to store, which ends badly where it grows too long."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self._stream = stream

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        size = 0
        while data := self._stream.read(chunk_size or _CHUNK):
            size += len(data)
            if size > most():
                raise TooLarge(f"At most {most() / 1e6:,.0f} MB are stored. Send the file in parts.")
            yield data


def save(stream: BinaryIO | File[bytes]) -> tuple[str, int]:
    """Stores a file. Returns its name here and its size. Raises TooLarge or NoRoom, and OSError of the stream."""
    name = f"{FOLDER}/{uuid.uuid4().hex}"
    # What is on the disk already is only moved.
    file = stream if isinstance(stream, File) else _Bounded(stream)
    if isinstance(stream, File):
        check_size(stream.size)
    try:
        name = default_storage.save(name, file)
    except BaseException as error:
        delete(name)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom("There is no room for the file on the server. Tell whoever runs it.") from error
        raise
    return name, default_storage.size(name)


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """A stored file, to be read. Raises FileNotFoundError where it is gone."""
    with default_storage.open(name, "rb") as file:
        yield cast(BinaryIO, file.file)


def delete(name: str) -> None:
    """Deletes a file, if it is there."""
    with suppress(OSError):
        default_storage.delete(name)


def names() -> Iterator[str]:
    """The files that lie here for longer than any takes to come in."""
    with suppress(FileNotFoundError):
        for file in default_storage.listdir(FOLDER)[1]:
            name = f"{FOLDER}/{file}"
            with suppress(FileNotFoundError):
                if default_storage.get_modified_time(name) < timezone.now() - ORPHANED_AFTER:
                    yield name
