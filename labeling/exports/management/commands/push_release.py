"""`manage.py push_release PROJECT NUMBER --repo OWNER/NAME`: a release on the Hugging Face Hub."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.errors import DomainError
from labeling.exports import hub


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

    def handle(self, *args: Any, project: str, number: int, repo: str, **options: Any) -> None:
        release = found(project, number)
        if release is None:
            raise CommandError(f"The project “{project}” has no release {number}.")
        # The manifest is written last: without one there are files on their way, or none.
        if not release.manifest:
            raise CommandError(f"Release {number} of “{project}” is not ready; its state is “{release.state}”.")
        try:
            with tempfile.TemporaryDirectory(prefix="annotate-push-") as folder:
                address = hub.push(
                    _files(release, Path(folder)),
                    repo,
                    _token(options["token_file"]),
                    private=not options["public"],
                    revision=options["revision"] or None,
                    message=f"Release {number}"
                    + (f": {release.manifest['title']}" if release.manifest.get("title") else ""),
                    tag=f"release-{number}",
                    progress=lambda path, done, of: self.stderr.write(f"{done} of {of}  {path}"),
                )
        except DomainError as error:
            raise CommandError(error.detail) from None
        except OSError as error:
            raise CommandError(f"{error.filename or 'A file'} cannot be read: {error.strerror or error}.") from None
        self.stdout.write(address)


def found(project: str, number: int) -> Any:
    """The release of that number, or None."""
    releases = apps.get_model("exports", "Release")._default_manager
    return releases.filter(project__slug=project, number=number).first()


def _token(path: str) -> str:
    """The token, from a file or the environment; "" where there is none, which `push` refuses."""
    return (Path(path).read_text("utf-8") if path else os.environ.get("HF_TOKEN", "")).strip()


def _files(release: Any, folder: Path) -> dict[str, Path]:
    """The release's files by their paths in it. What storage does not keep on this disk is copied into `folder`."""
    paths = [*(file["path"] for file in release.manifest["files"]), "manifest.json"]
    root = f"releases/{release.project_id}/{release.number}"
    return {path: _local(f"{root}/{path}", folder / path) for path in paths}


def _local(name: str, copy: Path) -> Path:
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with default_storage.open(name) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        return copy
