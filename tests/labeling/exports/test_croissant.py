"""The Croissant description: what it must hold, and that everything it refers to is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from labeling.exports.croissant import croissant
from labeling.licenses import told
from tests.labeling.exports.released import PARTS, release, rows_in

FORMATS = ("sft", "preference", "reward", "kto", "prompts", "raw")


def described(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(croissant(manifest))
    return found


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of the description, but for the context and data, which are JSON of their own."""
    if isinstance(value, dict):
        yield value
        for name, inner in value.items():
            if name not in ("@context", "data"):
                yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


@pytest.fixture
def manifest(tmp_path: Path) -> dict[str, Any]:
    return release(tmp_path, FORMATS, shards=2)


def test_it_holds_what_the_specification_asks_for(manifest: dict[str, Any]) -> None:
    found = described(manifest)
    assert found["@type"] == "sc:Dataset"
    assert found["conformsTo"] == ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
    assert found["@context"]["conformsTo"] == "dct:conformsTo"
    assert found["name"] == "Haiku, release 3"
    assert found["description"].endswith("\n\nShort poems.")
    assert "license" not in found  # this project names none
    assert found["url"] == "urn:dataset:haiku:3"
    assert found["creator"]["name"] == "Haiku"
    assert found["datePublished"] == "2026-06-30T12:00:05Z"
    assert found["version"] == "3.0.0"
    assert found["inLanguage"] == ["en", "pt-BR", "no"]


def test_every_name_is_unique_and_every_reference_finds_its_own(manifest: dict[str, Any]) -> None:
    found = list(nodes(described(manifest)))
    defined = [node["@id"] for node in found if "@id" in node and "@type" in node]
    assert len(defined) == len(set(defined))
    references = [node["@id"] for node in found if "@id" in node and "@type" not in node]
    assert len(references) > 50
    assert set(references) <= set(defined)


def test_every_name_that_is_used_is_in_the_context(manifest: dict[str, Any]) -> None:
    """Names that the context does not turn into Croissant's are schema.org's."""
    found = described(manifest)
    of_schema_org = {
        *("name", "description", "alternateName", "url", "creator", "dateCreated", "datePublished"),
        *("version", "keywords", "inLanguage", "distribution", "contentUrl", "contentSize", "encodingFormat", "sha256"),
    }
    for node in nodes(found):
        for name in node:
            prefix = name.partition(":")[0] if ":" in name else ""
            assert name.startswith("@") or name in found["@context"] or name in of_schema_org or prefix == "rai", name


def test_every_file_is_described_by_its_hash(manifest: dict[str, Any]) -> None:
    manifest["files"].append(
        {
            "path": "README.md",
            "format": "",
            "split": "",
            "rows": 0,
            "bytes": 5,
            "sha256": "f" * 64,
            "media_type": "text/markdown",
        }
    )
    manifest["files"].append(manifest["files"][-1] | {"path": "croissant.json"})
    found = [node for node in described(manifest)["distribution"] if node["@type"] == "cr:FileObject"]
    assert [(node["contentUrl"], node["sha256"]) for node in found] == [
        (file["path"], file["sha256"]) for file in manifest["files"][:-1]
    ]
    assert found[0]["encodingFormat"] == "application/jsonlines"
    assert found[-1]["encodingFormat"] == "text/markdown"


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_every_source_finds_the_files_of_its_format(ending: str, tmp_path: Path) -> None:
    manifest = release(tmp_path, FORMATS, shards=2, ending=ending)
    found = described(manifest)
    sets = {node["@id"]: node for node in found["distribution"] if node["@type"] == "cr:FileSet"}
    for record_set in found["recordSet"]:
        sources = {node["fileSet"]["@id"] for node in nodes(record_set) if "fileSet" in node}
        if record_set["@id"] == "splits":
            assert not sources
            continue
        assert sources == {f"{record_set['@id']}-files"}
        (pattern,) = sets[f"{record_set['@id']}-files"]["includes"]
        mine = [file["path"] for file in manifest["files"] if file["format"] == record_set["@id"]]
        assert [file["path"] for file in manifest["files"] if fnmatch(file["path"], pattern)] == mine


def value_at(row: Any, source: dict[str, Any]) -> Any:
    """What a field's source takes from a row; of a list, from each of its items."""
    found = row[source["extract"]["column"]]
    steps = source.get("transform", [])
    for step in [steps] if isinstance(steps, dict) else steps:
        name = step["jsonPath"]
        found = [item[name] for item in found] if isinstance(found, list) else found[name]
    return found


TYPES = {"sc:Text": str, "sc:Boolean": bool, "sc:Integer": int, "sc:Float": float}


