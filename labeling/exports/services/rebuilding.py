"""Building a release again, to prove that it can be made from what is in the database."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeling.errors import Conflict
from labeling.exports import examples, manifests, plans, shards, stored, totals
from labeling.exports.models import Release
from labeling.exports.services import building
from labeling.models import WorkState


@dataclass(frozen=True)
class Compared:
    """What became of one file: `differs` says how, "" for one that is the same."""

    path: str
    differs: str = ""


def rebuild(release: Release) -> Iterator[Compared]:
    """Makes every file of a release anew, in a temporary place, and compares it. The release is not touched.

    Files that are made alike are also compared with what is stored. Raises Conflict for a release that is not built,
    and Invalid where this code does not know any more what was asked for.
    """
    if release.state != WorkState.DONE or release.manifest is None:
        raise Conflict(f"Release {release.number} is {release.state}: only one that is done can be compared.")
    plan = plans.of(release)
    listed = {file["path"]: file for file in release.manifest["files"]}
    seen: set[str] = set()
    files: list[dict[str, Any]] = []
    counted = totals.Totals()
    with tempfile.TemporaryDirectory(prefix="annotate-rebuild-") as folder, examples.snapshot() as own:
        making = building.making_of(own, plan, release, Path(folder))
        plan = making.plan
        with closing(shards.made(making, standing=None, tick=lambda done: None)) as found:
            for made in found:
                counted = made.totals
                for file in made.files:
                    files.append(file.as_dict)
                    seen.add(file.path)
                    yield _compared(release, listed.get(file.path), file.as_dict)
    # By the code of then: a newer version is no difference in the data.
    head = building.head_of(release, release.manifest["code"])
    manifest = manifests.make(plan, head, counted, files)
    texts = manifests.companions(plan, manifest)
    for file in manifests.with_texts({"files": []}, texts)["files"]:
        seen.add(file["path"])
        yield _compared(release, listed.get(file["path"]), file)
    for path in listed.keys() - seen:
        yield Compared(path, "is in the release, and is not made any more")
    whole = manifests.encode(manifests.with_texts(manifest, texts))
    yield Compared(manifests.PATH, "" if whole.encode() == _stored(release, manifests.PATH) else "is another one")


def _compared(release: Release, was: Mapping[str, Any] | None, now: Mapping[str, Any]) -> Compared:
    path = str(now["path"])
    if was is None:
        return Compared(path, "is made now, and is not in the release")
    if was["sha256"] != now["sha256"]:
        return Compared(path, f"had {_size(was)} and is made with {_size(now)}")
    try:
        found = stored.digest(release, path)
    except FileNotFoundError:
        return Compared(path, "is gone from the storage; it is made as it was")
    return Compared(path, "" if found == now["sha256"] else "was changed in the storage; it is made as it was")


def _size(file: Mapping[str, Any]) -> str:
    return f"{file['rows']:,} rows, {file['bytes']:,} bytes, SHA-256 {file['sha256'][:12]}…"


def _stored(release: Release, path: str) -> bytes:
    try:
        with stored.opened(release, path) as file:
            return file.read()
    except FileNotFoundError:
        return b""
