"""`manage.py import_prompts PROJECT FILE`: what `POST /api/projects/{slug}/prompts/` does, from a file or a pipe."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling import access
from labeling.errors import DomainError
from labeling.importing import SOURCES, PromptLine, Rejected
from labeling.models import Role, User
from labeling.selectors import projects
from labeling.services import imports

TOLD_EVERY = 10_000  # lines
ERRORS_SHOWN = 20


class Command(BaseCommand):
    """Imports a file of prompts and says what became of its lines; how far it is goes to stderr."""

    help = "Imports prompts from a file, or from standard input for “-”. Sending a file again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("file", help="a file, plain or gzip; - reads standard input")
        parser.add_argument("--source", default="jsonl", choices=sorted(SOURCES), help="what kind of file it is")
        parser.add_argument("--as", dest="email", default="", help="in whose name; the project's first manager if not")

    def handle(self, *args: Any, project: str, file: str, source: str, email: str, **options: Any) -> None:
        try:
            user = _who(project, email)
            into = access.get_project(user, project, least=Role.MANAGER)
            with _opened(file) as stream:
                report = imports.import_lines(
                    into,
                    self._told(SOURCES[source](stream)),
                    source=source,
                    filename="" if file == "-" else Path(file).name,
                    size=_size(stream),
                    read=stream.tell if stream.seekable() else None,
                    by=user,
                )
        except DomainError as error:
            raise CommandError(error.detail) from error
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror or error}.") from error
        record = report.record
        self.stdout.write(
            f"imported {record.imported}, updated {record.updated}, "
            f"unchanged {record.unchanged}, rejected {record.rejected}"
        )
        for fault in report.errors[:ERRORS_SHOWN]:
            self.stdout.write(f"line {fault.line}: {fault.message}")
        if record.rejected > ERRORS_SHOWN:
            self.stdout.write(
                f"… and {record.rejected - ERRORS_SHOWN} more; the import's page in the project has them."
            )

    def _told(self, lines: Iterable[PromptLine | Rejected]) -> Iterator[PromptLine | Rejected]:
        for number, line in enumerate(lines, start=1):
            yield line
            if number % TOLD_EVERY == 0:
                self.stderr.write(f"{number:,} lines read")


def _who(project: str, email: str) -> User:
    if not email:
        user = projects.who_acts(project)
        if user is None:
            raise CommandError(f"There is no project “{project}”, or nobody to act for it. Name somebody with --as.")
        return user
    found = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if found is None:
        raise CommandError(f"There is no active account of {email}.")
    return found


def _size(stream: BinaryIO) -> int | None:
    """How many bytes a file has; None for a pipe."""
    with contextlib.suppress(OSError):
        return os.fstat(stream.fileno()).st_size or None
    return None


@contextlib.contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as stream:
        yield stream
