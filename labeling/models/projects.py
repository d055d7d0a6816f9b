"""Projects and the guidelines that tell annotators what good work is."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone


class Project(models.Model):
    """One dataset being built: its prompts, generators, guidelines, members and queues."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Under which what is made here may be passed on: a name of labeling.licenses, or an address where it can be read.
    license = models.CharField(max_length=500, blank=True, default="", db_default="")
    archived_at = models.DateTimeField(null=True, blank=True)
    # How many candidates each new prompt is going to get from the project's active generators. A prompt that
    # has just been imported waits for so many before it becomes a ranking task.
    candidates_expected = models.PositiveIntegerField(default=0)
    # How many prompts were ever added. Planners compare it with their own count instead of scanning the table.
    prompts_added = models.PositiveBigIntegerField(default=0)

    # When the first prompt with tools came in: from then on, rows of exports have a column for them.
    tools_since = models.DateTimeField(null=True, editable=False)
    # The newest prompt whose part of a dataset a release has given out: up to it, parts stay as they are.
    released_through = models.PositiveBigIntegerField(default=0)

    members: models.ManyToManyField[models.Model, models.Model] = models.ManyToManyField(
        "labeling.User", through="labeling.Membership", related_name="projects"
    )

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class GuidelinesVersion(models.Model):
    """One text of a project's guidelines (Markdown). Texts are never edited: a change is a new number."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="guidelines_versions")
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["project", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "number"], name="guidelines_number_once_per_project")
        ]

    def __str__(self) -> str:
        return f"guidelines {self.number} of {self.project}"
