"""`manage.py export PROJECT --format F`: what `GET /api/projects/{slug}/export/` gives, to a file or a pipe."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.errors import DomainError
from labeling.exports import beside, choices, stream, tokens
from labeling.exports.cleaning import Tools
from labeling.exports.contamination import benchmark_in
from labeling.exports.formats import FORMATS
from labeling.exports.settings import SETTINGS
from labeling.models import Project


class Command(BaseCommand):
    """Writes an export; what came out and what was left out goes to stderr. An export without rows is an error."""

    help = "Writes annotations as JSON Lines that trainers load."
    # Checks look at pages and addresses, which have no part in an export; a pipe should start at once.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("--format", required=True, metavar="F", help=f"one of: {', '.join(FORMATS)}")
        parser.add_argument("--queue", default="", help="the slug or number of one queue; all of them without it")
        for setting in SETTINGS:
            known = f"one of: {', '.join(setting.titles)}" if setting.titles else f"such as {setting.kind.example}"
            parser.add_argument(
                setting.option, default="", metavar=setting.name[0].upper(), help=f"{setting.help} {known}"
            )
        parser.add_argument(
            "--benchmark", default="", metavar="FILE", help="leave out rows that share 13 words in a row with this file"
        )
        parser.add_argument("--out", default="-", metavar="FILE", help="a file; - or nothing is standard output")

    def handle(self, *args: Any, project: str, out: str, benchmark: str = "", **options: Any) -> None:
        found = Project.objects.filter(slug=project).first()
        if found is None:
            raise CommandError(f"There is no project “{project}”.")
        given = {name: options[name] for name in choices.NAMES if options[name]}
        try:
            choice = choices.parse(found, given)
            count = tokens.chosen(settings.ANNOTATE_HOME / "models", choice.policies.tokenizer)
            tools = Tools(count, benchmark_in(benchmark))
            with closing(stream.Export(choice, tools=tools)) as export:
                entries = beside.entries(choice, Path(out).name, export.columns) if _is_file(out) else {}
                if entries:
                    _there(out)  # before the first byte: one that is broken stays as it is, and nothing is written
                with _destination(out) as target:
                    for chunk in export:
                        target.write(chunk)
            told = _put_beside(out, entries) if entries else []
        except DomainError as error:
            raise CommandError(error.detail) from error
        except BrokenPipeError:
            # Whoever read the pipe has gone. Python would complain once more when it closes standard output.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise CommandError("Nobody reads the output any more; it is not complete.") from None
        except OSError as error:
            name = beside.NAME if beside.NAME in str(error.filename) else out
            raise CommandError(f"{name} cannot be written: {error.strerror or error}.") from error
        for line in [*export.report.said, f"SHA-256 {export.report.sha256}", *told]:
            self.stderr.write(line)


def _is_file(out: str) -> bool:
    """Whether what is written is a file in a folder, and no device, pipe or standard output."""
    return out != "-" and (Path(out).is_file() or not Path(out).exists())


def _there(out: str) -> beside.Entries:
    """The entries of `dataset_info.json` in the folder of the file. Raises Invalid where it cannot be read."""
    place = Path(out).absolute().with_name(beside.NAME)
    return beside.read(place.read_bytes()) if place.exists() else {}


def _put_beside(out: str, entries: beside.Entries) -> list[str]:
    """Writes the entries of the file into `dataset_info.json` beside it, and says how the file is called there."""
    folder = Path(out).absolute().parent
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Another export into this folder waits, or the later one would lose the entry of the other.
        fcntl.flock(handle, fcntl.LOCK_EX)
        there = _there(out)
        found = beside.merged(there, entries)
        with _destination(str(folder / beside.NAME)) as target:
            target.write(beside.encoded(found).encode())
    finally:
        os.close(handle)
    names = [name for name, entry in found.items() if entry in entries.values()]
    return [f"{beside.NAME} beside it calls it {' or '.join(f'“{name}”' for name in names)}."]


@contextmanager
def _destination(out: str) -> Iterator[BinaryIO]:
    """Standard output, a pipe, or a file that gets its name only when it is whole: nobody meets half of one."""
    if out == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(out).absolute()
    if path.exists() and not path.is_file():
        # A device or a named pipe is written to: to put a file in its place would take it from everybody else.
        with path.open("wb") as target:
            yield target
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The permissions that new files go without. There is no way to ask but to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
