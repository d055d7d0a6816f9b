"""Runs several programs as one: prints what they say under their names, and ends all of them together.

- A child that ends by itself is told by name, and the others are ended too.
- Ctrl-C, SIGTERM or a closed terminal ends everything; a second one does not wait.
- Every child is told by the kernel when the supervisor is killed outright (Linux), so nothing stays behind.
"""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import BinaryIO

import psutil

from annotate.servers import Account

COLOURS = ("36", "33", "32", "35", "34", "31")
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class Stopped(Exception):
    """Everything is to end now. ``code`` is the exit status; the message, if any, is for the terminal."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Child:
    """One running program. ``last`` ones are ended after the others, which may need them to the end."""

    name: str
    process: subprocess.Popen[bytes]
    stop: signal.Signals
    last: bool
    colour: str
    unfinished: bytearray = field(default_factory=bytearray)

    @property
    def pipe(self) -> BinaryIO | None:
        """What the child prints, where that is not going to a file."""
        return self.process.stdout  # type: ignore[return-value]


def start_process(
    command: list[str],
    *,
    env: Mapping[str, str],
    folder: Path,
    death: signal.Signals,
    account: Account | None = None,
    output: BinaryIO | int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own, to be sent ``death`` when the thread that starts it is gone.

    Call from the main thread: the kernel ties the child to the thread, not to the process.
    """
    parent = os.getpid()

    def tie_to_parent() -> None:  # runs in the child, after it took on the account, before the program
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(death), 0, 0, 0)
            if os.getppid() != parent:  # it died before the line above
                os.kill(os.getpid(), signal.SIGKILL)

    return subprocess.Popen(
        command,
        env=dict(env),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C in the terminal reaches the supervisor alone, which ends them in order
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=tie_to_parent,  # safe: the supervisor has one thread
    )


class Supervisor:
    """Starts children, passes on what they print and keeps watch. Every wait goes through ``pump``."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self.asked: list[int] = []  # signals received
        self.selector = selectors.DefaultSelector()
        self.plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
        self.width = 10
        if _LIBC is not None:
            # Orphans of our children become our children, so they can be found and ended too.
            _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.asked.append(number)

    def say(self, text: str, name: str = "annotate", colour: str = "1") -> None:
        """Print ``text`` with ``name`` before each line."""
        for line in text.splitlines() or [""]:
            head = f"{name:<{self.width}}│"
            head = head if self.plain else f"\x1b[{colour}m{head}\x1b[0m"
            try:
                print(f"{head} {line}", flush=True)
            except OSError:  # the terminal or pipe is gone; what is running need not suffer for it
                sys.stdout = open(os.devnull, "w")  # noqa: SIM115

    def start(
        self,
        name: str,
        command: list[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        stop: signal.Signals = signal.SIGTERM,
        account: Account | None = None,
        log: Path | None = None,
        last: bool = False,
    ) -> Child:
        """Start one child. What it prints goes to ``log``, or under its name to our own output."""
        # Should we be killed outright, servers still get to save what they hold. Programs do not: a Celery worker
        # asked to end while its broker goes away tries to reach the broker again, for as long as that takes.
        death = stop if last else signal.SIGKILL
        if log is None:
            process = start_process(command, env=env, folder=folder, death=death, account=account)
        else:
            with log.open("ab") as output:
                process = start_process(command, env=env, folder=folder, death=death, account=account, output=output)
        child = Child(name, process, stop, last, COLOURS[len(self.children) % len(COLOURS)])
        self.children.append(child)
        if child.pipe is not None:
            os.set_blocking(child.pipe.fileno(), False)
            self.selector.register(child.pipe, selectors.EVENT_READ, child)
        return child

    def pump(self, seconds: float = 0.2) -> None:
        """Pass on output for a moment. Raises ``Stopped`` when a signal came or a child ended."""
        self._pass_on(seconds)
        if self.asked:
            raise Stopped(0, f"{signal.Signals(self.asked[0]).name}: stopping.")
        for child in self.children:
            code = child.process.poll()
            if code is not None:
                self._drain(child)
                raise Stopped(1, f"{child.name} {describe(code)}. Stopping the rest.")

    def wait_until(self, ready: Callable[[], bool], *, seconds: float, what: Callable[[], str]) -> None:
        """Pump until ``ready``; after ``seconds``, ``Stopped`` with what is then the matter."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise Stopped(1, f"{what()} (waited {seconds:.0f} s).")
            self.pump(0.1)

    def run(self, name: str, command: list[str], *, env: Mapping[str, str], folder: Path) -> None:
        """Run one program to its end; ``Stopped`` if it fails."""
        child = self.start(name, command, env=env, folder=folder)
        while child.process.poll() is None:
            self._pass_on(0.05)
            if self.asked:
                self.pump(0)
        self._drain(child)
        self.children.remove(child)
        if child.process.returncode:
            raise Stopped(1, f"{name} {describe(child.process.returncode)}.")

    def stop(self, *, grace: float = 10.0) -> None:
        """End every child, servers after the programs that use them, and whatever they left behind.

        Each is asked once and killed after ``grace`` seconds. A second signal to us skips the wait for programs;
        servers are always given theirs, for they are saving data.
        """
        before = len(self.asked)
        for last in (False, True):
            group = [child for child in self.children if child.last is last and child.process.poll() is None]
            for child in group:
                _send(child.process, child.stop)
            end = time.monotonic() + (20.0 if last else grace)
            while any(child.process.poll() is None for child in group) and time.monotonic() < end:
                self._pass_on(0.05)
                if not last and len(self.asked) > before:
                    break
            for child in group:
                if child.process.poll() is None:
                    self.say(f"{child.name} did not end when asked and is killed.")
                    _send(child.process, signal.SIGKILL)
                child.process.wait()
            if not last:
                _kill_all(set(_descendants()) - set(_families(c for c in self.children if c.last)))
        _kill_all(_descendants())
        for child in self.children:
            self._drain(child)

    def _pass_on(self, seconds: float) -> None:
        if not self.selector.get_map():
            time.sleep(seconds)
        for key, _ in self.selector.select(seconds) if self.selector.get_map() else ():
            self._read(key.data)

    def _read(self, child: Child) -> bool:
        """Print whole lines that have come. False when nothing more is there now."""
        assert child.pipe is not None
        try:
            some = os.read(child.pipe.fileno(), 65536)
        except BlockingIOError:
            return False
        if not some:
            self.selector.unregister(child.pipe)
            child.pipe.close()
        child.unfinished += some
        *lines, rest = child.unfinished.split(b"\n")
        if rest and (not some or len(rest) > 65536):
            lines, rest = [*lines, rest], bytearray()
        child.unfinished = bytearray(rest)
        for line in lines:
            # A progress bar writes over its own line; only how it ended is worth one.
            self.say(line.decode(errors="replace").rstrip("\r").rpartition("\r")[2], child.name, child.colour)
        return bool(some)

    def _drain(self, child: Child) -> None:
        while child.pipe is not None and not child.pipe.closed and self._read(child):
            pass


def describe(code: int) -> str:
    """What an exit status means, in words: ``ended with status 3``, ``was killed by SIGKILL``."""
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _send(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    try:
        process.send_signal(how)
    except ProcessLookupError:
        pass


def _descendants() -> list[psutil.Process]:
    return list(psutil.Process().children(recursive=True))


def _families(children: Iterable[Child]) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for child in children:
        try:
            head = psutil.Process(child.process.pid)
            found += [head, *head.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return found


def _kill_all(processes: Iterable[psutil.Process]) -> None:
    left = list(processes)
    for process in left:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            pass
    psutil.wait_procs(left, timeout=5)
