"""Before the local platform serves: bring the database and the static files up to date, and make the demo once.

Run as a program by ``annotate.local``. What needs nothing done is found out quickly, for it is so at most starts.
"""

import hashlib
import os
import sys
from pathlib import Path

import django
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from annotate.environment import ConfigurationError, Environment


def main() -> None:
    """Prepare, or end with one line that says what is in the way."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.settings")
    try:
        django.setup()
        migrate()
        collect_static_files()
        make_demo()
    except ConfigurationError as error:
        sys.exit(str(error))
    except OperationalError as error:
        if connection.connection is not None:
            raise
        sys.exit(f"The database does not answer: {str(error).strip().splitlines()[0]}")


def migrate() -> None:
    """Run the migrations that are missing."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        print("Bringing the database up to date.", flush=True)
        call_command("migrate", interactive=False, verbosity=0)


def collect_static_files() -> None:
    """Gather and hash the static files, if any of them changed since the last time."""
    from django.conf import settings

    if settings.DEBUG:
        return  # served from where they lie
    root = Path(settings.STATIC_ROOT)
    stamp, state = settings.ANNOTATE_HOME / "static.stamp", _state_of_static_files()
    if stamp.exists() and stamp.read_text() == state and (root / "staticfiles.json").exists():
        return
    print("Collecting static files.", flush=True)
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, clear=root.exists(), verbosity=0)
    stamp.write_text(state)


def make_demo() -> None:
    """Make the demo project, once for each home and database."""
    from django.conf import settings

    env = Environment.read()
    wanted = env.flag("ANNOTATE_DEMO", default=True)
    env.check()
    database = (
        f"{connection.settings_dict['HOST']}:{connection.settings_dict['PORT']}/{connection.settings_dict['NAME']}"
    )
    mark = settings.ANNOTATE_HOME / "demo"
    if not wanted or (mark.exists() and mark.read_text() == database):
        return
    call_command("ensure_demo")
    mark.write_text(database)


def _state_of_static_files() -> str:
    """A fingerprint of every static file by path, size and time, and of the code that hashes them."""
    from django.conf import settings
    from django.contrib.staticfiles.finders import get_finders

    digest = hashlib.sha256(f"{django.__version__} {settings.STATIC_ROOT} {settings.STORAGES}".encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = os.stat(storage.path(path))
            digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
