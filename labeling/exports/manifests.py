"""The manifest of a release: what is in it, where it comes from, and the hash of every file. Pure functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from labeling.errors import Conflict
from labeling.exports import division
from labeling.exports.cards import card
from labeling.exports.choices import Choice
from labeling.exports.croissant import croissant
from labeling.exports.deciding import in_force
from labeling.exports.files import KINDS
from labeling.exports.plans import Plan
from labeling.exports.removed import RULES
from labeling.exports.stream import about_files
from labeling.exports.totals import FormatTotals, Totals

VERSION = 1
PATH = "manifest.json"
_MEDIA_TYPES = {"md": "text/markdown; charset=utf-8", "json": "application/json", "yaml": "application/yaml"}


class EmptyRelease(Conflict):
    """A format or a part of it would have no row. Nothing is released then: readers fail on an empty file."""

    code = "empty_release"


@dataclass(frozen=True)
class Head:
    """What a manifest begins with. `code` says by which code it was made: `{"version", "revision"}`."""

    number: int
    title: str
    created_at: datetime
    cutoff: datetime
    code: Mapping[str, str]


def check_not_empty(plan: Plan, totals: Totals) -> None:
    """Raises EmptyRelease where a format or a part of one has no row: what, why, and what to do."""
    faults = []
    for choice in plan.choices:
        of = totals.of(choice.format.name)
        empty = [part for part in plan.parts if not of.parts.get(part) or not of.parts[part].rows]
        if not of.rows:
            because = "; ".join(f"{number:,} {RULES[rule]}" for rule, number in of.removed.as_dict().items())
            faults.append(f"“{choice.format.name}” has no row." + (f" Left out: {because}." if because else ""))
        elif empty:
            named = " and ".join(f"“{part}”" for part in empty)
            faults.append(f"“{choice.format.name}” has no row in {named}, of {of.rows:,} in all.")
    if faults:
        raise EmptyRelease(
            " ".join(faults) + " A file without rows would break whatever loads it. Ask again without this format, "
            f"with other settings, {_otherwise(plan)}, or when more is answered."
        )


def _otherwise(plan: Plan) -> str:
    """What else helps a part that is empty."""
    if plan.shares == division.BY_TAG:
        return "when prompts that have answers are tagged for each part"
    return "with fewer or larger parts"


def make(plan: Plan, head: Head, totals: Totals, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The manifest. `files` are those of the rows, in any order, as shards keep them."""
    names = [choice.format.name for choice in plan.choices]
    order = {(name, "" if part == division.WHOLE else part): n for n, (name, part) in enumerate(_sheets(plan))}
    kind = KINDS[plan.files]
    listed = [
        {"path": file["path"], "format": file["format"], "split": file["split"], "rows": file["rows"]}
        | {"bytes": file["bytes"], "sha256": file["sha256"], "media_type": kind.media_type}
        for file in sorted(files, key=lambda file: (order[file["format"], file["split"]], file["path"]))
    ]
    return {
        "manifest": VERSION,
        "project": dict(plan.facts["project"]),
        "number": head.number,
        "title": head.title,
        "created_at": _utc(head.created_at),
        "cutoff": _utc(head.cutoff),
        "code": {name: head.code[name] for name in ("version", "revision")},
        "splits": {
            "rule": division.rule(plan.shares),
            "ratios": None if plan.shares == division.BY_TAG else plan.shares,
        },
        "warnings": list(plan.warnings),
        "benchmark": plan.benchmark,
        "sources": _sources(plan, totals),
        "counts": {
            "prompts": totals.prompts,
            "annotations": totals.annotations,
            "annotators": len(totals.people),
        },
        "agreement": {
            name: {"mean": round(of.agreement / of.agreements, 4), "rows": of.agreements}
            for name in names
            if (of := totals.of(name)).agreements
        },
        "formats": [
            _format(choice, totals.of(choice.format.name), listed, benchmark=bool(plan.benchmark))
            for choice in plan.choices
        ],
        "files": listed,
    }


def _sheets(plan: Plan) -> Iterable[tuple[str, str]]:
    return ((choice.format.name, part) for choice in plan.choices for part in plan.parts)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _sources(plan: Plan, totals: Totals) -> dict[str, Any]:
    return {
        "queues": [
            {name: queue[name] for name in ("slug", "name", "overlap")}
            | {"form_versions": sorted(totals.forms[queue["slug"]])}
            for queue in plan.facts["queues"]
            if queue["slug"] in totals.forms
        ],
        "guidelines_versions": sorted(totals.guidelines),
        "languages": dict(sorted(totals.languages.items())),
        "models": dict(sorted(totals.models.items())),
    }


def _format(choice: Choice, of: FormatTotals, files: Sequence[Mapping[str, Any]], *, benchmark: bool) -> dict[str, Any]:
    removed = of.removed.as_dict()
    mine = [file for file in files if file["format"] == choice.format.name]
    sizes = [(file["split"], file["rows"], file["bytes"]) for file in mine]
    return {
        "format": choice.format.name,
        "title": choice.format.title,
        "schema": of.schema.schema,
        "choice": choice.as_dict,
        "policies": in_force(choice),
        "rows": of.rows,
        "prompts": of.prompts,
        "labels": of.labels,
        "removed": [{"rule": rule, "count": number, "meaning": RULES[rule]} for rule, number in removed.items()],
        "warnings": of.warnings + about_files(choice, sizes, benchmark=benchmark),
        "files": [file["path"] for file in mine],
    }


def encode(manifest: Mapping[str, Any]) -> str:
    """The bytes of the file, as text: the same manifest gives the same."""
    return json.dumps(manifest, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def companions(plan: Plan, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The texts that go beside the rows, by their paths: what loaders of a format need, and what describes the dataset.

    The manifest knows the files of the rows. The last two are made of one that knows the others, too: each can tell
    the hashes of those before it.
    """
    texts: dict[str, str] = {}
    for choice in plan.choices:
        name = choice.format.name
        files: dict[str, list[str]] = {}
        for file in manifest["files"]:
            if file["format"] == name:
                files.setdefault(file["split"], []).append(file["path"].removeprefix(f"{name}/"))
        columns = next(format["schema"] for format in manifest["formats"] if format["format"] == name)
        texts |= {f"{name}/{path}": text for path, text in choice.format.beside(files, columns).items()}
    texts["croissant.json"] = croissant(with_texts(manifest, texts))
    texts["README.md"] = card(with_texts(manifest, texts))
    return texts


def with_texts(manifest: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """The manifest with these files in it, behind those of the rows."""
    return {**manifest, "files": [*manifest["files"], *(_text_file(path, text) for path, text in texts.items())]}


def _text_file(path: str, text: str) -> dict[str, Any]:

    data = text.encode()
    kind = _MEDIA_TYPES.get(path.rpartition(".")[2], "text/plain; charset=utf-8")
    return {"path": path, "format": "", "split": "", "rows": 0} | {
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "media_type": kind,
    }
