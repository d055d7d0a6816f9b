"""Exports to show to other trainers' loaders: one file for each format, of texts that loaders stumble over.

In the folder `tools` are those of a project in which some prompts have tools, and one a call of one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import django

# Models are named by what makes rows; no database is ever asked.
django.setup()

from labeling.exports import beside  # noqa: E402
from labeling.exports.formats import FORMATS  # noqa: E402
from labeling.exports.policies import Policies, Style  # noqa: E402
from labeling.exports.records import Example  # noqa: E402
from labeling.exports.removed import Removed  # noqa: E402
from labeling.exports.stream import encode  # noqa: E402
from tests.labeling.exports.pure import (  # noqa: E402
    TOOLS,
    compared,
    edited,
    example,
    mark,
    marked,
    ranked,
    rated,
    written,
)

REPLIES = [
    "Because blue light scatters most.\n\n1. Sunlight comes in\n2. Blue goes everywhere",
    "日本語で答えます。😀 Ünïcödé \u2028 and a line separator",
    "def f(x):\n\treturn x  # <code> & \"quotes\"",
    "null",
    "2024-01-01",
    "123",
]  # fmt: skip


def examples() -> list[Example]:
    """A prompt for each reply: of three, one has turns before its question, one a system text alone, one nothing."""
    found = []
    for number, reply in enumerate(REPLIES, 1):
        asked = [{"role": "user", "content": f"Question {number}?"}]
        system = {"role": "system", "content": "Be brief."}
        before = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi there."}]
        talks = [asked, [system, *before, *asked], [system, *asked]]
        found.append(
            example(
                written(reply),
                ranked("a b"),
                compared("a", 2),
                edited(f"{reply} (edited)"),
                rated(a=1, b=0),
                marked(a=[], b=[mark(0, 2, "Major")]),
                id=number,
                messages=talks[number % 3],
                texts=[f"{reply} (better)", f"{reply} (worse)"],
            )
        )
    return found


def with_tools() -> list[Example]:
    """The same of a project with tools, which every other prompt has, and with a prompt that calls one."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    offered = [{"type": "function", "function": {"name": "weather", "description": "¿Warm?", "parameters": schema}}]
    text = json.dumps(offered, ensure_ascii=False)
    calling = example(written("It is 21 °C."), ranked("a b"), rated(a=1, b=0), id=len(REPLIES) + 1, messages=TOOLS)
    return [
        replace(one, with_tools=True, prompt=replace(one.prompt, tools="" if place % 2 else text))
        for place, one in enumerate([*examples(), calling])
    ]


def write(folder: Path) -> None:
    """Writes `<format>.jsonl` for each format, as an export without parts has it, and what goes beside it.

    `kto-standard.jsonl` is `kto` as plain text.
    """
    _write(folder, examples())
    _write(folder / "tools", with_tools())


def _write(folder: Path, made: Sequence[Example]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    info: beside.Entries = {}
    for name, kind in FORMATS.items():
        file = f"{name}.jsonl"
        columns = _write_rows(folder / file, name, Policies(), made)
        info |= json.loads(kind.beside({"": [file]}, columns).get(beside.NAME, "{}"))
    _write_rows(folder / "kto-standard.jsonl", "kto", Policies(style=Style.STANDARD), made)
    (folder / beside.NAME).write_text(beside.encoded(info), "utf-8")


def _write_rows(file: Path, name: str, policies: Policies, made: Sequence[Example]) -> list[str]:
    """Writes the rows of a format and returns their columns."""
    rows = [row for found in made for row in FORMATS[name].rows(found, policies, Removed())]
    file.write_bytes(b"".join(map(encode, rows)))
    return list(rows[0]) if rows else []
