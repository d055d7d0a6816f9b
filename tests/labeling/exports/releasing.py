"""Releases of small projects, as a worker builds them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection

from labeling.exports import stored
from labeling.exports.models import Release, Shard
from labeling.exports.services import releases
from labeling.models import Event, Project, User
from tests import make
from tests.labeling.exports.answering import answered


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


def haiku(ann: User, ben: User) -> Project:
    """18 prompts: Ann has written for 14 and rated for 6, Ben has ranked 10. All of them are in every part."""
    made = make.project(annotators=[ann, ben], slug="haiku")
    make.imported(made, 18, start=20, candidates=2, language="en")
    write = make.queue(made, slug="write")
    rank = make.queue(made, preset="ranking", slug="rank")
    thumbs = make.queue(made, preset="kto", slug="thumbs")
    for n in range(20, 34):
        make.written(write, ann, f"Response {n}.")
    for n in range(20, 30):
        make.ranked(rank, ben, [[f"Answer 1 to {n}"], [f"Answer 0 to {n}"]])
    for n in range(20, 26):
        answered(thumbs, ann, thumbs={f"Answer 0 to {n}": 0, f"Answer 1 to {n}": 1})
    return made


def elsewhere(work: Callable[[], object]) -> threading.Thread:
    """Does something over another connection."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def failed(release: Release, tmp_path: Path) -> str:
    """Why a release failed. Nothing is left of it."""
    release.refresh_from_db()
    assert release.state == "failed"
    assert (left(tmp_path), release.manifest) == ([], None)
    assert not Shard.objects.filter(release=release).exists()
    assert Event.objects.filter(verb="release.failed", target_id=release.pk).count() == 1
    return release.reason
