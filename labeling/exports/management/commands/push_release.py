"""`manage.py push_release PROJECT NUMBER --repo OWNER/NAME`: a release on the Hugging Face Hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling import access
from labeling.errors import DomainError
from labeling.exports.management.commands.release import _who
from labeling.exports.selectors import releases
from labeling.exports.services import publishing
from labeling.models import Role


class Command(BaseCommand):
    """Pushes the files of a release as they are, in one commit with the tag `release-NUMBER`.

    The token is never an argument, where every program on the machine could read it.
    """

    help = "Publishes a release on the Hugging Face Hub. The token comes from HF_TOKEN or from a file."
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Else `--token` is short for `--token-file`, and the token stands in the message about a missing file.
        return super().create_parser(prog_name, subcommand, **kwargs, allow_abbrev=False)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("number", type=int, help="the release's number")
        parser.add_argument("--repo", required=True, metavar="OWNER/NAME", help="the dataset; it is made if missing")
        parser.add_argument("--public", action="store_true", help="everybody may see it; private without this")
        parser.add_argument("--revision", default="", metavar="BRANCH", help="a branch; main without it")
        parser.add_argument("--token-file", default="", metavar="FILE", help="holds the token; HF_TOKEN without it")
        parser.add_argument("--as", dest="email", default="", help="in whose name; the project's first manager if not")

    def handle(self, *args: Any, project: str, number: int, repo: str, **options: Any) -> None:
        try:
            token = _token(options["token_file"])
            user = _who(project, options["email"])
            access.get_project(user, project, least=Role.MANAGER)
            address = publishing.push(
                releases.numbered(project, number),
                repo,
                token,
                private=not options["public"],
                revision=options["revision"],
                by=user,
                progress=lambda path, done, of: self.stderr.write(f"{done} of {of}  {path}"),
            )
        except DomainError as error:
            raise CommandError(error.detail) from None
        except OSError as error:
            raise CommandError(f"{error.filename or 'A file'} cannot be read: {error.strerror or error}.") from None
        self.stdout.write(address)


def _token(path: str) -> str:
    """The token, from a file or the environment; "" where there is none, which `push` refuses."""
    return (Path(path).read_text("utf-8") if path else os.environ.get("HF_TOKEN", "")).strip()
