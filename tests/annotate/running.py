"""Programs run for a test, with an environment that holds nothing of the tests' own platform."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping

from annotate.environment import ROOT, SECRETS, VARIABLES

GOOD = {
    "SECRET_KEY": "kV7rT2mQ9xZ4bN8wL1cJ6hF3gD5sA0pYuEoIqRtWzXvBnMkLj7",
    "DATABASE_URL": "postgresql://annotate:Zx81-spectrum@db.example.org/annotate",
    "BROKER_URL": "redis://:qA-broker-91@broker.example.org/0",
    "ALLOWED_HOSTS": "labels.example.org",
}


def environment(**values: str) -> dict[str, str]:
    """This machine's environment without the platform's variables, and ``values``."""
    ours = {*VARIABLES, *(f"{name}_FILE" for name in SECRETS), "DJANGO_SETTINGS_MODULE", "DJANGO_ALLOW_ASYNC_UNSAFE"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    # No home of a developer is looked at.
    return {**kept, "ANNOTATE_HOME": "/nonexistent", **values}


def python(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run this Python in the project's folder to its end."""
    return subprocess.run(
        [sys.executable, *arguments], env=dict(env), cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
