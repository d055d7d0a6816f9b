"""The Croissant description of a release (`croissant.json`): metadata of a dataset for search engines and loaders.

Follows Croissant 1.1 (http://mlcommons.org/croissant/1.1) and its vocabulary for responsible AI, RAI 1.0. It is written
from the manifest alone, so the same manifest gives the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from labeling.exports import hubwords, wording
from labeling.exports.schemas import Schema
from labeling.exports.wording import Manifest

CROISSANT, RAI = "http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"

# The names that Croissant adds to schema.org's, as in appendix 1 of the specification.
_NAMES = (
    "annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field fileProperty fileObject "
    "fileSet format includes isArray isLiveDataset jsonPath key md5 parentField recordSet references regex readLines "
    "sdVersion separator source subField transform unArchive value"
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "http://schema.org/",
    "sc": "http://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{name: f"cr:{name}" for name in _NAMES.split()},
}
# How Croissant's own reader wants these called; it unpacks .gz by the name of the file.
_ENCODINGS = {".parquet": "application/x-parquet", ".jsonl": "application/jsonlines"}
# Whatever else there is (texts that are all dates, rows of many shapes) is text to whoever reads a line.
_TYPES = {"bool": "sc:Boolean", "int64": "sc:Integer", "float64": "sc:Float"}
_SPLITS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}


def croissant(manifest: Manifest) -> str:
    """The description as canonical JSON: sorted names, two spaces, a line feed at the end.

    Reads of the manifest what is there. Two things that Croissant asks for a release does not know: the address is a
    URN, and the creator the project itself. The licence is left out where the project names none.
    """
    return json.dumps(_dataset(manifest), ensure_ascii=False, allow_nan=False, indent=2, sort_keys=True) + "\n"


def _dataset(manifest: Manifest) -> dict[str, Any]:
    project, number = manifest["project"], manifest["number"]
    name = wording.name_of(manifest)
    formats = [kind["format"] for kind in manifest["formats"]]
    people = manifest.get("counts", {}).get("annotators", 0) > 0
    license = project.get("license")
    languages = [tag for tag in manifest.get("sources", {}).get("languages", {}) if tag]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [CROISSANT, RAI],
        "name": name,
        "description": "\n\n".join(filter(None, (wording.about(manifest), project.get("description", "")))),
        **({"alternateName": manifest["title"]} if manifest.get("title") else {}),
        **({"license": license["url"]} if license else {}),
        "url": f"urn:dataset:{project['slug']}:{number}",
        "creator": {"@type": "sc:Organization", "name": project.get("name") or project["slug"]},
        "dateCreated": manifest["created_at"],
        "datePublished": manifest["created_at"],
        # Releases may change any row, so each is a major version (semver.org, as Croissant asks).
        "version": f"{number}.0.0",
        "isLiveDataset": False,
        "keywords": hubwords.tags(formats, by_people=people),
        **({"inLanguage": languages} if languages else {}),
        "distribution": list(_distribution(manifest)),
        "recordSet": list(_record_sets(manifest)),
        **_responsible(manifest),
    }


# --- Files ----------------------------------------------------------------------------------------------------------


def _ending(path: str) -> str:
    """What a file is, whether it is packed or not."""
    found = re.search(r"\.(jsonl|parquet)(\.gz|\.zst)?$", path)
    return f".{found[1]}" if found else ""


def _distribution(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for file in manifest.get("files", ()):
        # This description cannot hold its own hash.
        if file["path"] != "croissant.json":
            yield {
                "@type": "cr:FileObject",
                "@id": file["path"],
                "name": file["path"],
                "contentUrl": file["path"],
                "contentSize": f"{file['bytes']} B",
                "encodingFormat": _ENCODINGS.get(_ending(file["path"])) or file["media_type"],
                "sha256": file["sha256"],
            }
    for kind in manifest["formats"]:
        files = wording.files_of(manifest, kind)
        if len(files) > 1:
            yield {
                "@type": "cr:FileSet",
                "@id": f"{kind['format']}-files",
                "name": f"{kind['format']}-files",
                "description": f"The files of {kind['format']}.",
                "encodingFormat": _ENCODINGS[_ending(files[0]["path"])],
                "includes": sorted({re.sub(r"[^/]*?(\.[a-z.]+)$", r"*\1", file["path"]) for file in files}),
            }


# --- Rows -----------------------------------------------------------------------------------------------------------


def _record_sets(manifest: Manifest) -> Iterator[dict[str, Any]]:
    parts = list(dict.fromkeys(file["split"] for file in manifest.get("files", ()) if file.get("split")))
    if parts:
        yield _parts(parts)
    for kind in manifest["formats"]:
        files = wording.files_of(manifest, kind)
        if not files:
            continue
        name = kind["format"]
        source = {"fileObject": {"@id": files[0]["path"]}} if len(files) == 1 else {"fileSet": {"@id": f"{name}-files"}}
        mine = [part for part in parts if any(file["split"] == part for file in files)]
        columns = [
            _field(name, column, schema, source, column) for column, schema in (kind.get("schema") or {}).items()
        ]
        yield {
            "@type": "cr:RecordSet",
            "@id": name,
            "name": name,
            "description": f"{kind.get('title') or name}. {wording.counted(kind['rows'], 'row')}.",
            "field": [*([_split_field(name, mine, source)] if mine else []), *(columns or [_lines(name, source)])],
        }


def _parts(names: list[str]) -> dict[str, Any]:
    """The parts of the dataset, with what they are for where Croissant has a word for it."""
    known = [name for name in names if name in _SPLITS]
    fields = [
        {"@type": "cr:Field", "@id": "splits/name", "dataType": "sc:Text", "description": "The name of the part."}
    ]
    if known == names:
        fields.append(
            {"@type": "cr:Field", "@id": "splits/url", "dataType": "cr:Split", "description": "What the part is for."}
        )
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "The parts of the dataset.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": fields,
        "data": [{"splits/name": name} | ({"splits/url": _SPLITS[name]} if known == names else {}) for name in names],
    }


def _split_field(record_set: str, parts: list[str], source: Mapping[str, Any]) -> dict[str, Any]:
    """Which part a row is in, which the name of its file says."""
    either = "|".join(re.escape(part) for part in parts)
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/split",
        "name": "split",
        "description": "The part that the row is in.",
        "dataType": "sc:Text",
        "references": {"@id": "splits/name"},
        "source": {
            **source,
            "extract": {"fileProperty": "filename"},
            "transform": {"regex": rf"^({either})-\d{{5}}\."},
        },
    }


def _field(
    above: str, name: str, schema: Schema, source: Mapping[str, Any], column: str, inside: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A column, or a part of one: `inside` is the way to it from the column."""
    own = f"{above}/{name}"
    field: dict[str, Any] = {"@type": "cr:Field", "@id": own, "name": name}
    depth = 0
    while isinstance(schema, list):
        schema, depth = schema[0], depth + 1
    if depth:
        field |= {"isArray": True, "arrayShape": ",".join(["-1"] * depth)}
    if isinstance(schema, Mapping):
        return field | {
            "subField": [_field(own, inner, item, source, column, (*inside, inner)) for inner, item in schema.items()]
        }
    kind = _TYPES.get(schema, "sc:Text")
    field["dataType"] = [kind, "cr:Label"] if own.count("/") == 1 and name == "label" else kind
    field["source"] = {**source, "extract": {"column": column}}
    if inside:
        steps = [{"jsonPath": step} for step in inside]
        field["source"]["transform"] = steps[0] if len(steps) == 1 else steps
    return field


