"""What a model may call goes into every format that has a place for it, in one column of one type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import pytest
from pyarrow import parquet as pq

from labeling.exports import choices, parquet, plans, previews
from labeling.exports.cleaning import content_hash, tokens_in
from labeling.exports.formats import FORMATS
from labeling.exports.policies import Policies, Style
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.services import building, rebuilding
from labeling.exports.stream import Export, encode
from labeling.exports.tokens import estimate
from labeling.importing.base import parse
from labeling.models import Project, User
from labeling.services import imports
from tests import make
from tests.labeling.exports.connections import wait_for_exports
from tests.labeling.exports.pure import TOOLS, example, plenty, ranked, written
from tests.labeling.exports.releasing import built, data, rows

PARAMETERS = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "¿Warm?", "parameters": PARAMETERS}}
CLOCK = {"type": "function", "function": {"name": "now", "parameters": {"zone": 1, "deep": {"a": [1, "x"]}}}}
TEXT = json.dumps([WEATHER], ensure_ascii=False)

IN_A_COLUMN = {
    *("sft", "prompt-completion", "preference", "reward", "kto", "prompts"),
    *("sharegpt", "llama-factory", "llama-factory-preference", "llama-factory-kto", "spans"),
}
AS_A_LIST = {"openai-sft", "openai-preference"}
WITHOUT = {"alpaca", "axolotl-bradley-terry", "nemo-ranking", "helpsteer-preference", "oasst"}
OF_PLAIN_TEXT = {"helpsteer", "stepwise"}


def given(*, tools: bool) -> list[Example]:
    """Prompts with answers of every kind, all but two of which have tools."""
    made = plenty()
    named = json.dumps([WEATHER, CLOCK], ensure_ascii=False), TEXT
    offered = [named[place % 2] if tools and place not in (1, len(made) - 1) else "" for place in range(len(made))]
    return [
        replace(one, with_tools=True, prompt=replace(one.prompt, tools=text))
        for one, text in zip(made, offered, strict=True)
    ]


def without(examples: list[Example]) -> list[Example]:
    """The same of a project in which nobody ever had tools."""
    return [replace(one, with_tools=False, prompt=replace(one.prompt, tools="")) for one in examples]


def rows_of(name: str, examples: list[Example], removed: Removed | None = None, **policies: Any) -> list[Row]:
    counts = removed or Removed()
    return [row for one in examples for row in FORMATS[name].rows(one, Policies(**policies), counts)]


def test_every_format_is_of_one_kind() -> None:
    assert IN_A_COLUMN | AS_A_LIST | WITHOUT | OF_PLAIN_TEXT | {"raw"} == set(FORMATS)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_project_without_tools_has_rows_as_ever(name: str) -> None:
    assert all("tools" not in json.dumps(list(row)) for row in rows_of(name, plenty()))


@pytest.mark.parametrize("name", sorted(IN_A_COLUMN | {"raw"}))
def test_it_is_text_on_every_row_of_a_project_with_tools(name: str) -> None:
    column = "tools_json" if name == "raw" else "tools"
    examples = given(tools=True)
    found = rows_of(name, examples)
    rest = [{key: value for key, value in row.items() if key != column} for row in found]
    assert rest == rows_of(name, without(examples))
    assert {list(row).index(column) for row in found} == {list(found[0]).index(column)}
    assert {row[column] for row in found} <= {"[]", TEXT, json.dumps([WEATHER, CLOCK], ensure_ascii=False)}
    assert any(json.loads(row[column]) for row in found)
    assert {row[column] for row in rows_of(name, given(tools=False))} == {"[]"}


def test_hosted_apis_get_a_list_where_there_is_one() -> None:
    found = rows_of("openai-sft", given(tools=True))
    assert found[0]["tools"] == [WEATHER, CLOCK]
    assert {tuple(row) for row in found} == {("messages", "tools"), ("messages",)}
    found = rows_of("openai-preference", given(tools=True))
    assert {tuple(row["input"]) for row in found} == {("messages", "tools"), ("messages",)}
    assert {tuple(row) for row in found} == {("input", "preferred_output", "non_preferred_output")}
    assert all(
        "tools" not in json.dumps(row) for row in rows_of("openai-sft", given(tools=False)) if "calls" not in row
    )


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        *((name, "unfit_turns") for name in sorted(WITHOUT)),
        *((name, "not_standard") for name in sorted(OF_PLAIN_TEXT)),
    ],
)
def test_formats_without_a_place_leave_the_rows_out_and_count_them(name: str, rule: str) -> None:
    before, after = Removed(), Removed()
    every = rows_of(name, given(tools=False), before)
    left = rows_of(name, given(tools=True), after)
    assert len(left) < len(every)
    assert after.as_dict()[rule] == before.as_dict().get(rule, 0) + len(every) - len(left)


@pytest.mark.parametrize("name", [name for name, kind in FORMATS.items() if "style" in kind.uses])
def test_plain_text_has_no_place_either(name: str) -> None:
    removed = Removed()
    examples = given(tools=True)
    found = rows_of(name, examples, removed, style=Style.STANDARD)
    assert found == rows_of(name, [replace(one, with_tools=False) for one in examples], style=Style.STANDARD)
    assert found
    assert len(found) + removed.as_dict()["not_standard"] == len(rows_of(name, examples))


@pytest.mark.parametrize("name", ["sharegpt", "llama-factory", "llama-factory-preference", "llama-factory-kto"])
def test_llama_factory_is_told_of_the_column_where_it_is(name: str) -> None:
    (row, *_) = rows_of(name, given(tools=True))
    (entry,) = json.loads(FORMATS[name].beside({"": ["x.jsonl"]}, row)["dataset_info.json"]).values()
    assert entry["columns"]["tools"] == "tools"
    assert set(entry["columns"].values()) <= set(row)
    (entry,) = json.loads(FORMATS[name].beside({"": ["x.jsonl"]})["dataset_info.json"]).values()
    assert "tools" not in entry["columns"]


@pytest.mark.parametrize("name", sorted(IN_A_COLUMN | AS_A_LIST | {"raw"}))
@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_datasets_gives_them_back(name: str, kind: str, tmp_path: Path) -> None:
    datasets.disable_progress_bars()
    found = rows_of(name, given(tools=True))
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(map(encode, found)))
    if kind == "parquet":
        columns = parquet.columns_of(path)
        parquet.write(path, path := tmp_path / "rows.parquet", columns)
    loaded = datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    of = (lambda row: row["input"]) if name == "openai-preference" else dict
    for row, was in zip(loaded, found, strict=True):
        expected, got = of(was).get("tools"), of(row).get("tools")
        if kind == "parquet" and name in AS_A_LIST:
            assert got == (
                None if expected is None else json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
            )
        else:
            assert (got or None) == (expected or None)


def test_they_count_among_the_texts_of_a_row() -> None:
    for name in ("sft", "openai-sft"):
        (one, *_), (other, *_) = rows_of(name, given(tools=True)), rows_of(name, given(tools=False))
        assert content_hash(one) != content_hash(other)
        assert tokens_in(one, estimate) > tokens_in(other, estimate)


def test_a_page_shows_each_by_its_name() -> None:
    (row, *_) = rows_of("openai-sft", given(tools=True))
    (part,) = (part for part in previews.shown(row).parts if part.name == "tools")
    assert [turn.who for turn in part.turns] == ["get_weather", "now"]
    (row, *_) = rows_of("sft", given(tools=True))
    assert "get_weather" in dict(previews.shown(row).facts)["tools"]


def test_arguments_that_are_stored_as_text_are_an_object_where_templates_want_one() -> None:
    """As imports kept them for a while. Hosted APIs want the text."""
    told = '{"x": 1}'
    stored = json.loads(json.dumps(TOOLS).replace('{"x": 1}', json.dumps(told)))
    assert stored[1]["tool_calls"][0]["function"]["arguments"] == told
    as_object = example(written("21 °C."), ranked("a b"), messages=TOOLS)
    as_text = replace(as_object, prompt=replace(as_object.prompt, messages=tuple(stored)))
    for name in ("sft", "prompt-completion", "preference", "prompts", "nemo-ranking", "sharegpt", "openai-sft"):
        found = rows_of(name, [as_text])
        assert found
        assert found == rows_of(name, [as_object])
        assert ('"arguments": "{' in json.dumps(found)) == (name == "openai-sft")
    # What nobody can read stays.
    broken = json.loads(json.dumps(TOOLS).replace('{"x": 1}', '"Lima"'))
    (row,) = rows_of("sft", [example(written("21 °C."), messages=broken)])
    assert row["messages"][1]["tool_calls"][0]["function"]["arguments"] == "Lima"


# --- From the database ----------------------------------------------------------------------------------------------


@pytest.fixture
def _storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 3)
    monkeypatch.setattr(building, "CLOCKS_APART", 0.0)
    yield
    wait_for_exports(0)


def project_with(ann: User, *lines: dict[str, Any]) -> Project:
    made = make.project(annotators=[ann])
    make.queue(made, slug="write")
    answer(made, ann, *lines)
    return made


def answer(project: Project, ann: User, *lines: dict[str, Any]) -> None:
    """More prompts, each with an answer."""
    read = [parse(line, number) for number, line in enumerate(lines, 1)]
    imports.import_lines(project, read, source="jsonl", by=make.manager(project))
    for _ in lines:
        make.written(project.queues.get(slug="write"), ann)


def exported(project: Project, name: str) -> list[Row]:
    export = Export(choices.parse(project, {"format": name}))
    return [json.loads(line) for line in b"".join(export).splitlines()]


LINES = [{"prompt": f"Question {number}?"} for number in range(30)]


@pytest.mark.usefixtures("_storage")
@pytest.mark.django_db(transaction=True)
def test_an_export_has_what_was_imported(ann: User) -> None:
    project = project_with(ann, *LINES)
    assert all("tools" not in row for row in exported(project, "sft"))
    answer(project, ann, {"prompt": "Is it warm?", "tools": [WEATHER, CLOCK]})
    found = exported(project, "sft")
    assert [row["tools"] for row in found] == ["[]"] * 30 + [json.dumps([WEATHER, CLOCK], ensure_ascii=False)]
    # A reader that takes a list's type from the first rows must see one.
    (first, *rest) = exported(project, "openai-sft")
    assert first["tools"] == [WEATHER, CLOCK]
    assert all(list(row) == ["messages"] for row in rest)


@pytest.mark.usefixtures("_storage")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_release_knows_its_columns_whatever_comes_in_later(ann: User, kind: str) -> None:
    project = project_with(ann, *LINES[:4])
    first = built(project, "sft", "sharegpt", files=kind)
    answer(project, ann, {"prompt": "Is it warm?", "tools": [WEATHER]})
    second = built(project, "sft", "sharegpt", "openai-sft", files=kind)
    for release in (first, second):
        assert [file.path for file in rebuilding.rebuild(release) if file.differs] == []
    assert second.manifest
    info = json.loads(data(second, "sharegpt/dataset_info.json"))
    assert all(entry["columns"]["tools"] == "tools" for entry in info.values())
    # The prompt with tools leads, because one of the formats needs it first.
    if kind == "jsonl":
        assert [row["tools"] for row in rows(second, "sft")] == [TEXT, *["[]"] * 4]
        assert all("tools" not in row for row in rows(first, "sft"))
    else:
        paths = [file["path"] for file in second.manifest["files"] if file["format"] == "sft"]
        found = [row for path in paths for row in pq.read_table(BytesIO(data(second, path))).to_pylist()]
        assert [row["tools"] for row in found] == [TEXT, *["[]"] * 4]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.django_db(transaction=True)
def test_trl_shows_them_to_the_model(ann: User, tmp_path: Path) -> None:
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    from tests.labeling.exports import tiny

    project = project_with(ann, LINES[0], {"prompt": "Is it warm?", "tools": [WEATHER]})
    path = tmp_path / "sft.jsonl"
    path.write_bytes(b"".join(Export(choices.parse(project, {"format": "sft"}))))
    loaded = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    tokenizer = tiny.tokenizer()
    shown = "{%- for tool in tools or [] -%}{{- 'may call ' + tool['function']['name'] -}}{%- endfor -%}"
    tokenizer.chat_template = shown + tiny.TEMPLATE
    config = SFTConfig(str(tmp_path / "out"), report_to="none", use_cpu=True, bf16=False, disable_tqdm=True)
    trainer = SFTTrainer(tiny.model(len(tokenizer)), args=config, train_dataset=loaded, processing_class=tokenizer)
    texts = [tokenizer.decode(row["input_ids"]) for row in trainer.train_dataset]
    assert ["may call get_weather" in text for text in texts] == [False, True]
