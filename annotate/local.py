"""The whole platform on one machine, with one command: ``python -m annotate.local``, which is ``make run``.

PostgreSQL and Valkey run from their wheels unless ``DATABASE_URL`` and ``BROKER_URL`` name others. The programs of the
``Procfile`` run beside them under one supervisor. Everything that is kept lies in one folder, the home:

    env            addresses and the secret key, for other commands on this home (see annotate.environment)
    secret-key     made once
    lock           held while the platform runs
    postgres/ valkey/ files/ models/ static/ logs/ run/
    welcome.txt    printed when the site answers, if it is there: how to log in
"""

import fcntl
import os
import re
import secrets
import shlex
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import TextIO

from annotate import probe
from annotate.environment import ROOT, SECRETS, VARIABLES, ConfigurationError, Environment, write_home_file
from annotate.servers import Server, ServerError, create_database, last_lines, postgres, valkey
from annotate.site import Site
from annotate.supervisor import Stopped, Supervisor


def main() -> int:
    """Run until stopped. 0 when asked to stop; otherwise the last line says what went wrong."""
    try:
        env = Environment(os.environ)
        site = Site.read(env)
        secret = {name: env.secret(name) for name in SECRETS}
        env.check()
        lock, was_killed = _hold(site)
        _refuse_taken_port(site, patience=10.0 if was_killed else 0.0)
    except (ConfigurationError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"{error.filename}: no permission. Does ANNOTATE_HOME belong to another user?", file=sys.stderr)
        return 1

    supervisor, code = Supervisor(), 1
    try:
        _serve(supervisor, site, {name: value for name, value in secret.items() if value})
    except Stopped as reason:
        code = reason.code
        if str(reason):
            supervisor.say(str(reason))
    except (ServerError, PermissionError) as error:
        supervisor.say(str(error))
    finally:
        supervisor.stop()
    lock.truncate(0)  # an empty lock says that the end was in order
    supervisor.say("Everything has ended.")
    return code


def _serve(supervisor: Supervisor, site: Site, secret: dict[str, str]) -> None:
    began = time.monotonic()
    if "DATABASE_URL" not in secret:
        if not (site.home / "postgres").exists():
            supervisor.say("First start: making the database.")
        secret["DATABASE_URL"] = _start(supervisor, postgres(site.home))
        create_database(secret["DATABASE_URL"])
    if "BROKER_URL" not in secret:
        secret["BROKER_URL"] = _start(supervisor, valkey(site.home))
    secret.setdefault("SECRET_KEY", _secret_key(site.home))
    env = _environment(site, secret)
    write_home_file(site.home, {name: env[name] for name in VARIABLES if name in env})

    supervisor.run("prepare", [sys.executable, "-m", "annotate.prepare"], env=env, folder=ROOT)
    # The web server comes first and alone, so people can begin while the workers are still loading.
    programs = _programs(env)
    supervisor.start("web", programs.pop("web"), env=env, folder=ROOT)
    _wait_until_well(supervisor, site)
    for each, command in programs.items():
        supervisor.start(each, command, env=env, folder=ROOT)
    supervisor.pump(0)
    supervisor.say(f"Serving at {site.address} after {time.monotonic() - began:.1f} s. Ctrl-C ends it.")
    supervisor.say(f"Data is kept in {site.home}")
    welcome = site.home / "welcome.txt"
    if welcome.exists():
        supervisor.say(welcome.read_text().rstrip())
    while True:
        supervisor.pump()


def _wait_until_well(supervisor: Supervisor, site: Site) -> None:
    said = ""

    def well() -> bool:
        nonlocal said
        status, said = probe.ask(site)
        return status == 200

    supervisor.wait_until(well, seconds=120, what=lambda: f"{site.address}healthz is not well: {said}")


def _start(supervisor: Supervisor, server: Server) -> str:
    supervisor.start(
        server.name,
        server.command,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
        folder=server.folder,
        stop=server.stop,
        account=server.account,
        log=server.log,
        last=True,
    )
    try:
        supervisor.wait_until(server.answers, seconds=60, what=lambda: f"{server.name} does not answer")
    except Stopped as reason:
        if reason.code:
            raise Stopped(reason.code, f"{reason}\n{last_lines(server.log)}\nAll of it: {server.log}") from None
        raise
    return server.url


def _environment(site: Site, secret: dict[str, str]) -> dict[str, str]:
    """What the programs are started with. Anything set by hand stands."""
    env = {name: value for name, value in os.environ.items() if name not in {f"{each}_FILE" for each in SECRETS}}
    defaults = {
        # Loopback names only and plain http: this is one person's machine. Settings refuse both mistakes elsewhere.
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "PLAIN_HTTP": "1",
        # Celery otherwise waits for jobs under way as long as they take. They lose nothing: their rows are the work.
        "REMAP_SIGTERM": "SIGQUIT",
        "PYTHONUNBUFFERED": "1",
    }
    if os.geteuid() == 0:
        defaults["PYTHONWARNINGS"] = "ignore:You're running the worker with superuser privileges"
    return {
        **defaults,
        **env,
        **secret,
        "ANNOTATE_HOME": str(site.home),
        "WEB_HOST": site.host,
        "PORT": str(site.port),
        # So that gunicorn and celery are those beside this Python, whether or not its environment is activated.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)]),
    }


def _programs(env: dict[str, str]) -> dict[str, list[str]]:
    """The commands of the Procfile by name, with ``$NAME`` filled in from ``env``."""
    programs = {}
    for line in (ROOT / "Procfile").read_text().splitlines():
        name, _, command = line.partition(":")
        if not command.strip() or line.startswith("#"):
            continue
        words = [re.sub(r"\$(\w+)", lambda match: env[match[1]], word) for word in shlex.split(command)]
        words[0] = shutil.which(words[0], path=env["PATH"]) or words[0]
        programs[name.strip()] = words
    return programs


def _hold(site: Site) -> tuple[TextIO, bool]:
    """Take the lock of the home for as long as this process lives; also tells whether the last start was killed."""
    site.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (site.home / "lock").open("a+")
    lock.seek(0)
    holder = lock.read().strip()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ServerError(
            f"Already running on {site.home}: {holder or 'starting'}. Stop that one, or set ANNOTATE_HOME and PORT."
        ) from None
    lock.truncate(0)
    lock.write(f"process {os.getpid()}, {site.address}")
    lock.flush()
    return lock, bool(holder)


def _refuse_taken_port(site: Site, *, patience: float) -> None:
    """Raise where someone listens on our port. After a kill the old web server may need ``patience`` seconds to go."""
    end = time.monotonic() + patience
    while True:
        family = socket.AF_INET6 if ":" in site.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((site.host, site.port))
                return
            except OSError as error:
                if time.monotonic() >= end:
                    raise ServerError(
                        f"Port {site.port} of {site.host} cannot be used ({error.strerror}). "
                        f"Choose another: make run PORT={site.port + 1}"
                    ) from None
        time.sleep(0.2)


def _secret_key(folder: Path) -> str:
    path = folder / "secret-key"
    if not path.exists():
        new = folder / "secret-key.new"  # renamed when whole: a start that is killed here leaves no empty key
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_urlsafe(48))
        new.rename(path)
    return path.read_text().strip()


if __name__ == "__main__":
    sys.exit(main())