def _lines(record_set: str, source: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of rows whose columns are not: each is a line of JSON."""
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/row",
        "name": "row",
        "description": "One row as a line of JSON.",
        "dataType": "sc:Text",
        "source": {**source, "extract": {"fileProperty": "lines"}},
    }


# --- How it was made (RAI) ------------------------------------------------------------------------------------------


def _responsible(manifest: Manifest) -> dict[str, Any]:
    """The facts about collection and annotation that the manifest has, under the names of RAI 1.0."""
    queues = manifest.get("sources", {}).get("queues", ())
    overlaps = [
        f"{queue.get('name') or queue['slug']}: {queue['overlap']} per prompt" for queue in queues if "overlap" in queue
    ]
    left_out = [f"{name}: {number:,} {meaning}" for name, meaning, number in wording.removed(manifest)]
    agreement = [f"{name}: {number}" for name, number in wording.agreed(manifest)]
    found = {
        "dataCollection": " ".join(wording.collected(manifest)),
        "dataCollectionType": "Manual Human Curator" if queues else "",
        "dataAnnotationProtocol": " ".join(wording.annotated(manifest)),
        "dataAnnotationPlatform": " ".join(filter(None, ("Annotate", manifest.get("code", {}).get("version", "")))),
        "annotationsPerItem": "; ".join(overlaps),
        "dataAnnotationAnalysis": [f"Agreement, {said}" for said in agreement],
        "dataPreprocessingProtocol": [
            *wording.divided(manifest),
            "White space around responses is trimmed.",
            *(f"Left out of {said}." for said in left_out),
        ],
        "dataLimitations": [f"{name}: {said}" for name, said in wording.warned(manifest)],
        "dataReleaseMaintenancePlan": "A release never changes. A later one has another number and stands beside it.",
        "dataUseCases": "Fine Tuning",
        "personalSensitiveInformation": wording.PSEUDONYMS,
    }
    return {f"rai:{name}": value for name, value in found.items() if value}
