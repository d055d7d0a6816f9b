"""A release as files in a folder, with the manifest that tells of it: made by hand, for what needs no database."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labeling.exports import division
from labeling.exports.formats import FORMATS
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import RULES, Removed
from labeling.exports.schemas import schema_of
from labeling.exports.stream import encode
from tests.labeling.exports.pure import compared, edited, example, ranked, rated, written

PARTS = ("train", "validation", "test")


def examples(number: int = 12) -> list[Example]:
    """Prompts with answers of every kind, and some that rules leave out."""
    return [
        example(
            *(ranked("a b c") for _ in range(2)),
            compared("b", 1 + place % 4),
            rated(a=1, b=0),
            written(f"Answer {place} by hand."),
            edited("Answer 1" if place % 3 == 0 else f"Edited {place}."),
            id=place,
            external_id=f"p{place}",
            language="en",
            messages=[{"role": "user", "content": f"Question {place}?"}],
        )
        for place in range(1, number + 1)
    ]


def rows_of(name: str, found: Sequence[Example], removed: Removed | None = None) -> list[Row]:
    """The rows of some prompts in one format."""
    counts = removed or Removed()
    return [row for made in found for row in FORMATS[name].rows(made, Policies(), counts)]


def release(
    folder: Path,
    formats: Sequence[str] = ("sft", "preference", "kto"),
    *,
    divided: bool = True,
    shards: int = 1,
    ending: str = "jsonl",
    given: Mapping[str, Sequence[Example]] | None = None,
    **project: Any,
) -> dict[str, Any]:
    """Writes the files of a release into a folder and gives the manifest. `ending`: `jsonl` or `jsonl.gz`.

    `given` says which prompts are in which part, and which parts there are; without it there are three.
    """
    found = examples() if given is None else [made for part in given.values() for made in part]
    if given is None:
        given = {split: [made for made in found if PARTS[made.prompt.id % 3] == split] for split in PARTS}
    files: list[dict[str, Any]] = []
    kinds = []
    for name in formats:
        removed = Removed()
        rows = rows_of(name, found, removed)
        kinds.append(
            {
                "format": name,
                "title": FORMATS[name].title,
                "choice": {"format": name, "pairs": "best_vs_worst"},
                "schema": schema_of(rows),
                "rows": len(rows),
                "prompts": len(found),
                "labels": {"true": 12, "false": 12} if name == "kto" else {},
                "removed": [
                    {"rule": rule, "count": number, "meaning": RULES[rule]}
                    for rule, number in removed.as_dict().items()
                ],
                "warnings": [],
            }
        )
        for split, mine in given.items() if divided else [("", found)]:
            for shard in range(shards):
                path = f"{name}/{split or 'all'}-{shard:05d}.{ending}"
                files.append(_file(folder, path, name, split, rows_of(name, mine[shard::shards])))
        kinds[-1]["files"] = [file["path"] for file in files if file["format"] == name]
    ratios = division.parse(True, []) if divided else None
    return {
        "manifest": 1,
        "project": {"slug": "haiku", "name": "Haiku", "description": "Short poems.", **project},
        "number": 3,
        "title": "Before the summer",
        "created_at": "2026-06-30T12:00:05Z",
        "cutoff": "2026-06-30T12:00:00.000000Z",
        "code": {"version": "0.1.0", "revision": ""},
        "splits": {
            "rule": division.rule(ratios),
            "ratios": ratios,
        },
        "sources": {
            "queues": [{"slug": "rank", "name": "Rank", "overlap": 2, "form_versions": [1, 2]}],
            "guidelines_versions": [1],
            "languages": {"en": 10, "pt-BR": 1, "no": 1},
            "models": {"smollm2-135m-instruct": 24},
        },
        "counts": {"prompts": 12, "annotations": 72, "annotators": 2},
        "agreement": {"preference": {"mean": 0.875, "rows": 1624}, "kto": {"mean": 1.0, "rows": 1}},
        "formats": kinds,
        "files": files,
    }


def _file(folder: Path, path: str, name: str, split: str, rows: Sequence[Row]) -> dict[str, Any]:
    data = b"".join(map(encode, rows))
    if path.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return {
        "path": path,
        "format": name,
        "split": split,
        "rows": len(rows),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "media_type": "application/gzip" if path.endswith(".gz") else "application/x-ndjson",
    }


def rows_in(folder: Path, manifest: dict[str, Any], name: str, split: str) -> list[Row]:
    """The rows of a part as they stand in its files."""
    rows: list[Row] = []
    for file in manifest["files"]:
        if (file["format"], file["split"]) == (name, split):
            data = (folder / file["path"]).read_bytes()
            text = gzip.decompress(data) if file["path"].endswith(".gz") else data
            rows += [json.loads(line) for line in text.splitlines()]
    return rows
