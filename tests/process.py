"""Other processes on the test's own database, for what only several processes can show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from django.db import connection

ROOT = Path(__file__).parent.parent


def database_url() -> str:
    """The address of the database that the test runs on (not of the one that the settings name)."""
    found: dict[str, Any] = connection.settings_dict
    query = {"host": found["HOST"], "user": found["USER"]} | ({"port": found["PORT"]} if found["PORT"] else {})
    if found["PASSWORD"]:
        query["password"] = found["PASSWORD"]
    return f"postgresql:///{quote(found['NAME'])}?{urlencode(query)}"


def start(module: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """`python -m module arguments…` on the test's database, its output captured."""
    return _start(["-m", module, *map(str, arguments)], environment)


def start_code(code: str, **environment: str) -> subprocess.Popen[str]:
    """`python -c code` in the same way."""
    return _start(["-c", code], environment)


def _start(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url()} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(processes: list[subprocess.Popen[str]], *, seconds: float) -> list[str]:
    """What each printed, once all have ended well. Kills what is left on the way out."""
    try:
        outputs = [process.communicate(timeout=seconds)[0] for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.communicate()
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output
    return outputs