def leaves(field: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for inner in field.get("subField", ()):
        yield from leaves(inner)
    if "subField" not in field:
        yield field


def test_every_field_finds_values_of_its_type(tmp_path: Path) -> None:
    manifest = release(tmp_path, FORMATS, divided=False)
    for record_set in described(manifest)["recordSet"]:
        rows = rows_in(tmp_path, manifest, record_set["@id"], "")
        assert [field["name"] for field in record_set["field"]] == list(rows[0])
        for field in record_set["field"]:
            for leaf in leaves(field):
                assert leaf["source"]["fileObject"]["@id"] == f"{record_set['@id']}/all-00000.jsonl"
                (kind,) = {leaf["dataType"]} if isinstance(leaf["dataType"], str) else {leaf["dataType"][0]}
                for row in rows:
                    value = value_at(row, leaf["source"])
                    for item in value if isinstance(value, list) else [value]:
                        assert type(item) is TYPES[kind], (leaf["@id"], item)
    (label,) = [
        field for kind in described(manifest)["recordSet"] for field in kind["field"] if field["@id"] == "kto/label"
    ]
    assert label["dataType"] == ["sc:Boolean", "cr:Label"]


def test_lists_are_arrays(manifest: dict[str, Any]) -> None:
    fields = {node["@id"]: node for node in nodes(described(manifest)) if node.get("@type") == "cr:Field"}
    assert (fields["sft/messages"]["isArray"], fields["sft/messages"]["arrayShape"]) == (True, "-1")
    assert [inner["@id"] for inner in fields["sft/messages"]["subField"]] == [
        "sft/messages/role",
        "sft/messages/content",
    ]
    assert "isArray" not in fields["sft/metadata"]


def test_parts_are_told_by_the_names_of_files(manifest: dict[str, Any]) -> None:
    found = described(manifest)
    assert found["recordSet"][0]["data"] == [
        {"splits/name": "train", "splits/url": "cr:TrainingSplit"},
        {"splits/name": "validation", "splits/url": "cr:ValidationSplit"},
        {"splits/name": "test", "splits/url": "cr:TestSplit"},
    ]
    for record_set in found["recordSet"][1:]:
        split = record_set["field"][0]
        assert split["references"] == {"@id": "splits/name"}
        for file in manifest["files"]:
            if file["format"] == record_set["@id"]:
                said = re.search(split["source"]["transform"]["regex"], Path(file["path"]).name)
                assert said
                assert said[1] == file["split"] in PARTS


def test_parts_of_the_project_s_own_have_no_meaning_to_others(manifest: dict[str, Any]) -> None:
    for file in manifest["files"]:
        file["split"] = file["split"].replace("validation", "dev")
    (splits,) = [kind for kind in described(manifest)["recordSet"] if kind["@id"] == "splits"]
    assert splits["data"] == [{"splits/name": "train"}, {"splits/name": "dev"}, {"splits/name": "test"}]
    assert [field["@id"] for field in splits["field"]] == ["splits/name"]


def test_rows_without_a_schema_are_lines(manifest: dict[str, Any]) -> None:
    for kind in manifest["formats"]:
        del kind["schema"]
    sft = described(manifest)["recordSet"][1]
    assert [field["name"] for field in sft["field"]] == ["split", "row"]


def test_it_says_how_annotations_were_made(manifest: dict[str, Any]) -> None:
    manifest["formats"][0]["warnings"] = ["Look at them."]
    found = described(manifest)
    assert "In the queue Rank, 2 people answer each prompt" in found["rai:dataAnnotationProtocol"]
    assert found["rai:annotationsPerItem"] == "Rank: 2 per prompt"
    assert (
        found["rai:dataAnnotationAnalysis"][0] == "Agreement, preference: 0.875 over 1,624 rows of two raters or more"
    )
    assert "smollm2-135m-instruct" in found["rai:dataCollection"]
    assert any("same once trimmed" in said for said in found["rai:dataPreprocessingProtocol"])
    assert found["rai:dataLimitations"] == ["sft: Look at them."]
    assert "pseudonyms" in found["rai:personalSensitiveInformation"]


def test_what_the_manifest_does_not_know_is_left_out() -> None:
    found = described(
        {
            "project": {"slug": "haiku"},
            "number": 1,
            "cutoff": "2026-06-30T12:00:00.000000Z",
            "created_at": "2026-06-30T12:00:00Z",
            "formats": [],
            "files": [],
        }
    )
    for absent in ("license", "inLanguage", "alternateName", "rai:annotationsPerItem", "rai:dataAnnotationAnalysis"):
        assert absent not in found
    assert (found["distribution"], found["recordSet"]) == ([], [])


@pytest.mark.parametrize(
    ("named", "url"),
    [("odc-by", "https://opendatacommons.org/licenses/by/1-0/"), ("https://e.org/terms", "https://e.org/terms")],
)
def test_it_says_where_the_licence_is(tmp_path: Path, named: str, url: str) -> None:
    assert described(release(tmp_path, FORMATS, license=told(named)))["license"] == url


def test_the_json_is_canonical(manifest: dict[str, Any]) -> None:
    text = croissant(manifest)
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert text == croissant(json.loads(json.dumps(manifest)))


def test_croissant_s_own_reader_takes_it(manifest: dict[str, Any], tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="opt-in: pip install mlcroissant")
    (tmp_path / "croissant.json").write_text(croissant(manifest), "utf-8")
    read = mlcroissant.Dataset(jsonld=tmp_path / "croissant.json")
    assert {kind.id for kind in read.metadata.record_sets} >= set(FORMATS)
