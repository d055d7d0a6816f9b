"""Prompts that say the same, or nearly: what a search found and what a manager said to it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from labeling.models.background import Work


class DuplicateSearch(Work):
    """One look through all prompts of a project for those that say the same."""

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="duplicate_searches")
    by = models.ForeignKey("labeling.User", on_delete=models.SET_NULL, null=True, related_name="+")
    # Percent of their pieces that two texts must share to be nearly the same; null looks for the very same alone.
    likeness = models.PositiveSmallIntegerField(null=True)
    prompts = models.PositiveBigIntegerField(default=0, help_text="How many it is to look at.")
    looked_at = models.PositiveBigIntegerField(default=0)
    groups = models.PositiveBigIntegerField(default=0, help_text="How many groups it found that nobody had judged.")

    def __str__(self) -> str:
        return f"search {self.pk} for duplicates in {self.project}"


class GroupKind(models.TextChoices):
    SAME = "same", "The same"
    NEAR = "near", "Nearly the same"


class GroupState(models.TextChoices):
    OPEN = "open", "To be judged"
    KEPT = "kept", "All kept"
    THINNED = "thinned", "Some retired"


class DuplicateGroup(models.Model):
    """Prompts of a project that say the same, or nearly. One that was judged is not asked about again."""

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, db_index=False, related_name="duplicate_groups"
    )
    kind = models.CharField(max_length=4, choices=GroupKind)
    state = models.CharField(max_length=7, choices=GroupState, default=GroupState.OPEN)
    size = models.PositiveIntegerField()
    # The least likeness of two of them that a search compared, in percent; 100 for those that say the same.
    likeness = models.PositiveSmallIntegerField(default=100)
    judged_by = models.ForeignKey("labeling.User", on_delete=models.SET_NULL, null=True, related_name="+")
    judged_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["project", "state", "id"], name="duplicategroup_by_state")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=GroupKind.values), name="duplicategroup_kind_known"),
            models.CheckConstraint(condition=Q(state__in=GroupState.values), name="duplicategroup_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.size} prompts, {self.get_kind_display().lower()}"


class DuplicateMember(models.Model):
    """One prompt of a group."""

    group = models.ForeignKey(DuplicateGroup, on_delete=models.CASCADE, db_index=False, related_name="members")
    prompt = models.ForeignKey("labeling.Prompt", on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group", "prompt"], name="duplicatemember_once_per_group")
        ]

    def __str__(self) -> str:
        return f"prompt {self.prompt_id} in group {self.group_id}"


class SplitLink(models.Model):
    """Prompts that open in one way share the part of a dataset of those that open in another, older way.

    All three keys are `labeling.text.opening_key`. What one follows follows nothing itself. An opening that no row
    names is on its own.
    """

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, db_index=False, related_name="+")
    opening = models.UUIDField()
    follows = models.UUIDField(help_text="Whose part it shares; its own key where it stays where it was.")
    # A search found it nearly the same as this one when a release had given out the parts of both.
    near = models.UUIDField(null=True)
    near_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "opening"], name="splitlink_once_per_opening"),
            models.CheckConstraint(
                condition=Q(near__isnull=True, near_at__isnull=True) | Q(near__isnull=False, near_at__isnull=False),
                name="splitlink_knows_since_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.opening} follows {self.follows}"
