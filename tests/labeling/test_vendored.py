"""The vendored scripts are those that VENDORED.md names, to the byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.process import ROOT


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    program = f"import vendor, pathlib; vendor.VENDOR = pathlib.Path({str(folder)!r}); vendor.main()"
    return subprocess.run(
        [sys.executable, "-c", program, "--check"], cwd=ROOT / "scripts", capture_output=True, text=True, check=False
    )


def test_they_are_what_they_are_said_to_be() -> None:
    done = check(ROOT / "labeling" / "static" / "labeling" / "vendor")
    assert done.returncode == 0, done.stderr


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    source = ROOT / "labeling" / "static" / "labeling" / "vendor"
    for file in (path for path in source.rglob("*") if path.is_file()):
        copy = tmp_path / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    assert check(tmp_path).returncode == 0
    (tmp_path / "stimulus.js").write_text("something else")
    done = check(tmp_path)
    assert done.returncode == 1
    assert "Run `make vendor`" in done.stderr
