"""What the checks share. Runs in a trainer's environment, so it imports nothing of the platform."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def folder() -> Path:
    """Where the samples are: the only argument of a check."""
    return Path(sys.argv[1])


def rows(name: str) -> list[Row]:
    """The rows of a sample, read by the line."""
    lines = (folder() / f"{name}.jsonl").read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1]]


def same(what: str, found: Any, wanted: Any) -> None:
    """Ends the check where two things differ, and says where."""
    if found != wanted:
        raise SystemExit(f"{what}\n  loaded: {found!r}\n  wanted: {wanted!r}")


def said(name: str, number: int) -> None:
    print(f"  {name}: {number} rows, each as it was exported")
