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
    SPENT = "spent", "Budget spent"


# In these it makes nothing until somebody sets it going again.
STOPPED = (GeneratorState.PAUSED, GeneratorState.BROKEN, GeneratorState.SPENT)


class Generator(models.Model):
    """A configured model of a project: backend, model, revision, sampling. It owes every prompt some candidates."""

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="generators")
    name = models.CharField(max_length=100)
    backend = models.CharField(max_length=50)
    model = models.CharField(max_length=300)
    revision = models.CharField(max_length=100, blank=True)
    candidates_per_prompt = models.PositiveSmallIntegerField(default=1)
    sampling = models.JSONField(default=dict, help_text="max_new_tokens, temperature, top_p, seed …")
    variants = models.JSONField(
        default=list,
        blank=True,
        help_text="What samples draw with instead: sample n takes variant n, around and around.",
    )
    options = models.JSONField(default=dict, blank=True, help_text="The backend's own settings.")
    # Its share of the candidates that the project draws (see GenerationSettings); None makes its own for every prompt.
    weight = models.FloatField(null=True, blank=True)
    group = models.CharField(max_length=40, blank=True, help_text="Which workers hold its model; blank for all others.")
    hygiene = models.JSONField(default=dict, blank=True, help_text="{check: off | mark | replace}, what differs.")
    replacements = models.PositiveSmallIntegerField(
        default=2, help_text="How often a response that hygiene drops is made anew before its row fails."
    )
    max_tokens = models.PositiveBigIntegerField(null=True, blank=True, help_text="Tokens made at most, in all.")
    max_cost = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    system = models.TextField(blank=True, help_text="Goes before a prompt that has no system message of its own.")
    state = models.CharField(max_length=8, choices=GeneratorState, default=GeneratorState.ACTIVE)
    last_error = models.TextField(blank=True)
    # The project's `prompts_added` when everything was last planned; equal numbers mean nothing to plan.
    planned_at_count = models.BigIntegerField(default=-1)
    # Kept with every batch, for the speed that pages show.
    tokens_made = models.PositiveBigIntegerField(default=0)
    tokens_read = models.PositiveBigIntegerField(default=0, help_text="Tokens of the prompts.")
    cost = models.DecimalField(max_digits=16, decimal_places=6, default=0, help_text="In the project's currency.")
    busy_seconds = models.FloatField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "name"], name="generator_name_once_per_project"),
            models.CheckConstraint(condition=Q(state__in=GeneratorState.values), name="generator_state_known"),
            models.CheckConstraint(condition=Q(candidates_per_prompt__gte=1), name="generator_makes_something"),
            models.CheckConstraint(
                condition=Q(weight__isnull=True) | Q(weight__gt=0), name="generator_weight_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tokens_per_second(self) -> float | None:
        """Completion tokens a second over everything it has made; None before the first batch."""
        return self.tokens_made / self.busy_seconds if self.busy_seconds > 0 else None


class GenerationSettings(models.Model):
    """What a project's generators share: how many candidates are drawn from the weighted ones, and the budget."""

    project = models.OneToOneField(
        "labeling.Project", on_delete=models.CASCADE, primary_key=True, related_name="generation_settings"
    )
    # Each sample of each prompt is drawn from the generators with a weight, so that annotators see a mix.
    drawn_per_prompt = models.PositiveSmallIntegerField(default=0)
    budget = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    currency = models.CharField(max_length=3, default="USD")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(drawn_per_prompt__lte=64), name="generation_draws_64_at_most"),
        ]

    def __str__(self) -> str:
        return f"generation of {self.project}"


class WaterMarks(models.Model):
    """How many tasks of a queue are kept ready ahead of its annotators. A queue without marks wants every prompt.

    Fewer than `low` ready, or fewer than people will finish within `lead_minutes` at their pace: prompts are given to
    the generators until `high` are ready or on their way.
    """

    queue = models.OneToOneField(
        "labeling.Queue", on_delete=models.CASCADE, primary_key=True, related_name="water_marks"
    )
    low = models.PositiveIntegerField()
    high = models.PositiveIntegerField()
    lead_minutes = models.PositiveSmallIntegerField(default=60)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(low__gte=1, low__lte=models.F("high")), name="water_marks_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.low} to {self.high} ready in {self.queue}"


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
    # Drawn from the project's weighted generators: `sample` then counts the draws of the prompt.
    drawn = models.BooleanField(default=False, db_default=False)
    # How many responses to it were dropped or put aside: each attempt has a seed of its own.
    attempt = models.PositiveSmallIntegerField(default=0, db_default=0)
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
            models.UniqueConstraint(
                fields=["prompt", "generator", "sample", "drawn"], name="generation_once_per_sample"
            ),
            models.UniqueConstraint(
                fields=["prompt", "sample"], condition=Q(drawn=True), name="generation_once_per_draw"
            ),
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


class GenerationCount(models.Model):
    """A part of how many generations of a generator are in one state: see labeling/models/counts.py.

    PostgreSQL keeps it, with the triggers of migration 0003. Read it through `workers.selectors.counts`.
    """

    pk = models.CompositePrimaryKey("generator_id", "what", "shard")
    generator = models.ForeignKey(
        Generator, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    what = models.CharField(max_length=30, help_text="The state.")
    shard = models.SmallIntegerField()
    n = models.BigIntegerField()

    class Meta:
        db_table = "workers_generation_count"

    def __str__(self) -> str:
        return f"{self.n} {self.what} of generator {self.generator_id}"


class Finding(models.Model):
    """What a hygiene check found in a response: it was marked, or dropped before anybody saw it.

    A dropped response keeps its text here, so that a manager can judge the check.
    """

    generator = models.ForeignKey(Generator, on_delete=models.CASCADE, db_index=False, related_name="findings")
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="findings")
    found_by = models.CharField(max_length=30, help_text="The check's name.")
    reason = models.TextField()
    dropped = models.BooleanField()
    attempt = models.PositiveSmallIntegerField(default=0)
    seed = models.BigIntegerField(null=True, blank=True)
    text = models.TextField(blank=True, help_text="The response, where it was dropped.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["generator", "found_by", "id"], name="finding_by_check")]

    def __str__(self) -> str:
        return f"{self.found_by} in generation {self.generation_id}"
