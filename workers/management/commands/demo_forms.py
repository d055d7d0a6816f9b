"""`manage.py demo_forms [FILE]`: a project with a queue for every recipe, to try the labelling page with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.errors import DomainError
from labeling.models import Project, PromptImport, User
from workers import demo


class Command(BaseCommand):
    help = "Makes a demo project with a queue for every preset, on the demo's prompts or on those of a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="JSON Lines of prompts that bring their candidates")

    def handle(self, *args: Any, file: Path | None = None, **options: Any) -> None:
        if file is not None and not file.is_file():
            raise CommandError(f"There is no file {file}.")
        stood = Project.objects.filter(slug=demo.RECIPES).exists()
        new_people = not User.objects.filter(email=demo.MANAGER).exists()
        password = demo.new_password()
        try:
            project = demo.make_recipes(password, file=file)
        except DomainError as error:
            raise CommandError(" ".join([error.detail, *(fault.message for fault in error.errors)])) from error
        if new_people:
            self.stdout.write(f"{demo.MANAGER} and {', '.join(demo.ANNOTATORS)} have the password {password}")
        done = "was there already" if stood else "is made"
        self.stdout.write(f"The project “{project}” {done}: /projects/{project.slug}/")
        if file is not None:
            self._tell_of_the_file(project)

    def _tell_of_the_file(self, project: Project) -> None:
        record = PromptImport.objects.filter(project=project).latest("pk")
        self.stdout.write(
            f"{record.filename}: imported {record.imported}, updated {record.updated}, "
            f"unchanged {record.unchanged}, rejected {record.rejected}"
        )
        if record.rejected:
            self.stdout.write(f"Why lines were rejected: /projects/{project.slug}/imports/{record.pk}/")
