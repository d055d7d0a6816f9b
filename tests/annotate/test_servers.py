"""PostgreSQL and Valkey start on a home whatever the last start left behind."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from annotate.servers import Server, ServerError, create_database, last_lines, postgres, valkey
from annotate.supervisor import start_process

STARTED: list["subprocess.Popen[bytes]"] = []


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that another user may pass through. Servers that a failed test left are ended with it."""
    with tempfile.TemporaryDirectory(prefix="annotate-home-") as name:
        Path(name).chmod(0o711)
        yield Path(name)
        while STARTED:
            process = STARTED.pop()
            if process.poll() is None:
                process.kill()
                process.wait()


def up(server: Server) -> "subprocess.Popen[bytes]":
    """Start ``server`` and wait until it answers."""
    with server.log.open("ab") as log:
        process = start_process(
            server.command,
            env={"LC_ALL": "C"},
            folder=server.folder,
            death=server.stop,
            account=server.account,
            output=log,
        )
    STARTED.append(process)
    end = time.monotonic() + 30
    while not server.answers():
        assert process.poll() is None, last_lines(server.log, 20)
        assert time.monotonic() < end, last_lines(server.log, 20)
        time.sleep(0.05)
    return process


def down(process: "subprocess.Popen[bytes]", server: Server) -> None:
    process.send_signal(server.stop)
    process.wait(timeout=30)


def test_postgresql_keeps_its_data_from_start_to_start(home: Path) -> None:
    server = postgres(home, durable=False)
    process = up(server)
    create_database(server.url)
    create_database(server.url)  # where it is there, nothing happens
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    down(process, server)

    server = postgres(home, durable=False)
    process = up(server)
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        version = connection.execute("SHOW server_version").fetchone()
        assert version is not None
        assert version[0].startswith("18.")
    down(process, server)


def test_valkey_keeps_its_messages_from_start_to_start(home: Path) -> None:
    server = valkey(home)
    process = up(server)
    socket = str(home / "run" / "valkey.sock")
    with redis.Redis(unix_socket_path=socket) as client:
        client.lpush("queue", "message")
    down(process, server)

    server = valkey(home)
    process = up(server)
    with redis.Redis(unix_socket_path=socket) as client:
        assert client.lrange("queue", 0, -1) == [b"message"]
    down(process, server)


def test_nobody_else_can_reach_the_servers(home: Path) -> None:
    server = postgres(home, durable=False)
    process = up(server)
    assert (home / "run").stat().st_mode & 0o777 == 0o700
    assert (home / "postgres").stat().st_mode & 0o777 == 0o700
    create_database(server.url)
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    down(process, server)


def test_servers_that_a_killed_start_left_running_are_ended_first(home: Path) -> None:
    first = postgres(home, durable=False), valkey(home)
    left = [up(server) for server in first]
    second = postgres(home, durable=False), valkey(home)  # this ends them
    assert all(process.poll() is not None for process in left)
    for server in second:
        down(up(server), server)


def test_a_pid_file_that_names_another_program_is_no_obstacle(home: Path) -> None:
    server = postgres(home, durable=False)
    process = up(server)
    lines = (home / "postgres" / "postmaster.pid").read_text().splitlines()
    process.send_signal(signal.SIGKILL)
    process.wait()
    other = subprocess.Popen(["sleep", "600"])
    (home / "postgres" / "postmaster.pid").write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
    server = postgres(home, durable=False)
    down(up(server), server)
    assert other.poll() is None, "a program that is not ours was ended"
    other.kill()
    other.wait()


def test_a_home_with_a_long_path_gets_its_sockets_elsewhere(home: Path) -> None:
    far = home.joinpath(*["a-folder-with-quite-a-long-name"] * 4)
    server = postgres(far, durable=False)
    process = up(server)
    folder = Path(server.url.partition("host=")[2])
    assert folder.parent == Path(tempfile.gettempdir())
    assert folder.stat().st_mode & 0o777 == 0o700
    down(process, server)
    assert valkey(far).url.startswith(f"redis+socket://{folder}/")
    folder.rmdir()


def test_data_of_another_version_is_not_touched(home: Path) -> None:
    server = postgres(home, durable=False)
    (home / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ServerError, match="made by PostgreSQL 16; this is 18"):
        postgres(home, durable=False)
    assert server.folder.exists()


def test_a_database_half_made_is_made_again(home: Path) -> None:
    broken = home / "postgres-new-killed"
    broken.mkdir()
    (broken / "PG_VERSION").write_text("18\n")
    server = postgres(home, durable=False)
    assert not broken.exists()
    down(up(server), server)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the servers as someone else")
def test_root_starts_them_as_another_user(home: Path) -> None:
    server = postgres(home, durable=False)
    process = up(server)
    assert server.account is not None
    assert os.stat(f"/proc/{process.pid}").st_uid == server.account.uid != 0
    down(process, server)
