"""What a release holds and what was asked for, as a page tells it: from its manifest and its choice alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labeling.exports import division, wording
from labeling.exports.cards import escaped
from labeling.exports.files import KINDS
from labeling.exports.formats import FORMATS
from labeling.exports.settings import BY_NAME
from labeling.exports.wording import Manifest

# Files that a page lists; the manifest lists them all.
MOST_FILES = 300


@dataclass(frozen=True)
class FormatSummary:
    """One format of a release. `parts` has the rows of each part that there is, in the order of the release's."""

    name: str
    title: str
    rows: int
    prompts: int
    parts: tuple[int, ...]
    labels: Mapping[str, int]
    agreement: str
    removed: tuple[tuple[str, int], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """What is in a release that is done. `story` is how it came about, in sentences of Markdown."""

    counts: Mapping[str, int]
    size: int
    parts: tuple[str, ...]
    formats: tuple[FormatSummary, ...]
    story: tuple[str, ...]
    languages: str
    license: Mapping[str, str] | None
    files: tuple[Mapping[str, Any], ...]
    files_more: int
    code: str

    @property
    def rows(self) -> int:
        """The rows of all formats."""
        return sum(kind.rows for kind in self.formats)

    @property
    def has_removed(self) -> bool:
        """Whether any rule left anything out."""
        return any(kind.removed for kind in self.formats)

    @property
    def has_agreement(self) -> bool:
        """Whether any format tells how far people agree."""
        return any(kind.agreement for kind in self.formats)


def summary_of(manifest: Manifest) -> Summary:
    """What the manifest says, shaped for a page."""
    divided = wording.divided(manifest)
    parts = tuple(dict.fromkeys(part for kind in manifest["formats"] for part in wording.parts(manifest, kind)))
    files = [*manifest["files"]]
    return Summary(
        counts=manifest["counts"],
        size=sum(file["bytes"] for file in files),
        parts=parts if parts != (wording.UNDIVIDED,) else (),
        formats=tuple(_format(manifest, kind, parts) for kind in manifest["formats"]),
        story=(*wording.collected(manifest, escaped), *wording.annotated(manifest, escaped), *divided),
        license=manifest["project"].get("license"),
        languages=", ".join(
            f"{name or 'not named'} ({number:,})" for name, number in manifest["sources"]["languages"].items()
        ),
        files=tuple(files[:MOST_FILES]),
        files_more=max(0, len(files) - MOST_FILES),
        code=" · ".join(filter(None, (manifest["code"]["version"], manifest["code"]["revision"]))),
    )


def _format(manifest: Manifest, kind: Mapping[str, Any], parts: tuple[str, ...]) -> FormatSummary:
    rows = wording.parts(manifest, kind)
    return FormatSummary(
        name=kind["format"],
        title=kind["title"],
        rows=kind["rows"],
        prompts=kind["prompts"],
        parts=tuple(rows.get(part, 0) for part in parts),
        labels=kind["labels"],
        agreement=_agreement(manifest["agreement"].get(kind["format"])),
        removed=tuple((rule["meaning"], rule["count"]) for rule in kind["removed"]),
        warnings=tuple(kind["warnings"]),
    )


def _agreement(found: float | Mapping[str, Any] | None) -> str:
    """The share in percent, with the rows that it is of; releases of earlier versions do not tell these."""
    if found is None:
        return ""
    if isinstance(found, Mapping):
        return f"{100 * found['mean']:.1f} % of {wording.counted(found['rows'], 'row')}"
    return f"{100 * found:.1f} %"


def asked_in_words(asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was asked for, as names and values: formats, division, kind of files, and every setting that was chosen."""
    formats = [f"{name}: {FORMATS[name].title}" if name in FORMATS else name for name in asked["formats"]]
    kind = KINDS[asked["files"]].title if asked["files"] in KINDS else asked["files"]
    found = [("Formats", "\n".join(formats)), ("Splits", _divided(division.ordered(asked["splits"]))), ("Files", kind)]
    for name, value in filters_of(asked).items():
        setting = BY_NAME.get(name)
        title = "Queue" if name == "queue" else setting.title if setting else name
        titles = {str(known): said for known, said in setting.titles.items()} if setting else {}
        found.append((title, titles.get(value, value)))
    if asked.get("benchmark"):
        words = f"Rows that share words with it are left out. SHA-256 of what is kept of it: {asked['benchmark']}"
        found.append(("Benchmark", words))
    return found


def filters_of(asked: Mapping[str, Any]) -> dict[str, str]:
    """The settings that were chosen for a release. They hold for all its formats; each keeps those that it uses."""
    return {name: value for choice in asked["choices"] for name, value in choice.items() if name != "format"}


def _divided(shares: division.Ratios | division.Tags | None) -> str:
    if shares is None:
        return "Not divided"
    if shares == division.BY_TAG:
        return "By the tags of prompts"
    return ", ".join(f"{name} {percent} %" for name, percent in shares.items())
