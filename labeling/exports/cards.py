"""The dataset card of a release (`README.md`): what the Hugging Face Hub and `datasets` read, and what people read.

It is written from the manifest alone, so the same manifest gives the same card. `datasets.load_dataset` of the folder
that holds it, or of the repository, finds a configuration for each format and a part for each split.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from labeling.exports import hubwords, wording
from labeling.exports.frontmatter import front_matter
from labeling.exports.schemas import as_features, holds_json
from labeling.exports.wording import Manifest, counted, listed
from labeling.licenses import OTHER

Format = Mapping[str, Any]

# Characters that mean something in Markdown or HTML wherever they stand.
_MARKUP = re.compile(r"[\\`*_\[\]<>&|~$#{}]")
# What would break a line, be invisible, or turn the text around it: controls, line ends, and signs of direction.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")


def escaped(text: str) -> str:
    """A text that somebody typed, as Markdown that shows exactly it, on one line, in a cell of a table too."""
    text = _MARKUP.sub(r"\\\g<0>", " ".join(_UNSEEN.sub(" ", text).split()))
    # Nor does an address become a link: GitHub's Markdown looks for these.
    return text.replace("://", r":\//").replace("www.", r"www\.").replace("@", r"\@")


def paragraph(text: str) -> str:
    """The same where it begins a line: a sign or a number there makes no list, no rule and no heading."""
    return re.sub(r"^([-+=])", r"\\\1", re.sub(r"^(\d{1,9})([.)])", r"\1\\\2", escaped(text)))


def card(manifest: Manifest) -> str:
    """The card as text: front matter, then Markdown. It ends in a line feed.

    Reads of the manifest what is there; `formats[].schema` (see `schemas`) names the columns where it is given.
    """
    return front_matter(_metadata(manifest)) + "\n" + "\n".join(_body(manifest)) + "\n"


# --- What programs read ---------------------------------------------------------------------------------------------


def _metadata(manifest: Manifest) -> dict[str, Any]:
    kinds = [kind for kind in manifest["formats"] if wording.files_of(manifest, kind)]
    names = [kind["format"] for kind in kinds]
    people = manifest.get("counts", {}).get("annotators", 0) > 0
    models = bool(manifest.get("sources", {}).get("models"))
    codes, tags = _languages(manifest)
    found: dict[str, Any] = {
        **_license(manifest),
        "pretty_name": " ".join(_UNSEEN.sub(" ", wording.name_of(manifest)).split()),
        "language": codes,
        # Whole tags, where they say more than the language does: Brazilian Portuguese.
        "language_bcp47": tags,
        **hubwords.creators(names, by_people=people, by_models=models),
        "source_datasets": ["original"],
        "size_categories": [hubwords.size_category(max((kind["rows"] for kind in kinds), default=0))],
        "task_categories": ["text-generation"],
        "tags": hubwords.tags(names, by_people=people),
        "configs": [_config(manifest, kind, default=place == 0) for place, kind in enumerate(kinds)],
        "dataset_info": [
            {"config_name": kind["format"], "features": as_features(kind["schema"])}
            for kind in kinds
            if _names_types(manifest, kind)
        ],
    }
    return {name: value for name, value in found.items() if value}


def _names_types(manifest: Manifest, kind: Format) -> bool:
    """Whether the card says what the columns hold. Parquet knows its own types, and has text where rows differ."""
    return bool(kind.get("schema")) and not wording.files_of(manifest, kind)[0]["path"].endswith(".parquet")


def _license(manifest: Manifest) -> dict[str, str]:
    """As the Hub has it: by its name, or as another one with its address, which needs a name of its own then."""
    license = manifest["project"].get("license")
    if not license:
        return {}
    other = {"license_name": "see-license-link", "license_link": license["url"]} if license["name"] == OTHER else {}
    return {"license": license["name"], **other}


def _languages(manifest: Manifest) -> tuple[list[str], list[str]]:
    """The codes that the Hub takes, and the tags that hold more than a code; the most frequent first."""
    tags = sorted(manifest.get("sources", {}).get("languages", {}).items(), key=lambda item: (-item[1], item[0]))
    known = [(hubwords.language(tag), tag.replace("_", "-")) for tag, _ in tags]
    codes = dict.fromkeys(code for code, _ in known if code)
    return list(codes), [tag for code, tag in known if code and tag.lower() != code]


def _config(manifest: Manifest, kind: Format, *, default: bool) -> dict[str, Any]:
    files = [
        {"split": split, "path": paths[0] if len(paths) == 1 else list(paths)}
        for split, paths in _paths(manifest, kind).items()
    ]
    return {"config_name": kind["format"], **({"default": True} if default else {}), "data_files": files}


def _paths(manifest: Manifest, kind: Format) -> dict[str, list[str]]:
    """The files of each part as a loader wants them: many shards as a pattern."""
    found: dict[str, list[str]] = {}
    for file in wording.files_of(manifest, kind):
        found.setdefault(split_name(file.get("split") or ""), []).append(file["path"])
    return {split: _pattern(paths) for split, paths in found.items()}


def split_name(split: str) -> str:
    """The name of a part as `datasets` takes it: letters, digits and underscores."""
    return re.sub(r"\W+", "_", split, flags=re.ASCII).strip("_") or wording.UNDIVIDED


def _pattern(paths: Sequence[str]) -> list[str]:
    """Some paths, or the pattern that finds them: the shards of a part differ in their digits alone."""
    patterns = {re.sub(r"-\d{5}\.", "-*.", path) for path in paths}
    return sorted(patterns) if len(paths) > 1 and len(patterns) == 1 else list(paths)


# --- What people read -----------------------------------------------------------------------------------------------


def _body(manifest: Manifest) -> Iterator[str]:
    yield f"# {wording.name_of(manifest, escaped)}"
    if manifest.get("title"):
        yield from ("", f"**{escaped(manifest['title'])}**")
    yield from ("", wording.about(manifest, escaped))
    for text in re.split(r"\n\s*\n", manifest["project"].get("description") or ""):
        if escaped(text):
            yield from ("", paragraph(text))
    for title, lines in _sections(manifest):
        shown = list(lines)
        if shown:
            yield from ("", f"## {title}", "", *shown)


def _sections(manifest: Manifest) -> Iterator[tuple[str, Iterable[str]]]:
    yield "What is in it", _contents(manifest)
    yield "How to load it", _loading(manifest)
    yield "How it was made", _made(manifest)
    yield "Parts", [" ".join(wording.divided(manifest))]
    yield "What was left out", _left_out(manifest)
    yield "Agreement", _agreement(manifest)
    yield "What to know before training", [f"- `{name}`: {escaped(said)}" for name, said in wording.warned(manifest)]
    yield "Licence", [_licensed(manifest)]
    yield "This release", _release(manifest)
    yield "Files", _files(manifest)


def _licensed(manifest: Manifest) -> str:
    license = manifest["project"].get("license")
    if not license:
        return "The project names no licence. Ask whoever published this before you use it or pass it on."
    where = f"<{license['url']}>"  # within these, nothing that an address may hold means anything to Markdown
    return f"[{license['title']}]({where})" if license["title"] else f"Under the terms at {where}."


def _table(*rows: Sequence[str], numbers: Iterable[int] = ()) -> Iterator[str]:
    """A table in Markdown whose first row is the head. `numbers` says which columns stand to the right."""
    right = set(numbers)
    for place, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if place == 0:
            yield f"|{'|'.join('---:' if column in right else '---' for column in range(len(row)))}|"


def _contents(manifest: Manifest) -> Iterator[str]:
    rows = []
    for kind in manifest["formats"]:
        parts = wording.parts(manifest, kind)
        labels = kind.get("labels") or {}
        said = [f"{escaped(name)} {number:,}" for name, number in parts.items()]
        said += [f"labelled {name} {number:,}" for name, number in labels.items()]
        prompts = f"{kind['prompts']:,}" if "prompts" in kind else ""
        rows.append(
            (f"`{kind['format']}`", escaped(kind.get("title", "")), f"{kind['rows']:,}", prompts, ", ".join(said))
        )
    yield from _table(("configuration", "what a row is", "rows", "prompts", "of these"), *rows, numbers=(2, 3))


def _loading(manifest: Manifest) -> Iterator[str]:
    kinds = [kind for kind in manifest["formats"] if wording.files_of(manifest, kind)]
    if not kinds:
        return
    yield "In the place of `FOLDER` goes the folder that holds this file, or the name of the dataset on the Hub."
    yield from ("", "```python", "from datasets import load_dataset", "")
    for kind in kinds:
        variable = kind["format"].replace("-", "_")
        yield f'{variable} = load_dataset("FOLDER", "{kind["format"]}")  # {", ".join(_paths(manifest, kind))}'
    first, part = kinds[0]["format"], next(iter(_paths(manifest, kinds[0])))
    yield from (
        "",
        "# for a trainer, one part of it",
        f'rows = load_dataset("FOLDER", "{first}", split="{part}")',
        "```",
    )
    odd = [f"`{kind['format']}`" for kind in kinds if _names_types(manifest, kind) and holds_json(kind["schema"])]
    if odd:
        yield (
            f"\nFor {listed(odd)} it takes `datasets` 4.7 or later: rows differ in shape there, as messages with tool "
            "calls do, or every text of a column is a date, and the types that this card names keep them as they are."
        )
    paths = [file["path"] for kind in kinds for file in wording.files_of(manifest, kind)]
    plain = next((path for path in paths if path.endswith((".jsonl", ".jsonl.gz"))), "")
    if plain:
        opened, imported = ("gzip.open", "gzip, json") if plain.endswith(".gz") else ("open", "json")
        yield from ("", "Without any library:", "", "```python", f"import {imported}", "")
        yield f'with {opened}("FOLDER/{plain}", "rt", encoding="utf-8") as file:'
        yield from ("    rows = [json.loads(line) for line in file]", "```")
    if any(path.endswith(".zst") for path in paths):
        yield from ("", "Files that end in `.zst` are read once `pip install zstandard` is done.")


def _made(manifest: Manifest) -> Iterator[str]:
    yield " ".join(wording.collected(manifest, escaped))
    yield ""
    yield " ".join(wording.annotated(manifest, escaped))
    languages = manifest.get("sources", {}).get("languages", {})
    if languages:
        said = [f"{escaped(tag) or 'not told'} ({number:,})" for tag, number in languages.items()]
        yield from ("", f"Languages of the prompts: {listed(said)}.")
    choices = [
        (
            f"`{kind['format']}`",
            ", ".join(f"{name} {escaped(str(value))}" for name, value in kind["choice"].items() if name != "format"),
        )
        for kind in manifest["formats"]
        if kind.get("choice")
    ]
    if any(said for _, said in choices):
        yield from ("", "How answers became rows:", "")
        yield from _table(("configuration", "settings"), *choices)


def _left_out(manifest: Manifest) -> Iterator[str]:
    found = wording.removed(manifest)
    if found:
        rows = [(f"`{name}`", escaped(meaning), f"{number:,}") for name, meaning, number in found]
        yield from _table(("configuration", "left out", "how many"), *rows, numbers=(2,))
    else:
        yield "No rule left anything out."


def _agreement(manifest: Manifest) -> Iterator[str]:
    found = wording.agreed(manifest)
    if found:
        yield from _table(("measure", "value"), *((escaped(name), number) for name, number in found), numbers=(1,))


def _release(manifest: Manifest) -> Iterator[str]:
    code = manifest.get("code", {})
    made = " ".join(filter(None, (code.get("version", ""), code.get("revision", ""))))
    yield (
        f"Number {manifest['number']} of the project `{manifest['project']['slug']}`, made at {manifest['created_at']}"
        f"{f' by version {escaped(made)}' if made else ''}. What was answered after {manifest['cutoff']} is not in it. "
        "A release never changes; a later one has another number. `manifest.json` holds all of this for programs."
    )


def _files(manifest: Manifest) -> Iterator[str]:
    rows = [
        (
            f"`{file['path']}`",
            f"{file['rows']:,}" if file.get("format") else "",
            f"{file['bytes']:,}",
            f"`{file['sha256']}`",
        )
        for file in manifest.get("files", ())
        # A card cannot hold its own hash.
        if file["path"] != "README.md"
    ]
    if rows:
        yield f"{counted(len(rows), 'file')}, each with its SHA-256."
        yield ""
        yield from _table(("path", "rows", "bytes", "SHA-256"), *rows, numbers=(1, 2))
