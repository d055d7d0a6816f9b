"""A platform of its own, as it runs in earnest: PostgreSQL that waits for its disk, Valkey, gunicorn and Celery.

For what has to be killed, and for what has to be measured. Start it from the main thread (annotate.supervisor).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from annotate import probe
from annotate.environment import ROOT, SECRETS, VARIABLES
from annotate.servers import Server, create_database, last_lines, postgres, valkey
from annotate.site import Site
from annotate.supervisor import start_process
from tests.annotate.running import free_port

PATIENCE = 120  # seconds that any part may take to answer
PROGRAMS = ("web", "jobs", "beat")
JOBS = "2"  # processes of Celery's worker
_ALONE = ("--without-gossip", "--without-mingle")


class Platform:
    """The servers and programs of a Procfile without generation, on a home that goes with them.

    `step` is how many tasks or lines are done at a time where that is not what it usually is (tests.hammer.steps).
    """

    def __init__(self, home: Path, *, workers: int, threads: int, step: int, options: dict[str, str]) -> None:
        self.home, self.port = home, free_port()
        self.options, self.step = options, step
        self.servers: dict[str, Server] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.server("postgres")
        create_database(self.servers["postgres"].url)
        self.server("valkey")
        for name in [*VARIABLES, *(f"{name}_FILE" for name in SECRETS)]:
            os.environ.pop(name, None)
        # This process speaks to the same database, and what it starts does.
        os.environ |= {
            "ANNOTATE_HOME": str(home),
            "DATABASE_URL": self.servers["postgres"].url,
            "BROKER_URL": self.servers["valkey"].url,
            "SECRET_KEY": "kV7rT2mQ9xZ4bN8wL1cJ6hF3gD5sA0pYuEoIqRtWzXvBnMkLj7",
            "PLAIN_HTTP": "1",
            "ALLOWED_HOSTS": "127.0.0.1",
            "PORT": str(self.port),
            "WEB_WORKERS": str(workers),
            "WEB_THREADS": str(threads),
            # As annotate.web does, for this process too.
            "DATABASE_POOL": str(threads + 1),
            "DJANGO_SETTINGS_MODULE": "annotate.settings",
            "HAMMER_STEP": str(step),
        }

    def log(self, name: str) -> Path:
        """Where a program of the platform writes, through all its starts."""
        return self.home / f"{name}.log"

    def server(self, name: str) -> None:
        """Starts PostgreSQL or Valkey, for the first time or again, and waits until it answers."""
        server = {"postgres": postgres, "valkey": valkey}[name](self.home)
        options = [f"--{key}={value}" for key, value in self.options.items()] if name == "postgres" else []
        self.servers[name] = server
        with server.log.open("ab") as log:
            self.running[name] = start_process(
                [*server.command, *options],
                env={"LC_ALL": "C", "TZ": "UTC"},
                folder=server.folder,
                death=server.stop,
                account=server.account,
                output=log,
            )
        self._wait(name, server.answers, server.log)

    def start(self, name: str) -> None:
        """Starts a program as the Procfile does, for the first time or again: web, jobs or beat."""
        site = "tests.hammer.steps:application" if self.step else "annotate.wsgi"
        celery = ["celery", "-q", "-A", "tests.hammer.steps:app" if self.step else "annotate"]
        words = {
            "web": ["gunicorn", "-c", "python:annotate.web", site],
            "jobs": [*celery, "worker", "-n", "jobs@%h", "-Q", "default", "-c", JOBS, *_ALONE],
            "beat": [*celery, "beat", "-s", str(self.home / "beat"), "--pidfile="],
        }[name]
        env = dict(os.environ) | {"PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"}
        if name != "web":
            del env["DATABASE_POOL"]  # Celery forks: see the settings
        with self.log(name).open("ab") as log:
            self.running[name] = start_process(
                [sys.executable, "-m", *words], env=env, folder=ROOT, death=signal.SIGKILL, output=log
            )

    def web(self, *, static: bool) -> None:
        """Starts gunicorn, and waits until every part of the site is well."""
        from django.core.management import call_command

        if static:
            call_command("collectstatic", interactive=False, verbosity=0)
        self.start("web")
        self.wait_until_well()

    def end_web(self) -> None:
        """Ends gunicorn, and at once."""
        if "web" in self.running:
            self.kill("web")

    def kill(self, name: str, *, whole: bool = True) -> None:
        """Kills a program, and unless told otherwise at the same moment every process that it has started."""
        process = self.running[name]
        try:
            os.killpg(process.pid, signal.SIGKILL) if whole else process.kill()
        except ProcessLookupError:
            pass
        process.wait()

    def ended(self) -> list[str]:
        """The programs that have ended by themselves."""
        return [name for name in PROGRAMS if name in self.running and self.running[name].poll() is not None]

    def wait_until_well(self) -> None:
        """Waits until /healthz answers with 200."""
        site = Site(self.home, "127.0.0.1", self.port, 1, 1, "127.0.0.1")
        self._wait("web", lambda: probe.ask(site)[0] == 200, self.log("web"))

    def children(self, name: str) -> list[psutil.Process]:
        """Gunicorn's workers, or Celery's."""
        try:
            return list(psutil.Process(self.running[name].pid).children())
        except psutil.NoSuchProcess:
            return []

    def _wait(self, name: str, ready: Callable[[], bool], log: Path) -> None:
        end = time.monotonic() + PATIENCE
        while not ready():
            if self.running[name].poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{name} does not answer:\n{last_lines(log, 20)}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends everything: the programs at once, and then what they use, in order."""
        for name in PROGRAMS:
            if name in self.running:
                self.kill(name)
        for name in ("valkey", "postgres"):
            if name in self.running:
                self.running[name].send_signal(self.servers[name].stop)
        for process in self.running.values():
            process.wait(timeout=60)


@contextmanager
def running(*, workers: int, threads: int, step: int = 0, **options: str) -> Iterator[Platform]:
    """The servers and an empty, migrated database, with Django set up on it here. `options` are PostgreSQL's."""
    home = Path(tempfile.mkdtemp(prefix="annotate-hammer-"))
    home.chmod(0o711)  # root runs the servers as another user, who must pass through
    platform = None
    try:
        platform = Platform(home, workers=workers, threads=threads, step=step, options=options)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield platform
    finally:
        if platform is not None:
            platform.stop()
        shutil.rmtree(home, ignore_errors=True)
