"""`manage.py rebuild_release PROJECT NUMBER`: makes a release again and says whether it is the same."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.errors import DomainError
from labeling.exports.selectors import releases
from labeling.exports.services import rebuilding


class Command(BaseCommand):
    """Says of every file whether it is the same. Ends with 1 where one differs."""

    help = (
        "Makes a release again in a temporary place, as of the moment it was asked for, and says of every file whether "
        "it is the same. Changes nothing; ends with 1 where something differs."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("number", type=int, help="the release's number")

    def handle(self, *args: Any, project: str, number: int, **options: Any) -> None:
        differ = 0
        try:
            for file in rebuilding.rebuild(releases.numbered(project, number)):
                self.stdout.write(f"{file.path}: {file.differs or 'the same'}")
                differ += bool(file.differs)
        except DomainError as error:
            raise CommandError(error.detail) from error
        if differ:
            self.stdout.write(f"{differ} of its files differ.")
            sys.exit(1)
        self.stdout.write("Every file is the same.")
