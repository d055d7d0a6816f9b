"""Where the files of releases lie: in Django's default storage, under `releases/<project>/<number>/`."""

from __future__ import annotations

import errno
import hashlib
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from labeling.errors import NoRoom
from labeling.exports.models import Release

FOLDER = "releases"
# Where the runs of words of a release's benchmark lie in it (labeling.exports.contamination).
BENCHMARK = "index/benchmark"
# Where it is kept what tags hold out of training, for a release that they divide (labeling.exports.splits).
HELD_OUT = "index/held-out"
_CHUNK = 1024 * 1024

logger = logging.getLogger(__name__)


def name_of(release: Release, path: str = "") -> str:
    """The name in the storage of a release's file, or of its folder."""
    return f"{FOLDER}/{release.project_id}/{release.number}" + (f"/{path}" if path else "")


def put(release: Release, path: str, local: Path) -> None:
    """Stores a file of a release, in the place of one of that name. Raises NoRoom."""
    with local.open("rb") as file:
        _save(name_of(release, path), File(file))


def put_text(release: Release, path: str, text: str) -> None:
    """Stores a text as a file of a release. Raises NoRoom."""
    put_bytes(release, path, text.encode())


def put_bytes(release: Release, path: str, data: bytes) -> None:
    """Stores bytes as a file of a release. Raises NoRoom."""
    _save(name_of(release, path), ContentFile(data))


def _save(name: str, file: File[bytes]) -> None:
    # The storage would give a second file another name. One is there only if whoever wrote it died before it said so.
    default_storage.delete(name)
    try:
        stored = default_storage.save(name, file)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom("There is no room for the files on the server. Tell whoever runs it.") from error
        raise
    if stored != name:
        default_storage.delete(stored)
        raise OSError(errno.EEXIST, "another file has its name", name)


@contextmanager
def opened(release: Release, path: str) -> Iterator[BinaryIO]:
    """A stored file of a release, to be read. Raises FileNotFoundError where it is gone."""
    with default_storage.open(name_of(release, path), "rb") as file:
        yield cast(BinaryIO, file)


def local(release: Release, path: str, copy: Path) -> Path:
    """A stored file on this disk: where it lies, or else copied to `copy`. Raises FileNotFoundError for such a copy."""
    try:
        return Path(default_storage.path(name_of(release, path)))
    except NotImplementedError:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with opened(release, path) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
        return copy


def size(release: Release, path: str) -> int | None:
    """How many bytes a stored file has; None where it is not there."""
    name = name_of(release, path)
    return default_storage.size(name) if default_storage.exists(name) else None


def digest(release: Release, path: str) -> str:
    """The SHA-256 of a stored file, in hexadecimal. Raises FileNotFoundError."""
    found = hashlib.sha256()
    with opened(release, path) as file:
        while data := file.read(_CHUNK):
            found.update(data)
    return found.hexdigest()


def paths(release: Release) -> list[str]:
    """The paths of everything that is stored for a release."""
    return sorted(_within(name_of(release), ""))


def indexes(release: Release, format: str) -> list[str]:
    """The paths of the indexes of a format (`labeling.exports.index`), in the order of their shards."""
    # The name of one format may begin that of another.
    own = re.compile(rf"index/{re.escape(format)}-\d+\.tsv")
    return [path for path in paths(release) if own.fullmatch(path)]


def _within(name: str, path: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(name)
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from (f"{path}{file}" for file in files)
    for folder in folders:
        yield from _within(f"{name}/{folder}", f"{path}{folder}/")


def delete(release: Release, path: str) -> None:
    """Takes one file away, if it is there."""
    with suppress(FileNotFoundError):
        default_storage.delete(name_of(release, path))


def clear(release: Release) -> None:
    """Takes everything away that is stored for a release, and its folders where the storage has any."""
    there = paths(release)
    for path in there:
        delete(release, path)
    folders = {"/".join(path.split("/")[:depth]) for path in there for depth in range(path.count("/") + 1)}
    for folder in sorted(folders | {"", "index"}, key=len, reverse=True):
        # A file system deletes a folder that is empty; other storages have none, and one that is not empty stays.
        with suppress(OSError):
            default_storage.delete(name_of(release, folder))
