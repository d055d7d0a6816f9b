"""What every row of every format in the table keeps to."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest

from labeling.exports.formats import FORMATS
from labeling.exports.policies import Policies, Style
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.stream import encode
from tests.labeling.exports.pure import plenty

# Names that some trainer gives a meaning of its own, and what they may mean here.
RESERVED = {
    *("prompt", "prompts", "completion", "completions", "chosen", "rejected", "label", "labels", "text", "input_ids"),
    *("image", "images", "completion_ids", "tools", "messages", "margin", "conversations"),
    *("trainer_state", "log_extra", "log_metric", "environments", "chat_template_kwargs"),
}
MEANT = {
    "sft": {"messages"},
    "prompt-completion": {"prompt", "completion"},
    "preference": {"prompt", "chosen", "rejected"},
    "reward": {"chosen", "rejected", "margin"},
    "kto": {"prompt", "completion", "label"},
    "prompts": {"prompt"},
    "openai-sft": {"messages"},
    "openai-preference": set(),
    "alpaca": set(),
    "sharegpt": {"conversations"},
    "llama-factory": {"messages"},
    "llama-factory-preference": {"messages", "chosen", "rejected"},
    "llama-factory-kto": {"messages", "label"},
    "axolotl-bradley-terry": {"chosen", "rejected"},
    "nemo-ranking": {"completions"},
    "helpsteer": {"prompt"},
    "helpsteer-preference": set(),
    "stepwise": {"prompt", "completions", "labels"},
    "spans": {"prompt"},
    "oasst": {"prompt"},
    "raw": {"messages"},
}
MEANT_AS_TEXT = {"sft": {"text"}, "reward": {"prompt", "chosen", "rejected", "margin"}}

# Columns that datasets 5 takes for the trace of an agent, and then asks for a package that nobody has.
TRACES = [{"id", "source", "model", "system_prompt", "messages"}, {"type", "id", "version", "cwd"}, {"type", "message"}]

STANDARD = Policies(style=Style.STANDARD)
EVERY = [(name, Policies()) for name in FORMATS]
EVERY += [(name, STANDARD) for name, kind in FORMATS.items() if "style" in kind.uses]
every_format = pytest.mark.parametrize(("name", "policies"), EVERY, ids=[f"{n}-{p.style}" for n, p in EVERY])


@pytest.fixture(autouse=True)
def _quiet() -> None:
    datasets.disable_progress_bars()


def rows_of(name: str, policies: Policies, examples: list[Example]) -> list[Row]:
    return [row for made in examples for row in FORMATS[name].rows(made, policies, Removed())]


def shape(value: Any) -> Any:
    """A value's type, all the way down. Messages may differ in their optional keys, and nodes of a tree in theirs."""
    if isinstance(value, dict):
        inner = {name: shape(item) for name, item in value.items()}
        if "replies" in inner:
            return {name: inner[name] for name in ("message_id", "text", "role", "deleted", "synthetic")}
        return {name: inner[name] for name in ("role", "content")} if "role" in inner else inner
    if isinstance(value, list):
        shapes = [shape(item) for item in value]
        assert all(one == shapes[0] for one in shapes), "what stands in one list has one type"
        return shapes[:1]
    return type(value)


