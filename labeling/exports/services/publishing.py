"""Publishing a release where others find it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from labeling.errors import Conflict
from labeling.exports import hub, manifests, stored
from labeling.exports.models import Release
from labeling.models import User, WorkState
from labeling.services import events


def push(
    release: Release,
    repo: str,
    token: str,
    *,
    private: bool = True,
    revision: str = "",
    by: User,
    progress: hub.Progress | None = None,
) -> str:
    """Puts the files of a release on the Hugging Face Hub, in one commit with the tag `release-NUMBER`.

    Gives the address of the commit. `revision` is a branch, "" for the main one. Raises Conflict for a release that is
    not built, PushFailed, and OSError where a file cannot be read.
    """
    if release.state != WorkState.DONE or release.manifest is None:
        raise Conflict(f"Release {release.number} is {release.state}: only one that is done can be published.")
    paths = [*(file["path"] for file in release.manifest["files"]), manifests.PATH]
    with tempfile.TemporaryDirectory(prefix="annotate-push-") as folder:
        address = hub.push(
            {path: stored.local(release, path, Path(folder) / path) for path in paths},
            repo,
            token,
            private=private,
            revision=revision or None,
            message=f"Release {release.number}" + (f": {release.title}" if release.title else ""),
            tag=f"release-{release.number}",
            progress=progress,
        )
    told = {"number": release.number, "repo": repo, "private": private, "address": address}
    events.record("release.pushed", release, by=by, project=release.project, **told)
    return address
