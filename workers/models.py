"""Generators, and the generations that they owe."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone


class GeneratorState(models.TextChoices):
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    BROKEN = "broken", "Broken"


class Generator(models.Model):
    """A configured model of a project: backend, model, revision, sampling. It owes every prompt some candidates."""

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="generators")
    name = models.CharField(max_length=100)
    backend = models.CharField(max_length=50)
    model = models.CharField(max_length=300)
    revision = models.CharField(max_length=100, blank=True)
    candidates_per_prompt = models.PositiveSmallIntegerField(default=1)
    sampling = models.JSONField(default=dict, help_text="max_new_tokens, temperature, top_p, seed")
    system = models.TextField(blank=True, help_text="Goes before a prompt that has no system message of its own.")
    state = models.CharField(max_length=8, choices=GeneratorState, default=GeneratorState.ACTIVE)
    last_error = models.TextField(blank=True)
    # The project's `prompts_added` when everything was last planned; equal numbers mean nothing to plan.
    planned_at_count = models.BigIntegerField(default=-1)
    # Kept with every batch, for the speed that pages show.
    tokens_made = models.PositiveBigIntegerField(default=0)
    busy_seconds = models.FloatField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "name"], name="generator_name_once_per_project"),
            models.CheckConstraint(condition=Q(state__in=GeneratorState.values), name="generator_state_known"),
            models.CheckConstraint(condition=Q(candidates_per_prompt__gte=1), name="generator_makes_something"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tokens_per_second(self) -> float | None:
        """Completion tokens a second over everything it has made; None before the first batch."""
        return self.tokens_made / self.busy_seconds if self.busy_seconds > 0 else None


class GenerationState(models.TextChoices):
    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


UNFINISHED = (GenerationState.PENDING, GenerationState.RUNNING)


class Generation(models.Model):
    """One candidate to be made. The row is the work: whoever claims it makes it, and Celery only rings the bell."""

    prompt = models.ForeignKey("labeling.Prompt", on_delete=models.CASCADE, related_name="generations")
    generator = models.ForeignKey(Generator, on_delete=models.CASCADE, related_name="generations")
    sample = models.PositiveSmallIntegerField(help_text="0 for the generator's first candidate of this prompt.")
    state = models.CharField(max_length=9, choices=GenerationState, default=GenerationState.PENDING)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    candidate = models.OneToOneField(
        "labeling.Candidate", on_delete=models.CASCADE, null=True, blank=True, related_name="generation"
    )
    # Who is making it: a token for each claim, the worker's name, and until when the claim holds unless renewed.
    claim = models.UUIDField(null=True, blank=True)
    worker = models.CharField(max_length=200, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["prompt", "generator", "sample"], name="generation_once_per_sample"),
            models.CheckConstraint(condition=Q(state__in=GenerationState.values), name="generation_state_known"),
            models.CheckConstraint(
                condition=Q(state="done", candidate__isnull=False) | (~Q(state="done") & Q(candidate__isnull=True)),
                name="generation_done_has_a_candidate",
            ),
            models.CheckConstraint(
                condition=(
                    Q(state="running", claim__isnull=False, claimed_until__isnull=False)
                    | (~Q(state="running") & Q(claim__isnull=True, claimed_until__isnull=True))
                ),
                name="generation_running_is_claimed",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["generator", "tries", "id"], condition=Q(state="pending"), name="generation_next"),
            models.Index(fields=["claimed_until"], condition=Q(state="running"), name="generation_overdue"),
            models.Index(fields=["generator", "state"], name="generation_by_state"),
        ]

    def __str__(self) -> str:
        return f"generation {self.pk} ({self.state})"
