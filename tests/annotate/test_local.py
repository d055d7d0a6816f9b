"""The one-command start, for real: everything comes up, is found by other commands, and goes without a trace."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from annotate.environment import ROOT
from tests.annotate.running import environment, free_port, python

pytestmark = pytest.mark.slow

PROGRAMS = {"web", "jobs", "generation", "beat"}


class Platform:
    """A local start on a home of its own."""

    def __init__(self, home: Path, **values: str) -> None:
        self.home, self.port = home, free_port()
        # No demo: its generator would keep both processors busy for the rest of the test run.
        self.env = environment(ANNOTATE_HOME=str(home), PORT=str(self.port), ANNOTATE_DEMO="0", **values)
        self.output = home.parent / f"output-{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.output.open("wb") as output:
            command = [sys.executable, "-m", "annotate.local"]
            self.process = subprocess.Popen(command, env=self.env, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        self.wait_for("Serving at")
        for name in ("jobs@", "generation@"):
            self.wait_for(name)

    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, text: str) -> None:
        self.wait_until(lambda: text in self.said(), f"never said {text!r}")

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        assert self.process is not None
        end = time.monotonic() + 120
        while not ready():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, f"{what}:\n{self.said()}"
            time.sleep(0.05)

    def family(self) -> list[psutil.Process]:
        assert self.process is not None
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(timeout=60)

    def health(self) -> dict[str, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=10) as answer:
            found: dict[str, str] = json.load(answer)
        return found

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return python("manage.py", *arguments, env=self.env)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            for each in self.family():
                each.kill()
            self.process.kill()
            self.process.wait()


@pytest.fixture
def platform() -> Iterator[Platform]:
    with tempfile.TemporaryDirectory(prefix="annotate-local-") as name:
        Path(name).chmod(0o711)
        one = Platform(Path(name) / "home")
        yield one
        one.kill()


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_a_whole_life(platform: Platform) -> None:
    platform.start()
    assert platform.health() == {"status": "ok", "web": "ok", "database": "ok", "broker": "ok"}

    # Other commands find the servers by the home alone.
    done = platform.manage("shell", "-v0", "-c", "from labeling.models import User; print(User.objects.count())")
    assert done.stdout.strip() == "0", done.stderr
    done = platform.manage("migrate", "--check")
    assert done.returncode == 0, done.stderr

    # The workers take jobs from the broker, each from its own queue.
    ask = "from annotate.celery import app; print(sorted(app.control.ping(timeout=5), key=str))"
    done = platform.manage("shell", "-v0", "-c", ask)
    assert "jobs@" in done.stdout, done.stderr
    assert "generation@" in done.stdout, done.stderr

    # Beat shows that it lives.
    platform.wait_until(lambda: (platform.home / "beat.alive").exists(), "beat has sent nothing")

    # What is secret is its owner's alone.
    for name in ("env", "secret-key"):
        assert (platform.home / name).stat().st_mode & 0o777 == 0o600
    assert (platform.home / "secret-key").read_text() not in platform.said()

    # A second start on this home, and one on this port, are told in a line.
    again = python("-m", "annotate.local", env=platform.env)
    assert again.returncode == 1
    assert f"Already running on {platform.home}: process" in again.stderr
    assert again.stderr.count("\n") == 1
    elsewhere = platform.home.parent / "elsewhere"
    taken = python("-m", "annotate.local", env={**platform.env, "ANNOTATE_HOME": str(elsewhere)})
    assert taken.returncode == 1
    assert f"Port {platform.port} of 127.0.0.1 cannot be used" in taken.stderr
    assert taken.stderr.count("\n") == 1
    assert not (elsewhere / "postgres").exists()

    # SIGTERM ends all of it.
    family = platform.family()
    assert len(family) >= 9  # two servers, gunicorn and two, three celery parents and three of theirs
    assert platform.end(signal.SIGTERM) == 0
    assert alive(family) == []

    # Commands now say what to do, in a line.
    done = platform.manage("showmigrations")
    assert done.returncode == 1
    assert "make run" in done.stderr
    assert done.stderr.count("\n") == 1

    # The second start makes nothing again.
    platform.start()
    assert "First start" not in platform.said()
    assert "Collecting" not in platform.said()
    assert "up to date" not in platform.said()

    # Killed outright, all of it: the next start just works.
    family = platform.family()
    assert platform.process is not None
    platform.process.kill()
    for each in family:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            pass
    platform.process.wait()
    platform.start()
    assert platform.health()["status"] == "ok"

    # Only the supervisor killed: the rest goes by itself, and the next start works again.
    family = platform.family()
    platform.process.kill()
    platform.process.wait()
    end = time.monotonic() + 60
    while alive(family):
        assert time.monotonic() < end, alive(family)
        time.sleep(0.1)
    platform.start()

    # A program that dies is named, and the others are ended.
    family = platform.family()
    next(each for each in family if "beat" in each.cmdline()).kill()
    assert platform.process.wait(timeout=60) == 1
    assert "beat was killed by SIGKILL. Stopping the rest." in platform.said()
    assert alive(family) == []


def test_servers_that_are_named_are_used_and_none_is_started(platform: Platform) -> None:
    # The test run's own servers stand for a team's.
    platform.env |= {name: os.environ[name] for name in ("DATABASE_URL", "BROKER_URL")}
    platform.start()
    assert platform.health()["status"] == "ok"
    assert not (platform.home / "postgres").exists()
    assert not (platform.home / "valkey").exists()
    names = {each.name() for each in platform.family()}
    assert not names & {"postgres", "valkey-server"}
    assert platform.end(signal.SIGINT) == 0


def test_a_taken_port_is_told_before_anything_starts(platform: Platform) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", platform.port))
        other.listen()
        done = python("-m", "annotate.local", env=platform.env)
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {platform.port} of 127.0.0.1 cannot be used (Address already in use). "
        f"Choose another: make run PORT={platform.port + 1}\n"
    )
    assert not (platform.home / "postgres").exists()


@pytest.mark.parametrize(("name", "value"), [("PORT", "http"), ("ANNOTATE_HOEM", "/tmp"), ("WEB_WORKERS", "0")])
def test_a_bad_setting_is_told_by_name(platform: Platform, name: str, value: str) -> None:
    done = python("-m", "annotate.local", env={**platform.env, name: value})
    assert done.returncode == 1
    assert f"{name}: " in done.stderr + done.stdout
    assert not (platform.home / "postgres").exists()


def test_a_database_that_does_not_answer_is_told_in_a_line(platform: Platform) -> None:
    platform.env |= {"DATABASE_URL": "postgresql://a@127.0.0.1:1/a", "BROKER_URL": "redis://127.0.0.1:1/0"}
    done = python("-m", "annotate.local", env=platform.env)
    assert done.returncode == 1
    assert "prepare   │ The database does not answer: " in done.stdout
    assert "Traceback" not in done.stdout
