"""The pages about formats: a real row, who loads it, and code that loads a real export."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import datasets
import pytest
from django.core.management import call_command

from labeling.exports.formats import FORMATS
from labeling.exports.policies import Policies, Style
from labeling.exports.removed import RULES
from labeling.importing.base import parse
from labeling.models import Project
from labeling.services import prompts
from tests import make
from tests.labeling.exports.answering import answered
from tests.labeling.exports.pure import plenty
from tests.labeling.exports.test_table import alike, rows_of, shape

DOCS = Path(__file__).parents[3] / "docs"
EXPORTS = (DOCS / "exports.md").read_text()
every_name = pytest.mark.parametrize("name", FORMATS)


def page_of(name: str) -> str:
    page = DOCS / "formats" / f"{name}.md"
    assert page.exists(), f"The format “{name}” has no page docs/formats/{name}.md"
    return page.read_text()


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```$", page_of(name), re.M | re.S)


@every_name
def test_every_format_has_a_page_with_a_row_as_it_is(name: str) -> None:
    assert page_of(name).startswith(f"# `{name}`\n")
    kind = FORMATS[name]
    told = [json.loads(block) for block in blocks(name, "json")]
    for style in Style if "style" in kind.uses else [Style.CONVERSATIONAL]:
        shown = told.pop(0)
        real = rows_of(name, Policies(style=style), plenty())
        if name == "helpsteer":
            shown = {column: shown[column] for column in real[0]}
        assert any(list(shown) == list(row) and alike(shape(shown), shape(row)) for row in real), "a real row differs"
    beside = [json.loads(text) for text in kind.beside({"": [f"{name}.jsonl"]}).values()]
    assert told == beside, "what stands beside the data is shown as it is"


@every_name
def test_every_format_is_in_the_table_with_what_it_is_like(name: str) -> None:
    row = re.search(rf"^\| \[`{name}`\]\(formats/{name}\.md\) \| (.+) \| (.*) \| (.+) \|$", EXPORTS, re.M)
    assert row
    assert row[2].strip("` ") == FORMATS[name].like
    columns = re.findall(r"`(\w+)`", row[1].partition(";")[0])
    assert set(columns) - {"replies"} <= set(rows_of(name, Policies(), plenty())[0])


def test_no_page_is_about_a_format_that_is_not_there() -> None:
    assert {page.stem for page in (DOCS / "formats").iterdir()} == set(FORMATS)
    assert set(re.findall(r"\(formats/(.+?)\.md\)", EXPORTS)) == set(FORMATS)


def test_every_rule_is_explained_in_the_docs() -> None:
    for rule in RULES:
        assert f"| `{rule}` |" in EXPORTS


# --- What stands on the pages runs -----------------------------------------------------------------------------------


@pytest.fixture
def project() -> Project:
    """Prompts with answers of every kind."""
    ann = make.person("ann")
    made = make.project(annotators=[ann], slug="haiku")
    one, other = "Blue light scatters most.\nSo it comes from everywhere.", "It is not."
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    question = {"role": "user", "content": "Why is the sky blue?"}
    lines: list[dict[str, Any]] = [{"messages": [question]}, {"messages": [*turns, question]}]
    candidates = {"candidates": [{"text": one, "model": "m"}, {"text": other, "model": "m"}]}
    source = {"context": [{"title": "Light", "text": "Blue light is scattered more."}]}
    read = [parse(line | candidates | source, number) for number, line in enumerate(lines, 1)]
    prompts.import_lines(made, read, source="jsonl", by=make.manager(made))
    mark = {"start": 26, "end": 53, "label": "Major"}
    asked = {
        "write": ("demonstrations", {"response": {"text": "Because …"}}),
        "rank": ("ranking", None),
        "thumbs": ("kto", {"thumbs": {one: 1, other: 0}}),
        "pairs": ("helpsteer3", {"preference": {"preferred": one, "strength": 2}, "reason": {"text": "For a reason."}}),
        "mqm": ("mqm", {"errors": {one: [mark], other: []}}),
    }
    for slug, (preset, answers) in asked.items():
        queue = make.queue(made, preset=preset, slug=slug)
        for _ in lines:
            if answers is None:
                make.ranked(queue, ann, [[one], [other]])
            else:
                answered(queue, ann, **answers)
    return made


@pytest.mark.django_db(transaction=True)
def test_the_code_on_every_page_loads_a_real_export(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for name in FORMATS:
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        call_command("export", "haiku", format=name, out=f"{name}.jsonl")
        (code,) = blocks(name, "python")
        names: dict[str, Any] = {}
        exec(compile(code, f"docs/formats/{name}.md", "exec"), names)  # noqa: S102
        lines = [json.loads(line) for line in Path(f"{name}.jsonl").read_text("utf-8").splitlines()]
        loaded = names.get("rows", names.get("trees"))
        assert loaded is not None, name
        assert len(loaded) == len(lines), name
        assert {column: loaded[0][column] for column in loaded[0]}.items() <= lines[0].items(), name
    # A reward function as GRPO calls it.
    names = {}
    monkeypatch.chdir(tmp_path / "prompts")
    exec(compile(blocks("prompts", "python")[0], "docs/formats/prompts.md", "exec"), names)  # noqa: S102
    said = [[{"role": "assistant", "content": "Because …"}], [{"role": "assistant", "content": "No."}]]
    columns = {column: names["rows"][column] for column in names["rows"].column_names if column != "prompt"}
    assert names["says_the_same"](completions=said, prompts=names["rows"]["prompt"], **columns) == [1.0, 0.0]