def alike(one: Any, other: Any) -> bool:
    """Whether two shapes are the same, but for lists that are empty in one of them."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return not one or not other or alike(one[0], other[0])
    return bool(one == other)


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


@every_format
def test_every_format_keeps_the_rules_for_rows(name: str, policies: Policies) -> None:
    kind = FORMATS[name]
    assert kind.name == name
    assert kind.title
    found = rows_of(name, policies, plenty())
    assert len(found) >= 2
    for row in found:
        assert list(row) == list(found[0]), "the same columns in the same order"
        assert alike(shape(row), shape(found[0])), "with the same types"
        assert None not in leaves(row), "nothing is null"
        meant = MEANT_AS_TEXT.get(name, MEANT[name]) if policies.style is Style.STANDARD else MEANT[name]
        assert set(row) & RESERVED == meant
        assert not any(trace <= set(row) for trace in TRACES)
        # It can be written, and what is read back is what was written.
        assert json.loads(encode(row)) == row
    # Somebody must be able to read the shape of every list off some row.
    for column in found[0]:
        assert any(row[column] != [] for row in found), column


@every_format
def test_datasets_gives_every_row_back(name: str, policies: Policies) -> None:
    rows = rows_of(name, policies, plenty())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.jsonl"
        path.write_bytes(b"".join(map(encode, rows)))
        found = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=folder)
        # Where some messages have tool calls, datasets rounds every number of the file to ten decimals.
        assert [rounded(dict(row)) for row in found] == [rounded(row) for row in rows]
        assert [list(row) for row in found] == [list(row) for row in rows]


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 10) if isinstance(value, float) else value


@every_format
def test_every_message_has_a_role_and_a_text(name: str, policies: Policies) -> None:
    seen = 0
    for row in rows_of(name, policies, plenty()):
        for message in messages_in(row):
            seen += 1
            assert list(message)[:2] == ["role", "content"]
            assert isinstance(message["content"], str)
    without = {"alpaca", "sharegpt", "axolotl-bradley-terry", "helpsteer", "stepwise", "oasst"}
    assert bool(seen) is (policies.style is Style.CONVERSATIONAL and name not in without)


def messages_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "role" in value and "replies" not in value:
            yield value
        for item in value.values():
            yield from messages_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from messages_in(item)


@pytest.mark.parametrize("name", [name for name, kind in FORMATS.items() if "style" in kind.uses])
def test_plain_text_leaves_out_what_it_cannot_hold_and_counts_it(name: str) -> None:
    removed = Removed()
    as_text = [row for made in plenty() for row in FORMATS[name].rows(made, STANDARD, removed)]
    as_messages = rows_of(name, Policies(), plenty())
    assert 0 < len(as_text) < len(as_messages)
    assert len(as_text) + removed.as_dict()["not_standard"] == len(as_messages)


@pytest.mark.parametrize(("name", "like"), [(name, kind.like) for name, kind in FORMATS.items() if kind.like])
def test_a_format_that_is_like_another_gives_no_more_rows_and_counts_the_rest(name: str, like: str) -> None:
    assert not FORMATS[like].like
    removed = Removed()
    found = [row for made in plenty() for row in FORMATS[name].rows(made, Policies(), removed)]
    assert len(found) + removed.as_dict().get("unfit_turns", 0) == len(rows_of(like, Policies(), plenty()))


@pytest.mark.parametrize("name", FORMATS)
def test_what_stands_beside_the_data_names_their_files(name: str) -> None:
    kind = FORMATS[name]
    (row, *_) = rows_of(name, Policies(), plenty())
    for file, text in kind.beside({"": ["data.jsonl"]}).items():
        assert file == "dataset_info.json"
        assert text.endswith("}\n")
        ((entry_name, entry),) = json.loads(text).items()
        assert (entry_name, entry["file_name"]) == (name, "data.jsonl")
        assert set(entry["columns"].values()) <= set(row), "it names columns that are there"
        several = json.loads(kind.beside({"": ["all-00000.parquet", "all-00001.parquet"], "test": ["t.jsonl"]})[file])
        # It would take a pattern for the name of a file.
        assert {called: entry["file_name"] for called, entry in several.items()} == {
            f"{name}-00000": "all-00000.parquet",
            f"{name}-00001": "all-00001.parquet",
            f"{name}-test": "t.jsonl",
        }
        # Nor can it read what is packed.
        assert kind.beside({"": ["data.jsonl.gz"]}) == kind.beside({"": ["data.jsonl.zst"]}) == {}
        divided = json.loads(kind.beside({"train": ["a.jsonl"], "test": ["b.jsonl"]})[file])
        assert divided == {
            f"{name}-train": entry | {"file_name": "a.jsonl"},
            f"{name}-test": entry | {"file_name": "b.jsonl"},
        }
    needs = {"alpaca", "sharegpt", "llama-factory", "llama-factory-preference", "llama-factory-kto"}
    assert bool(kind.beside({"": ["data.jsonl"]})) is (name in needs)


def test_the_same_answers_give_the_same_bytes() -> None:
    for name, policies in EVERY:
        examples = plenty()
        one, other = (b"".join(map(encode, rows_of(name, policies, examples))) for _ in range(2))
        assert one == other
