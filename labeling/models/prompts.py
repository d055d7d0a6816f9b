"""Prompts and the candidate responses to them."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class Prompt(models.Model):
    """What a response answers: messages that end with the user's turn, and documents that go with them."""

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="prompts")
    # What makes a line the same line when it is sent again: the external id, or a hash of the content without one.
    key = models.CharField(max_length=300)
    external_id = models.CharField(max_length=256, blank=True)
    messages = models.JSONField(help_text="[{role, content}, …]; a system message comes first; the last is a user's.")
    context = models.JSONField(default=list, blank=True, help_text="[{id?, title?, text, url?}, …]")
    batch = models.CharField(max_length=100, blank=True)
    priority = models.IntegerField(default=0)
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    language = models.CharField(max_length=35, blank=True, help_text="A BCP 47 tag such as en or pt-BR.")
    metadata = models.JSONField(default=dict, blank=True)
    gold = models.JSONField(default=dict, blank=True, help_text="{queue slug: answers} known to be right.")
    # SHA-256 of messages and context: what a response answers. A candidate made for other content is not used.
    content_hash = models.CharField(max_length=64)
    # SHA-256 of everything a line can set, so that sending it again can be seen to change nothing.
    line_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    # The import that touched it last: a key met twice within one file is a mistake, between files an update.
    last_import = models.ForeignKey(
        "labeling.PromptImport", on_delete=models.SET_NULL, null=True, db_index=False, related_name="+"
    )
    # Kept by labeling.services.prompts, so that readiness is known without counting.
    candidates_count = models.PositiveIntegerField(default=0)
    candidates_awaited = models.PositiveIntegerField(default=0)
    # When its content was last replaced: what failed on the old content is worth another try.
    rewritten_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "key"], name="prompt_key_once_per_project")]
        indexes: ClassVar = [models.Index(fields=["project", "id"], name="prompt_by_project")]

    def __str__(self) -> str:
        return f"prompt {self.pk}"

    @property
    def opening(self) -> str:
        """The text of the first user message: what a list shows of a prompt."""
        return next((m["content"] for m in self.messages if m["role"] == "user"), "")


class CandidateOrigin(models.TextChoices):
    GENERATED = "generated", "Generated"
    IMPORTED = "imported", "Imported"


class Candidate(models.Model):
    """One response to a prompt, with its whole provenance. Never changed once stored."""

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


class PromptImport(models.Model):
    """One file of prompts that was sent in: who sent it and what became of its lines."""

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="imports")
    by = models.ForeignKey("labeling.User", on_delete=models.SET_NULL, null=True, related_name="+")
    filename = models.CharField(max_length=255, blank=True)
    source = models.CharField(max_length=20)
    imported = models.PositiveBigIntegerField(default=0)
    updated = models.PositiveBigIntegerField(default=0)
    unchanged = models.PositiveBigIntegerField(default=0)
    rejected = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"import {self.pk} into {self.project}"


class RejectedLine(models.Model):
    """A line of an imported file that could not be used, and why."""

    prompt_import = models.ForeignKey(PromptImport, on_delete=models.CASCADE, related_name="rejected_lines")
    line = models.PositiveBigIntegerField()
    message = models.TextField()

    class Meta:
        ordering: ClassVar = ["prompt_import", "line"]

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"
