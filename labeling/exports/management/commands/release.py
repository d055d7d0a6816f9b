"""`manage.py release PROJECT --formats sft,preference`: what `POST /api/projects/{slug}/releases/` does."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling import access
from labeling.errors import DomainError
from labeling.exports import division
from labeling.exports.choices import NAMES
from labeling.exports.contamination import benchmark_in
from labeling.exports.files import KINDS
from labeling.exports.formats import FORMATS
from labeling.exports.models import Release
from labeling.exports.plans import NOT_FILTERS
from labeling.exports.policies import Split
from labeling.exports.services import releases
from labeling.exports.settings import SETTINGS
from labeling.models import Role, User, WorkState
from labeling.selectors import projects


class Command(BaseCommand):
    """Asks for a release and prints its number; with --wait, sees to it that it is built."""

    help = (
        "Asks for a numbered, immutable release of a project. A worker builds it; with --wait this command does, "
        "unless a worker is quicker."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("--formats", required=True, metavar="F,…", help=f"some of: {', '.join(FORMATS)}")
        parser.add_argument("--queue", default="", help="the slug or number of one queue; all of them without it")
        for setting in SETTINGS:
            if setting.name not in NOT_FILTERS:
                parser.add_argument(setting.option, dest=setting.name, default="", metavar="VALUE", help=setting.title)
        parser.add_argument(
            "--benchmark", default="", metavar="FILE", help="leave out rows that share 13 words in a row with this file"
        )
        parser.add_argument("--splits", default="", metavar="S", help="yes, tags, or such as train=90,test=10")
        parser.add_argument("--files", default="jsonl", metavar="KIND", help=f"one of: {', '.join(KINDS)}")
        parser.add_argument("--title", default="", help="a line that says what it is for")
        parser.add_argument("--as", dest="email", default="", help="in whose name; the project's first manager if not")
        parser.add_argument("--wait", action="store_true", help="comes back when it is built")

    def handle(self, *args: Any, project: str, formats: str, email: str, wait: bool, **options: Any) -> None:
        try:
            user = _who(project, email)
            release = releases.ask(
                access.get_project(user, project, least=Role.MANAGER),
                formats=[name.strip() for name in formats.split(",")],
                filters={name: options[name] for name in NAMES if options.get(name)},
                splits=_shares(options["splits"]),
                files=options["files"],
                title=options["title"],
                benchmark=benchmark_in(options["benchmark"]),
                by=user,
            )
        except DomainError as error:
            faults = [f"\n  {fault.path}: {fault.message}" for fault in error.errors]
            raise CommandError(error.detail + "".join(faults)) from error
        for warning in release.asked["warnings"]:
            self.stderr.write(f"Warning: {warning}")
        if wait:
            self._build(release)
        self.stdout.write(str(release.number))

    def _build(self, release: Release) -> None:
        self.stderr.write(f"Release {release.number}, as of {release.cutoff:%Y-%m-%d %H:%M:%S} UTC.")
        releases.build_here(release, told=self._tell)
        if release.state != WorkState.DONE or release.manifest is None:
            raise CommandError(f"Release {release.number} {release.state}: {release.reason}")
        for file in release.manifest["files"]:
            self.stderr.write(f"{file['sha256']}  {file['path']}  {file['rows']:,} rows, {file['bytes']:,} bytes")

    def _tell(self, release: Release) -> None:
        of = f" of {release.prompts_of:,}" if release.prompts_of is not None else ""
        self.stderr.write(f"A worker builds it: {release.prompts_done:,}{of} prompts.")


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


def _shares(given: str) -> bool | str | dict[str, float]:
    """“yes”, “tags”, or a name and a number for each part."""
    if given == division.BY_TAG:
        return given
    if given in ("", "no"):
        return False
    if given == "yes":
        return True
    try:
        return {name.strip(): float(share) for name, share in (part.split("=") for part in given.split(","))}
    except ValueError as error:
        known = ", ".join(Split)
        raise CommandError(f"--splits is yes, tags, or a share for some of {known}: train=90,test=10.") from error
