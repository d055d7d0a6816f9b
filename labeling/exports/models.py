"""Releases, what is done of them, whom they hold, who has withdrawn from a project; and exports that were sent."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from labeling.models import Work


class Release(Work):
    """A numbered, immutable dataset: what was asked for, as of which moment, and its manifest once it is built.

    Its files lie in the storage (`labeling.exports.stored`). One that failed or was called off keeps its number and
    has no files.
    """

    # The index of the constraint begins with it.
    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, db_index=False, related_name="releases")
    number = models.PositiveIntegerField(help_text="1, 2, … in each project.")
    title = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey("labeling.User", on_delete=models.SET_NULL, null=True, related_name="+")
    # Written and read by labeling.exports.plans.
    asked = models.JSONField(help_text="Formats, settings, division, kind of files, and what was said of the project.")
    # What it holds: the answers that stood at this moment of the database's clock, and prompts up to this one.
    cutoff = models.DateTimeField()
    last_prompt = models.PositiveBigIntegerField()
    prompts_done = models.PositiveBigIntegerField(default=0)
    prompts_of = models.PositiveBigIntegerField(null=True, help_text="How many prompts are looked at, once known.")
    counts = models.JSONField(default=dict, blank=True, help_text="prompts, annotations, annotators, rows, bytes.")
    manifest = models.JSONField(null=True, blank=True)
    # Whether files of it may lie in the storage. What failed or was called off is cleared away until it is false.
    has_files = models.BooleanField(default=False)

    class Meta(Work.Meta):
        abstract = False
        constraints: ClassVar = [
            *Work.Meta.constraints,
            models.UniqueConstraint(fields=["project", "number"], name="release_number_once_per_project"),
            models.CheckConstraint(condition=Q(number__gte=1), name="release_number_from_one"),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(manifest__isnull=False),
                name="release_has_its_manifest_when_done",
            ),
        ]

    def __str__(self) -> str:
        return f"release {self.number} of {self.project}"

    @property
    def percent(self) -> int | None:
        """How many of its prompts are done, in percent; None where nobody has counted them yet."""
        if self.prompts_of is None:
            return None
        return min(100, 100 * self.prompts_done // self.prompts_of) if self.prompts_of else 100


class Shard(models.Model):
    """A contiguous range of a release's prompts whose files are stored. Done whole or not at all.

    `totals` is everything that was counted up to its end (`labeling.exports.totals`), with the shards before it.
    """

    release = models.ForeignKey(Release, on_delete=models.CASCADE, db_index=False, related_name="shards")
    number = models.PositiveIntegerField(help_text="From 0.")
    last = models.PositiveBigIntegerField(help_text="The id of its last prompt that did not lead.")
    # Of the release; they went into shard 0.
    leaders = ArrayField(models.BigIntegerField(), default=list, blank=True)
    prompts = models.PositiveIntegerField()
    files = models.JSONField(default=list, help_text="[{path, format, split, rows, bytes, sha256}, …]")
    totals = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "number"], name="shard_number_once_per_release")
        ]

    def __str__(self) -> str:
        return f"shard {self.number} of release {self.release_id}"


class ReleaseContributor(models.Model):
    """Somebody whose annotations a release was made from, and how many."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, db_index=False, related_name="contributors")
    user = models.ForeignKey("labeling.User", on_delete=models.PROTECT, related_name="+")
    annotations = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "user"], name="contributor_once_per_release")
        ]

    def __str__(self) -> str:
        return f"person {self.user_id} in release {self.release_id}"


class Withdrawal(models.Model):
    """Somebody took back their consent: from that moment on no export and no release has anything of theirs."""

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, db_index=False, related_name="withdrawals"
    )
    user = models.ForeignKey("labeling.User", on_delete=models.PROTECT, related_name="withdrawals")
    at = models.DateTimeField()
    by = models.ForeignKey("labeling.User", on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "user"], name="withdrawal_once_per_project")
        ]

    def __str__(self) -> str:
        return f"withdrawal of {self.user} from {self.project}"


class TransferState(models.TextChoices):
    """Whether an export reached its end."""

    SENDING = "sending", "on its way"
    WHOLE = "whole", "whole"
    BROKEN = "broken", "broken off"


class Transfer(models.Model):
    """One export that was streamed: how many rows of which bytes, so that whoever took them can tell that it has all.

    A server that dies in the midst of one leaves it `sending`.
    """

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="transfers")
    by = models.ForeignKey("labeling.User", on_delete=models.SET_NULL, null=True, related_name="+")
    choice = models.JSONField(help_text="What was asked for, as it was understood.")
    state = models.CharField(max_length=7, choices=TransferState, default=TransferState.SENDING)
    rows = models.PositiveBigIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of all bytes, in hexadecimal, once it is whole.")
    began_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state="sending", ended_at__isnull=True)
                | Q(state__in=["whole", "broken"], ended_at__isnull=False),
                name="transfer_ends_when_it_ends",
            ),
            models.CheckConstraint(condition=~Q(state="whole") | ~Q(sha256=""), name="transfer_whole_has_its_hash"),
        ]

    def __str__(self) -> str:
        return f"export {self.pk} of {self.project}"
