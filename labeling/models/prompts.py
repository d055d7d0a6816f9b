"""Prompts and the candidate responses to them."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from labeling.models.background import Work


class Prompt(models.Model):
    """What a response answers: messages that end with the user's turn, and documents that go with them."""

    # Every index below begins with the project.
    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, db_index=False, related_name="prompts")
    # What makes a line the same line when it is sent again: the external id, or a hash of the content without one.
    key = models.CharField(max_length=300)
    external_id = models.CharField(max_length=256, blank=True)
    messages = models.JSONField(help_text="[{role, content}, …]; a system message comes first; the last is a user's.")
    context = models.JSONField(default=list, blank=True, help_text="[{id?, title?, text, url?}, …]")
    # Text, because a column of JSON forgets the order of keys, and models are shown them in it.
    tools = models.TextField(
        blank=True, default="", db_default="", help_text="JSON: [{type, function: {name, …}}, …]; empty for none."
    )
    batch = models.CharField(max_length=100, blank=True)
    priority = models.IntegerField(default=0)
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    language = models.CharField(max_length=35, blank=True, help_text="A BCP 47 tag such as en or pt-BR.")
    metadata = models.JSONField(default=dict, blank=True)
    gold = models.JSONField(default=dict, blank=True, help_text="{queue slug: answers} known to be right.")
    # SHA-256 of messages, context and tools: what a response answers. A candidate made for other content is not used.
    content_hash = models.CharField(max_length=64)
    # SHA-256 of everything a line can set, so that sending it again can be seen to change nothing.
    line_hash = models.CharField(max_length=64)
    # Of the content as it reads (labeling.services.duplicates): prompts that say the same have the same. Null where
    # nobody has looked yet.
    normal_hash = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    # The import that touched it last: a key met twice within one file is a mistake, between files an update. Only ever
    # compared with the number of an import that runs, so nothing is lost without a constraint, which would cost every
    # new prompt a look at the import's row.
    last_import = models.ForeignKey(
        "labeling.PromptImport",
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    # Kept by labeling.services.prompts, so that readiness is known without counting.
    candidates_count = models.PositiveIntegerField(default=0)
    candidates_awaited = models.PositiveIntegerField(default=0)
    # When its content was last replaced: what failed on the old content is worth another try.
    rewritten_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # An import looks each line up by key and by hash. These come first in their indexes, and queries hide the
        # project from the planner (`project_id + 0`): of a project that has just begun, statistics say that it has next
        # to no prompts, and any index that begins with it then seems as good as the right one.
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "project"], name="prompt_key_once_per_project")]
        indexes: ClassVar = [
            models.Index(fields=["project", "id"], name="prompt_by_project"),
            models.Index(fields=["project", "batch", "id"], condition=~models.Q(batch=""), name="prompt_by_batch"),
            models.Index(fields=["project", "id"], condition=models.Q(candidates_awaited__gt=0), name="prompt_waiting"),
            models.Index(fields=["normal_hash", "project"], name="prompt_by_what_it_says"),
            models.Index(fields=["project", "id"], condition=~models.Q(tools=""), name="prompt_that_offers_tools"),
        ]

    def __str__(self) -> str:
        return f"prompt {self.pk}"

    @property
    def opening(self) -> str:
        """The text of the first user message: what a list shows of a prompt."""
        return next((m["content"] for m in self.messages if m["role"] == "user"), "")

    @property
    def tool_list(self) -> list[dict[str, Any]]:
        """What a model may call, as `{type, function: {name, …}}` each."""
        found: list[dict[str, Any]] = json.loads(self.tools or "[]")
        return found


class CandidateOrigin(models.TextChoices):
    GENERATED = "generated", "Generated"
    IMPORTED = "imported", "Imported"


class Candidate(models.Model):
    """One response to a prompt, with its whole provenance. Never changed once stored, only put aside."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="candidates")
    origin = models.CharField(max_length=16, choices=CandidateOrigin)
    text = models.TextField()
    text_hash = models.CharField(max_length=64, help_text="SHA-256 of the text as UTF-8.")
    model = models.CharField(max_length=300, blank=True)
    revision = models.CharField(max_length=100, blank=True)
    backend = models.CharField(max_length=50, blank=True)
    generator = models.CharField(max_length=100, blank=True, help_text="The generator's name when it was made.")
    sampling = models.JSONField(default=dict, blank=True)
    seed = models.BigIntegerField(null=True, blank=True)
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    completion_tokens = models.PositiveIntegerField(null=True, blank=True)
    finish_reason = models.CharField(max_length=20, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    provenance = models.JSONField(default=dict, blank=True, help_text="Hashes, device and library versions.")
    # Put aside for another one: no task that is opened from now on shows it, those that people have begun still do.
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            # The same file sent twice must not double its candidates.
            models.UniqueConstraint(
                fields=["prompt", "model", "text_hash"],
                condition=models.Q(origin="imported"),
                name="candidate_imported_once",
            ),
            models.CheckConstraint(
                condition=models.Q(origin__in=CandidateOrigin.values), name="candidate_origin_known"
            ),
        ]

    def __str__(self) -> str:
        return f"candidate {self.pk}"


class PromptImport(Work):
    """One file of prompts that was sent in: who sent it, how far it is read and what became of its lines.

    Every line that was judged is in one of the four counts. Their sum says how many are behind it, also after a worker
    died: a batch and its counts are stored together.
    """

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="imports")
    by = models.ForeignKey("labeling.User", on_delete=models.SET_NULL, null=True, related_name="+")
    filename = models.CharField(max_length=255, blank=True)
    source = models.CharField(max_length=20)
    # Where the file waits to be read (labeling.services.spool); empty for one that is read as it comes in, and when
    # it was read.
    stored_as = models.CharField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField(null=True, blank=True, help_text="Bytes of the whole file, where known.")
    bytes_read = models.PositiveBigIntegerField(default=0)
    imported = models.PositiveBigIntegerField(default=0)
    updated = models.PositiveBigIntegerField(default=0)
    unchanged = models.PositiveBigIntegerField(default=0)
    rejected = models.PositiveBigIntegerField(default=0)
    duplicates = models.PositiveBigIntegerField(
        default=0, help_text="Lines that came in though they say the same as a prompt with another key."
    )

    def __str__(self) -> str:
        return f"import {self.pk} into {self.project}"

    @property
    def judged(self) -> int:
        """How many lines are behind it."""
        return self.imported + self.updated + self.unchanged + self.rejected

    @property
    def percent(self) -> int | None:
        """How much of the file is read; None where nobody knows how long it is."""
        return min(100, 100 * self.bytes_read // self.size) if self.size else None


class RejectedLine(models.Model):
    """A line of an imported file that could not be used, and why."""

    prompt_import = models.ForeignKey(PromptImport, on_delete=models.CASCADE, related_name="rejected_lines")
    line = models.PositiveBigIntegerField()
    message = models.TextField()
    text = models.TextField(blank=True, help_text="The line itself, or its beginning, where it was kept.")
    text_is_whole = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["prompt_import", "line"]

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"
