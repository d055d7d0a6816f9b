"""Releases of small projects, as a worker builds them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from labeling.exports import stored
from labeling.exports.models import Release
from labeling.exports.services import releases
from labeling.models import Project
from tests import make


def asked(project: Project, *formats: str, **given: Any) -> Release:
    """A release that waits for a worker."""
    return releases.ask(project, formats=list(formats) or ["sft"], by=make.manager(project), **given)


def built(project: Project, *formats: str, **given: Any) -> Release:
    """A release that a worker has built."""
    release = asked(project, *formats, **given)
    releases.work()
    release.refresh_from_db()
    assert release.state == "done", release.reason
    return release


def data(release: Release, path: str) -> bytes:
    """The bytes of one of its files."""
    with stored.opened(release, path) as file:
        return file.read()


def files(release: Release) -> dict[str, bytes]:
    """All that is stored for it, by path."""
    return {path: data(release, path) for path in stored.paths(release)}


def rows(release: Release, format: str, split: str = "") -> list[dict[str, Any]]:
    """The rows of one format, of all its shards in their order. For JSON Lines that are not compressed."""
    assert release.manifest
    paths = [f["path"] for f in release.manifest["files"] if (f["format"], f["split"]) == (format, split)]
    return [json.loads(line) for path in paths for line in data(release, path).splitlines()]


def check_hashes(release: Release) -> None:
    """Holds every stored file against the manifest."""
    assert release.manifest
    for file in release.manifest["files"]:
        found = data(release, file["path"])
        assert (len(found), hashlib.sha256(found).hexdigest()) == (file["bytes"], file["sha256"]), file["path"]


def left(folder: Path) -> list[str]:
    """Files that lie in a folder, however deep."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
