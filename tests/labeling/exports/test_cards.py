"""The dataset card: what the Hub and `datasets` read of it, what people read, and that nobody can break out of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from labeling import licenses
from labeling.exports import hubwords
from labeling.exports.cards import card, escaped, split_name
from tests.labeling.exports.released import PARTS, release, rows_in

HOSTILE = [
    "</h1><script>alert(1)</script>", "[link](https://evil.example)", "![x](https://evil.example/x.png)", "# heading",
    "*bold* _it_ `code` ~~gone~~", "| a | b |", "https://evil.example www.evil.example", "&lt;b&gt; &amp;",
    "---\nlicense: mit\n---", "a\n\n# b", "- item", "1. item", "+ item", "1) item", "=====", "<!-- x", "${x} $$y$$",
    "\u202eoverride", "\\", "a\\", "```\nfence", "<https://evil.example>", "[x]: https://evil.example",
    "  four\tspaces",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet() -> None:
    datasets.disable_progress_bars()


def front(text: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n\n", text, re.DOTALL)
    assert found
    loaded: dict[str, Any] = yaml.safe_load(found[1])
    return loaded


class _Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(markdown: str) -> _Page:
    """As a page that trusts its author: with HTML, tables and struck text, which is more than the Hub allows."""
    page = _Page()
    page.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))
    return page


def body(text: str) -> str:
    return text.split("\n---\n\n", 1)[1]


# --- Programs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("divided", "shards", "ending"),
    [(True, 1, "jsonl"), (True, 2, "jsonl.gz"), (False, 1, "jsonl"), (False, 3, "jsonl")],
)
def test_datasets_finds_every_configuration_and_part(divided: bool, shards: int, ending: str, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    manifest = release(folder, ("sft", "reward", "kto", "raw"), divided=divided, shards=shards, ending=ending)
    (folder / "README.md").write_text(card(manifest), "utf-8")
    for name in ("sft", "reward", "kto", "raw"):
        found = datasets.load_dataset(str(folder), name, cache_dir=str(tmp_path / "cache"))
        assert list(found) == list(PARTS if divided else ("train",))
        for split, rows in found.items():
            assert [dict(row) for row in rows] == rows_in(folder, manifest, name, split if divided else "")
    # Without a name it is the first.
    first = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert list(first[0]) == ["messages", "metadata"]


def test_the_hub_s_own_reader_takes_it(tmp_path: Path) -> None:
    text = card(release(tmp_path))
    data: dict[str, Any] = dict(huggingface_hub.DatasetCard(text).data.__dict__)
    data = {name: value for name, value in data.items() if value is not None}
    assert data == front(text)
    assert data["pretty_name"] == "Haiku, release 3"
    assert data["language"] == ["en", "no", "pt"]
    assert data["language_bcp47"] == ["pt-BR"]
    assert data["size_categories"] == ["n<1K"]
    assert data["tags"] == ["human-feedback", "sft", "preference", "dpo", "kto"]
    assert [config["config_name"] for config in data["configs"]] == ["sft", "preference", "kto"]
    assert [config.get("default", False) for config in data["configs"]] == [True, False, False]
    assert data["configs"][0]["data_files"][0] == {"split": "train", "path": "sft/train-00000.jsonl"}


def test_many_shards_are_a_pattern_and_odd_names_a_list(tmp_path: Path) -> None:
    manifest = release(tmp_path, ("sft",), shards=2)
    found = front(card(manifest))["configs"][0]["data_files"]
    assert found[0] == {"split": "train", "path": "sft/train-*.jsonl"}
    manifest["files"][0]["path"] = "sft/extra.jsonl"
    found = front(card(manifest))["configs"][0]["data_files"]
    assert found[0] == {"split": "train", "path": ["sft/extra.jsonl", "sft/train-00001.jsonl"]}


def test_a_format_with_no_file_to_load_is_no_configuration(tmp_path: Path) -> None:
    manifest = release(tmp_path, ("sft", "kto"))
    manifest["files"] = [file for file in manifest["files"] if file["format"] != "sft"]
    data = front(card(manifest))
    assert [(config["config_name"], config.get("default")) for config in data["configs"]] == [("kto", True)]
    manifest["files"] = []
    data = front(card(manifest))
    assert "configs" not in data
    assert "dataset_info" not in data


def test_rows_of_many_shapes_and_texts_that_are_all_dates_have_a_type_that_keeps_them(tmp_path: Path) -> None:
    manifest = release(tmp_path, ("sft", "kto", "reward"))
    manifest["formats"][0]["schema"]["messages"] = ["json"]
    manifest["formats"][1]["schema"]["completion"] = [{"role": "string", "content": "date"}]
    text = card(manifest)
    found = {one["config_name"]: one["features"] for one in front(text)["dataset_info"]}
    assert found["sft"][0] == {"name": "messages", "list": "json"}
    completion = [{"name": "role", "dtype": "string"}, {"name": "content", "dtype": "json"}]
    assert found["kto"][1] == {"name": "completion", "list": completion}
    assert "For `sft` and `kto` it takes `datasets` 4.7 or later" in text
    for kind in manifest["formats"]:
        del kind["schema"]
    assert "dataset_info" not in front(card(manifest))
    assert "4.7" not in card(manifest)


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "en"),
        ("pt-BR", "pt"),
        ("ZH_Hant", "zh"),
        ("gsw", "gsw"),
        ("xx", ""),
        ("und", ""),
        ("qaa", ""),
        ("x-a", ""),
    ],
)
def test_only_codes_that_the_hub_knows_are_languages(tag: str, code: str) -> None:
    assert hubwords.language(tag) == code


def test_a_language_that_the_hub_does_not_know_is_told_in_words(tmp_path: Path) -> None:
    manifest = release(tmp_path)
    manifest["sources"]["languages"] = {"xx": 2, "": 3}
    text = card(manifest)
    assert "language" not in front(text)
    assert "Languages of the prompts: xx (2) and not told (3)." in text


@pytest.mark.parametrize(
    ("rows", "words"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**12, "1B<n<10B")]
)
def test_sizes_are_the_hub_s_words(rows: int, words: str) -> None:
    assert hubwords.size_category(rows) == words


def test_it_says_that_the_project_names_no_licence(tmp_path: Path) -> None:
    text = card(release(tmp_path))
    assert "license" not in front(text)
    assert "The project names no licence." in text


def test_it_names_the_licence_as_the_hub_does(tmp_path: Path) -> None:
    text = card(release(tmp_path, license=licenses.told("cc-by-4.0")))
    assert front(text)["license"] == "cc-by-4.0"
    assert "## Licence\n\n[CC BY 4.0](<https://creativecommons.org/licenses/by/4.0/>)\n" in text


@pytest.mark.parametrize(
    "address",
    ["https://example.org/terms#a:b", "https://e.org/](x)*_~[b]", "https://e.org/?a='b'&c=d;e", "http://[::1]:8000"],
)
def test_another_licence_is_a_link_and_nothing_else(tmp_path: Path, address: str) -> None:
    assert licenses.is_address(address)
    text = card(release(tmp_path, license=licenses.told(address)))
    found = front(text)
    assert (found["license"], found["license_name"], found["license_link"]) == ("other", "see-license-link", address)
    assert huggingface_hub.DatasetCard(text).data.get("license_link") == address
    section = text.split("## Licence\n\n", 1)[1].split("\n## ", 1)[0]
    assert rendered(section).elements == ["p", "a"]


def test_the_names_of_parts_are_those_that_datasets_takes() -> None:
    assert [split_name(name) for name in ("train", "", "dev set", "a-b", "日本")] == [
        "train",
        "train",
        "dev_set",
        "a_b",
        "train",
    ]


# --- People ---------------------------------------------------------------------------------------------------------


def test_it_says_what_there_is_to_know(tmp_path: Path) -> None:
    manifest = release(tmp_path, ("preference", "kto"))
    manifest["formats"][0]["warnings"] = ["3 rows hold <|im_end|>. Look at them."]
    text = card(manifest)
    shown = rendered(body(text)).text
    for said in (
        "Haiku, release 3",
        "Before the summer",
        "Short poems.",
        "12 prompts, 72 annotations and 2 annotators",
        "In the queue Rank, 2 people answer each prompt, by versions 1 and 2 of its form.",
        "the guidelines before them, in version 1",
        "pseudonyms",
        "80 % train, 10 % validation, 10 % test",
        "pairs whose two texts are the same once trimmed",
        "3 rows hold <|im_end|>. Look at them.",
        "0.875",
        "labelled true 12",
        'load_dataset("FOLDER", "preference")',
        "up to 2026-06-30 12:00:00 UTC",
        "smollm2-135m-instruct (24)",
        *(file["sha256"] for file in manifest["files"]),
    ):
        assert said in shown, said
    assert len(re.findall("80 ?% train", shown)) == 1


def test_what_the_manifest_does_not_know_is_not_told() -> None:
    bare = {
        "project": {"slug": "haiku"},
        "number": 1,
        "cutoff": "2026-06-30T12:00:00.000000Z",
        "created_at": "2026-06-30T12:00:00Z",
        "formats": [],
        "files": [],
    }
    text = card(bare)
    assert front(text)["pretty_name"] == "haiku, release 1"
    assert "The dataset is not divided" in text
    assert "No rule left anything out." in text
    for absent in ("Agreement", "How to load", "None", "What to know"):
        assert absent not in text


def test_the_same_manifest_gives_the_same_card(tmp_path: Path) -> None:
    manifest = release(tmp_path)
    text = card(manifest)
    assert card(json.loads(json.dumps(manifest))) == text
    assert text.endswith("|\n")


# --- What people type -----------------------------------------------------------------------------------------------


def with_everywhere(manifest: dict[str, Any], text: str) -> dict[str, Any]:
    """The manifest with a text in every place that somebody types."""
    manifest["project"] |= {"name": text, "description": text}
    manifest["title"] = text
    manifest["sources"]["queues"][0]["name"] = text
    manifest["sources"]["models"] = {text: 1}
    manifest["sources"]["languages"] = {text: 1}
    manifest["splits"]["ratios"] = {text: 1}
    manifest["files"][0]["split"] = text
    return manifest


def elements(text: str) -> Iterator[str]:
    yield from (tag for tag in rendered(body(text)).elements if tag not in ("em", "strong"))


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_typed_becomes_markup_or_metadata(text: str, tmp_path: Path) -> None:
    # A blank line in a description makes a paragraph, which is no more than it should.
    tame = card(with_everywhere(release(tmp_path), "tame\n\ntame" if "\n\n" in text else "tame"))
    wild = card(with_everywhere(release(tmp_path), text))
    assert list(elements(wild)) == list(elements(tame))
    known, found = front(tame), front(wild)
    assert found.keys() <= known.keys()
    assert found["tags"] == known["tags"]
    assert found["configs"] == known["configs"] or found["configs"][0]["data_files"][0]["split"] == split_name(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_an_escaped_text_reads_as_it_was_typed(text: str) -> None:
    page = rendered(f"start {escaped(text)} end")
    assert page.elements == ["p"]
    as_read = " ".join(page.text.split())
    typed = re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", " ", text)
    assert as_read == " ".join(f"start {typed} end".split())
    assert "\n" not in escaped(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_address_becomes_a_link_in_github_s_markdown(text: str) -> None:
    assert not re.search(r"(?<!\\)(https?|ftp)://|www\.(?!\\)", escaped(text))
