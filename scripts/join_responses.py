"""Joins what several models wrote to the same prompts into prompt lines with candidates, for an import as `jsonl`.

    python scripts/join_responses.py small=small.jsonl large=large.jsonl > joined.jsonl
    python scripts/join_responses.py --prompt instruction,input --response output --strip *.jsonl > joined.jsonl

Each file is JSON Lines of one model, named before `=`, or else after its file. Responses belong together when their
prompts are the same text. Prompts keep the order in which they first come; a model that answers one twice has two
candidates. A blank response is left out, and said on stderr: an import would refuse its whole line. All of it is held
in memory.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Lines = dict[str, dict[str, Any]]


class Mistake(Exception):
    """A line that cannot be used: where, what is wrong, and what it has."""


def named(argument: str) -> tuple[str, Path]:
    """A model's name and its file, from NAME=FILE or FILE."""
    name, equals, path = argument.partition("=")
    return (name, Path(path)) if equals else (Path(argument).stem, Path(argument))


def records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a file, each with where it stands."""
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise Mistake(f"{where}: it is no JSON: {error.msg} at column {error.colno}.") from error
            if not isinstance(record, dict):
                raise Mistake(f"{where}: it is no JSON object.")
            yield where, record


def text(record: dict[str, Any], name: str, where: str) -> str:
    """A field that holds a text."""
    value = record.get(name)
    if isinstance(value, str):
        return value
    raise Mistake(f"{where}: “{name}” is no text. The line has {', '.join(sorted(record)) or 'no fields'}.")


@dataclass(frozen=True)
class Fields:
    """What is read of a line: the parts of its prompt and its response, perhaps without the space around that."""

    prompt: tuple[str, ...]
    response: str
    strip: bool


def add(lines: Lines, model: str, path: Path, fields: Fields) -> int:
    """Adds one model's responses to the lines; tells how many were blank. Raises Mistake."""
    blank = 0
    for where, record in records(path):
        # A field after the first may be missing: instructions often have no input.
        first, *more = fields.prompt
        parts = [text(record, first, where), *(text(record, one, where) for one in more if record.get(one) is not None)]
        asked = "\n\n".join(part.strip() for part in parts if part.strip()) if more else parts[0]
        answer = text(record, fields.response, where)
        line = lines.setdefault(asked, {"prompt": asked, "candidates": []})
        if answer.strip():
            line["candidates"].append({"text": answer.strip() if fields.strip else answer, "model": model})
        else:
            blank += 1
    return blank


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Joins several models' responses into prompt lines with candidates.")
    parser.add_argument("files", nargs="+", metavar="[MODEL=]FILE", help="JSON Lines of one model's responses")
    parser.add_argument("--prompt", default="prompt", help="the field of the prompt, or several separated by commas")
    parser.add_argument("--response", default="response", help="the field of the response")
    parser.add_argument("--strip", action="store_true", help="take the space around responses away")
    chosen = parser.parse_args(arguments)
    fields = Fields(tuple(chosen.prompt.split(",")), chosen.response, chosen.strip)
    lines: Lines = {}
    try:
        for model, path in map(named, chosen.files):
            if blank := add(lines, model, path, fields):
                number = "1 blank response is" if blank == 1 else f"{blank} blank responses are"
                print(f"{path}: {number} left out.", file=sys.stderr)
    except (Mistake, OSError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    for line in lines.values():
        print(json.dumps(line, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
