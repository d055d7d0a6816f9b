"""Exports to show to other trainers' loaders: one file for each format, of texts that loaders stumble over."""

from __future__ import annotations

from pathlib import Path

import django

# Models are named by what makes rows; no database is ever asked.
django.setup()

from labeling.exports.formats import FORMATS  # noqa: E402
from labeling.exports.policies import Policies  # noqa: E402
from labeling.exports.records import Example  # noqa: E402
from labeling.exports.removed import Removed  # noqa: E402
from labeling.exports.stream import encode  # noqa: E402
from tests.labeling.exports.pure import compared, edited, example, ranked, rated, written  # noqa: E402

REPLIES = [
    "Because blue light scatters most.\n\n1. Sunlight comes in\n2. Blue goes everywhere",
    "日本語で答えます。😀 Ünïcödé \u2028 and a line separator",
    "def f(x):\n\treturn x  # <code> & \"quotes\"",
    "null",
    "2024-01-01",
    "123",
]  # fmt: skip


def examples() -> list[Example]:
    """A prompt for each reply; every other one has a system text and turns before its question."""
    found = []
    for number, reply in enumerate(REPLIES, 1):
        asked = [{"role": "user", "content": f"Question {number}?"}]
        talk = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi there."},
            *asked,
        ]
        found.append(
            example(
                written(reply),
                ranked("a b"),
                compared("a", 2),
                edited(f"{reply} (edited)"),
                rated(a=1, b=0),
                id=number,
                messages=talk if number % 2 else asked,
                texts=[f"{reply} (better)", f"{reply} (worse)"],
            )
        )
    return found


def write(folder: Path) -> None:
    """Writes `<format>.jsonl` for each format, as an export without parts has it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = examples()
    for name, kind in FORMATS.items():
        rows = [row for found in made for row in kind.rows(found, Policies(), Removed())]
        (folder / f"{name}.jsonl").write_bytes("".join(map(encode, rows)).encode())
