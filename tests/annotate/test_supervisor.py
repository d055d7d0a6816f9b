"""Several programs are run as one, and none outlives the others."""

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from annotate.environment import ROOT
from annotate.supervisor import describe

PRELUDE = """
import sys
from pathlib import Path
from annotate.supervisor import Stopped, Supervisor
import os, signal
ENV, HERE = dict(os.environ), Path.cwd()
def python(code):
    return [sys.executable, "-u", "-c", code]
supervisor = Supervisor()
code = 0
try:
"""
POSTLUDE = """
    while True:
        supervisor.pump()
except Stopped as reason:
    code = reason.code
    supervisor.say(str(reason))
finally:
    supervisor.stop(grace=1.0)
sys.exit(code)
"""
FOREVER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
PARENT = (
    "import subprocess, sys, time;"
    f"subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], start_new_session=True);"
    "time.sleep(600)"
)

Run = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def run() -> Iterator[Run]:
    """Start a supervisor whose children are set up by a few lines of Python."""
    started: list[subprocess.Popen[str]] = []

    def start(body: str) -> subprocess.Popen[str]:
        program = PRELUDE + textwrap.indent(textwrap.dedent(body), "    ") + POSTLUDE
        process = subprocess.Popen(
            [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        for each in family(process.pid):
            each.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def family(pid: int) -> list[psutil.Process]:
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    assert process.stdout is not None
    seen = ""
    while text not in seen:
        line = process.stdout.readline()
        assert line, f"ended before {text!r}:\n{seen}"
        seen += line
    return seen


def all_gone(processes: list[psutil.Process]) -> bool:
    return not [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def start_line(name: str, code: str) -> str:
    return f"supervisor.start({name!r}, python({code!r}), env=ENV, folder=HERE)\n"


def test_it_prints_what_each_child_says_under_its_name(run: Run) -> None:
    process = run(start_line("one", "print('hello'); print('again')") + start_line("two", FOREVER))
    seen, _ = process.communicate(timeout=30)
    assert "one       │ hello\n" in seen
    assert "one       │ again\n" in seen


def test_a_progress_bar_takes_one_line(run: Run) -> None:
    process = run(start_line("one", r"print('\r 10%', end='\r 50%\r'); print('100%')"))
    seen, _ = process.communicate(timeout=30)
    assert "one       │ 100%\n" in seen
    assert "50%" not in seen


def test_a_child_that_ends_is_named_and_ends_the_rest(run: Run) -> None:
    process = run(start_line("steady", FOREVER) + start_line("weak", "import time, sys; time.sleep(0.5); sys.exit(3)"))
    read_until(process, "steady    │ up")
    children = family(process.pid)
    seen, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "weak ended with status 3. Stopping the rest." in seen
    assert all_gone(children)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(run: Run, number: signal.Signals) -> None:
    process = run(start_line("one", FOREVER) + start_line("two", FOREVER))
    read_until(process, "two       │ up")
    children = family(process.pid)
    assert len(children) == 3
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert all_gone(children)


def test_a_child_that_does_not_listen_is_killed_and_named(run: Run) -> None:
    process = run(start_line("stubborn", STUBBORN))
    read_until(process, "stubborn  │ up")
    children = family(process.pid)
    process.terminate()
    seen, _ = process.communicate(timeout=30)
    assert "stubborn did not end when asked and is killed." in seen
    assert all_gone(children)


def test_grandchildren_that_went_their_own_way_are_ended_too(run: Run) -> None:
    process = run(start_line("parent", PARENT))
    read_until(process, "│ up")
    children = family(process.pid)
    assert len(children) == 3
    process.terminate()
    process.communicate(timeout=30)
    assert all_gone(children)


def test_servers_end_after_the_programs_that_use_them(run: Run, tmp_path: Path) -> None:
    book = tmp_path / "book"

    def writes(name: str) -> str:
        at_end = f"(open({str(book)!r}, 'a').write('{name} '), sys.exit())"
        return f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: {at_end}); {FOREVER}"

    server, program = (f"python({writes(name)!r})" for name in ("server", "program"))
    process = run(
        f"supervisor.start('server', {server}, env=ENV, folder=HERE, last=True)\n"
        f"supervisor.start('program', {program}, env=ENV, folder=HERE)\n"
    )
    seen = read_until(process, "│ up")
    read_until(process, "program   │ up" if "server" in seen else "server    │ up")
    process.terminate()
    process.communicate(timeout=30)
    assert book.read_text() == "program server "


def test_killing_the_supervisor_outright_leaves_no_child(run: Run) -> None:
    process = run(start_line("one", FOREVER) + start_line("two", FOREVER))
    read_until(process, "two       │ up")
    children = family(process.pid)
    process.kill()
    process.wait()
    wait_for(lambda: all_gone(children), "a child outlived its supervisor")


def test_a_program_run_to_its_end_stops_the_start_when_it_fails(run: Run) -> None:
    process = run("supervisor.run('prepare', python('import sys; print(1); sys.exit(4)'), env=ENV, folder=HERE)\n")
    seen, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "prepare   │ 1\n" in seen
    assert "prepare ended with status 4." in seen


def test_a_reader_that_goes_away_does_no_harm(run: Run, tmp_path: Path) -> None:
    ticks = tmp_path / "ticks"
    chatty = (
        "import time\n"
        "while True:\n"
        f"    print('x' * 1000, flush=True); open({str(ticks)!r}, 'a').write('.'); time.sleep(0.002)"
    )
    process = run(start_line("chatty", chatty))
    read_until(process, "chatty")
    children = family(process.pid)
    assert process.stdout is not None
    process.stdout.close()
    wait_for(ticks.exists, "the child does not begin")
    goal = ticks.stat().st_size + 500  # far more than pipes hold: the supervisor still reads
    wait_for(lambda: ticks.stat().st_size > goal, "the child is held up")
    process.terminate()
    process.wait(timeout=30)
    assert process.returncode == 0
    assert all_gone(children)


def test_an_exit_status_is_told_in_words() -> None:
    assert describe(3) == "ended with status 3"
    assert describe(-9) == "was killed by SIGKILL"
    assert describe(-99) == "was killed by signal 99"
