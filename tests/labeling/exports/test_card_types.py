"""Every part of a release loads by its card, also where one of them alone has rows of another shape."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pytest

from labeling.exports.cards import card
from labeling.exports.checks import Watch
from labeling.exports.formats import FORMATS
from labeling.exports.records import Example
from labeling.exports.stream import encode
from tests.labeling.exports.pure import TOOLS, example, ranked, rated, written
from tests.labeling.exports.released import release, rows_in, rows_of


def function(name: str, **parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", **parameters}}}


WEATHER = function("weather", required=["city"], properties={"city": {"type": "string"}})
CLOCK = function("now", properties={"zone": {"type": "integer", "default": 1}})


def prompt(number: int, *tools: dict[str, Any], messages: Sequence[dict[str, Any]] = (), **known: Any) -> Example:
    made = example(
        ranked("a b"), rated(a=1, b=0), written("By hand."), id=number, messages=messages,
        tools=json.dumps(tools) if tools else "", **known,
    )  # fmt: skip
    return replace(made, with_tools=True)


PLAIN = [prompt(1), prompt(2)]
PARTS = {
    "tool calls in one part": {"train": PLAIN, "test": [prompt(3, messages=TOOLS), prompt(4)]},
    "tool calls in the first part": {"train": [prompt(3, messages=TOOLS)], "test": PLAIN},
    "tools in one part": {"train": PLAIN, "test": [prompt(3, WEATHER), prompt(4, CLOCK), prompt(5)]},
    "other tools in each part": {"train": [prompt(3, WEATHER)], "test": [prompt(4, CLOCK)]},
    "dates beside tool calls": {
        "train": [prompt(1, external_id="2024-01-01")],
        "test": [prompt(3, messages=TOOLS, external_id="2024-01-02")],
    },
}


# Some formats have no place for tools: there is nothing to load then.
CASES = [
    (which, name)
    for which, given in PARTS.items()
    for name in FORMATS
    if all(rows_of(name, prompts) for prompts in given.values())
]


@pytest.mark.parametrize(("which", "name"), CASES)
def test_the_parts_load_by_the_card(which: str, name: str, tmp_path: Path) -> None:
    datasets.disable_progress_bars()
    given, folder = PARTS[which], tmp_path / "release"
    manifest = release(folder, (name,), given=given)
    (folder / "README.md").write_text(card(manifest), "utf-8")
    found = datasets.load_dataset(str(folder), name, cache_dir=str(tmp_path / "cache"))
    for part in given:
        # A column that some rows do not have is null there.
        loaded = [{column: value for column, value in row.items() if value is not None} for row in found[part]]
        assert loaded == rows_in(folder, manifest, name, part)


@pytest.mark.parametrize("name", ["openai-sft", "openai-preference"])
def test_a_list_of_tools_is_warned_of_as_tool_calls_are(name: str) -> None:
    for made, warned in ((prompt(1), False), (prompt(1, WEATHER), True), (prompt(1, messages=TOOLS), True)):
        watch = Watch()
        for row in rows_of(name, [made]):
            watch.see(row, encode(row), before=0)
        assert any("4.7" in said for said in watch.warnings()) is warned
