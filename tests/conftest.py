"""One throwaway PostgreSQL and Valkey for the whole test run, out of the same wheels as the local start.

They are started before Django reads its settings, and end with the run, also when it is interrupted. Processes of
pytest-xdist share them: each has a database of its own (pytest-django) and a broker number of its own.
"""

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

from annotate.environment import SECRETS, VARIABLES
from annotate.servers import Server, create_database, last_lines, postgres, valkey
from annotate.supervisor import start_process


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers and name them to Django, which pytest-django sets up after this."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        _name_everything(config)
        if config.getoption("numprocesses", None):
            # Others run the tests. They would inherit the name of the settings, which importing annotate sets, and read
            # them before they get here.
            os.environ.pop("DJANGO_SETTINGS_MODULE", None)
            return
    elif worker.removeprefix("gw").isdigit():
        number = 1 + int(worker.removeprefix("gw")) % 15
        os.environ["BROKER_URL"] = os.environ["BROKER_URL"].partition("?")[0] + f"?virtual_host={number}"
    os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.settings"

    from django.conf import settings

    # Safe hashes take half a second each, by design; tests make hundreds of accounts.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

    from django.test import TransactionTestCase

    from tests.emptying import empty_tables

    TransactionTestCase._fixture_teardown = empty_tables  # type: ignore[attr-defined]


def _name_everything(config: pytest.Config) -> None:
    # As Ctrl-C does: pytest ends the run, and what was started here with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    home = Path(tempfile.mkdtemp(prefix="annotate-tests-"))
    home.chmod(0o711)  # root runs the servers as another user, who must pass through
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    for name in [*VARIABLES, *(f"{name}_FILE" for name in SECRETS)]:
        os.environ.pop(name, None)  # nothing of the developer's own platform reaches the tests
    database = _start(config, postgres(home, durable=False))
    create_database(database)
    os.environ |= {
        "ANNOTATE_HOME": str(home),
        "DATABASE_URL": database,
        "BROKER_URL": _start(config, valkey(home, durable=False)),
        "SECRET_KEY": "only for tests: nothing outside this run is signed with it",
        "DEBUG": "1",  # at import alone, for plain names of static files; Django's test runner then switches it off
    }


def _start(config: pytest.Config, server: Server) -> str:
    with server.log.open("ab") as log:
        process = start_process(
            server.command,
            env={"LC_ALL": "C", "TZ": "UTC"},
            folder=server.folder,
            death=server.stop,
            account=server.account,
            output=log,
        )

    def stop() -> None:
        process.send_signal(server.stop)
        process.wait(timeout=30)

    config.add_cleanup(stop)
    end = time.monotonic() + 60
    while not server.answers():
        if process.poll() is not None or time.monotonic() > end:
            raise pytest.UsageError(f"{server.name} does not start:\n{last_lines(server.log, 20)}")
        time.sleep(0.05)
    return server.url
