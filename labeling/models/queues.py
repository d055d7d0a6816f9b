"""Queues, their versioned forms, tasks and slots: the rows that carry the promise of exact counts.

Slot rows exist before anyone asks for work. What must never happen (one more answer than asked, the same task
twice to one person, two leases in one hand) is ruled out by the constraints below and not by the code above them.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class QueueState(models.TextChoices):
    OPEN = "open", "Open"
    PAUSED = "paused", "Paused"
    CLOSED = "closed", "Closed"


class Ordering(models.TextChoices):
    """In which order a queue gives out its seats, among those of one priority."""

    OLDEST = "oldest", "Oldest first"
    RANDOM = "random", "Random, the same for everybody"
    FINISH = "finish", "Finish what was begun"
    SPREAD = "spread", "One answer everywhere first"


class OpenTo(models.TextChoices):
    MEMBERS = "members", "Everybody in the project"
    PEOPLE = "people", "The people named"


class Queue(models.Model):
    """One kind of work over a project's prompts: a form, an overlap, a priority, a state, and who may take it."""

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="queues")
    slug = models.SlugField(max_length=80)
    name = models.CharField(max_length=200)
    form = models.ForeignKey("labeling.FormVersion", on_delete=models.PROTECT, null=True, related_name="+")
    overlap = models.PositiveSmallIntegerField(default=1, help_text="How many people answer each task.")
    priority = models.IntegerField(default=0, help_text="Higher is offered first.")
    state = models.CharField(max_length=8, choices=QueueState, default=QueueState.OPEN)
    lease_minutes = models.PositiveSmallIntegerField(default=30)
    candidates_min = models.PositiveSmallIntegerField(default=0, help_text="A prompt with fewer makes no task.")
    candidates_max = models.PositiveSmallIntegerField(default=0, help_text="A task shows at most so many.")
    ordering = models.CharField(max_length=8, choices=Ordering, default=Ordering.OLDEST)
    # Who may take from it. Checked in the claim itself, together with the caps.
    open_to = models.CharField(max_length=8, choices=OpenTo, default=OpenTo.MEMBERS)
    skills = models.JSONField(default=dict, blank=True, help_text="{skill: least level}")
    by_language = models.BooleanField(default=False, help_text="Only prompts in a language that the person reads.")
    most_in_hand = models.PositiveSmallIntegerField(default=2, help_text="The one in hand and one kept for after it.")
    most_per_day = models.PositiveIntegerField(null=True, blank=True)
    most_in_all = models.PositiveIntegerField(null=True, blank=True)
    only_moved = models.BooleanField(
        default=False, db_default=False, help_text="It takes no prompts by itself: tasks are moved to it."
    )
    # When it gives out work: between two moments, and within opening hours. Empty is always.
    opens_at = models.DateTimeField(null=True, blank=True)
    closes_at = models.DateTimeField(null=True, blank=True)
    hours = models.JSONField(default=dict, blank=True, help_text='{"timezone", "week": [{"days", "from", "to"}, …]}')
    skip_rules = models.JSONField(default=dict, blank=True, help_text='{reason: {"then", "after"?, "queue"?}}')
    price = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True, help_text="For one answer.")
    currency = models.CharField(max_length=3, blank=True)
    # Settings are in force at once; what they mean for tasks that are there follows in steps (services.seats): from
    # this prompt on tasks are still to be opened, from this task on seats and places are still those of before.
    opening_from = models.BigIntegerField(null=True, blank=True)
    following_from = models.BigIntegerField(null=True, blank=True)
    # Whether the overlap is among what follows. Where it is not, tasks that one answer more was asked of keep theirs.
    following_overlap = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-priority", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "slug"], name="queue_slug_once_per_project"),
            models.CheckConstraint(condition=Q(overlap__gte=1), name="queue_overlap_at_least_one"),
            models.CheckConstraint(condition=Q(lease_minutes__gte=1), name="queue_lease_at_least_a_minute"),
            models.CheckConstraint(condition=Q(candidates_min__lte=F("candidates_max")), name="queue_candidates_range"),
            models.CheckConstraint(condition=Q(state__in=QueueState.values), name="queue_state_known"),
            models.CheckConstraint(condition=Q(ordering__in=Ordering.values), name="queue_ordering_known"),
            models.CheckConstraint(condition=Q(open_to__in=OpenTo.values), name="queue_open_to_known"),
            models.CheckConstraint(condition=Q(most_in_hand__range=(1, 2)), name="queue_one_or_two_in_hand"),
        ]

    def __str__(self) -> str:
        return self.name


class QueuePerson(models.Model):
    """Somebody who may take from a queue that is open to named people."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="named")
    user = models.ForeignKey("labeling.User", on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["queue", "user"], name="queue_person_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.queue}"


class FormVersion(models.Model):
    """The questions a queue asks. Never edited: a change is a new number. An annotation pins the one it answered."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="form_versions")
    number = models.PositiveIntegerField()
    questions = models.JSONField(help_text="The ordered questions, as labeling.questions.clean_form returns them.")
    preset = models.CharField(max_length=50, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["queue", "number"], name="form_number_once_per_queue")]

    def __str__(self) -> str:
        return f"form {self.number} of {self.queue}"


class TaskState(models.TextChoices):
    OPEN = "open", "Open"
    DONE = "done", "Done"
    RETIRED = "retired", "Retired"


class Task(models.Model):
    """One prompt to be labelled in one queue, with the candidates that everyone who takes it judges."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, db_index=False, related_name="tasks")
    prompt = models.ForeignKey("labeling.Prompt", on_delete=models.CASCADE, related_name="tasks")
    candidate_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    overlap = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=8, choices=TaskState, default=TaskState.OPEN)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["queue", "prompt"], name="task_once_per_queue_and_prompt"),
            models.CheckConstraint(condition=Q(state__in=TaskState.values), name="task_state_known"),
        ]

    def __str__(self) -> str:
        return f"task {self.pk}"


class SlotState(models.TextChoices):
    OPEN = "open", "Open"
    LEASED = "leased", "Leased"
    SUBMITTED = "submitted", "Submitted"
    SKIPPED = "skipped", "Skipped"


class SkipReason(models.TextChoices):
    UNCLEAR = "unclear", "The prompt is unclear"
    EXPERTISE = "expertise", "I do not know enough about this"
    LANGUAGE = "language", "I do not read this language well"
    UNSAFE = "unsafe", "The content is harmful or upsetting"
    BROKEN = "broken", "Something is broken"
    OTHER = "other", "Another reason"


class SlotQuerySet(models.QuerySet["Slot"]):
    def held_by(self, user_id: int) -> SlotQuerySet:
        """What the person holds: in hand, or for after it."""
        return self.filter(annotator_id=user_id, state=SlotState.LEASED)

    def in_hand_of(self, user_id: int) -> SlotQuerySet:
        """What the person works on now."""
        return self.held_by(user_id).filter(ahead=False)


class Slot(models.Model):
    """One seat on a task, for one annotator: `open` → `leased` → `submitted` or `skipped`.

    `lease` is the token that every write of its holder carries. It stays on the row after the submit, so that
    the same submit sent again can be known and answered as before.
    """

    # Each index is written with every step of a slot: those below that begin with a column stand for its own. The queue
    # is that of the task, whose reference is checked: to check it once more for every slot took a tenth of an import.
    queue = models.ForeignKey(
        Queue, on_delete=models.CASCADE, db_index=False, db_constraint=False, related_name="slots"
    )
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="slots")
    seat = models.PositiveSmallIntegerField()
    # Copied from the prompt (and its batch), so that the next slot is one step along one index.
    priority = models.IntegerField(default=0)
    language = models.CharField(max_length=35, default="", db_default="", blank=True)
    # Where it stands in its queue's order of offer: PostgreSQL's labeling_place() makes it of priority, order, task and
    # seat (migration 0005).
    place = models.BigIntegerField(default=0, db_default=0)
    # The transaction that opened it again, or moved it; below zero where it did so with many. See Bookmark.
    reopened_xid = models.BigIntegerField(null=True, blank=True)
    # A manager handed it to this person: nobody else gets it while it is open.
    reserved_for = models.ForeignKey(
        "labeling.User", on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    candidate_order = ArrayField(models.BigIntegerField(), default=list, blank=True)
    state = models.CharField(max_length=9, choices=SlotState, default=SlotState.OPEN)
    annotator = models.ForeignKey(
        "labeling.User", on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="slots"
    )
    # What the holder was shown when the lease began; the annotation pins the same.
    form = models.ForeignKey(FormVersion, on_delete=models.PROTECT, null=True, db_index=False, related_name="+")
    guidelines = models.ForeignKey(
        "labeling.GuidelinesVersion", on_delete=models.PROTECT, null=True, db_index=False, related_name="+"
    )
    lease = models.UUIDField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    leased_at = models.DateTimeField(null=True, blank=True)
    # Leased for after the slot in hand, so that the next task is on the screen at once. Its lease is short.
    ahead = models.BooleanField(default=False, db_default=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    skip_reason = models.CharField(max_length=12, choices=SkipReason, blank=True)
    skip_comment = models.TextField(blank=True)

    objects = SlotQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # A person meets a task once, whatever became of it.
            models.UniqueConstraint(
                fields=["task", "annotator"], condition=Q(annotator__isnull=False), name="slot_person_once_per_task"
            ),
            # A skipped seat keeps its row and opens a fresh one with the same number: never more seats than overlap.
            models.UniqueConstraint(
                fields=["task", "seat"], condition=~Q(state="skipped"), name="slot_seat_once_per_task"
            ),
            # One in hand, and one for after it.
            models.UniqueConstraint(
                fields=["queue", "annotator", "ahead"],
                condition=Q(state="leased"),
                name="slot_one_lease_per_person_and_queue",
            ),
            models.CheckConstraint(condition=Q(ahead=False) | Q(state="leased"), name="slot_ahead_is_leased"),
            models.CheckConstraint(condition=Q(state__in=SlotState.values), name="slot_state_known"),
            models.CheckConstraint(
                condition=(
                    Q(
                        state="open",
                        annotator__isnull=True,
                        lease__isnull=True,
                        lease_expires_at__isnull=True,
                        finished_at__isnull=True,
                    )
                    | Q(
                        state="leased",
                        annotator__isnull=False,
                        lease__isnull=False,
                        lease_expires_at__isnull=False,
                        finished_at__isnull=True,
                    )
                    | Q(
                        state__in=["submitted", "skipped"],
                        annotator__isnull=False,
                        lease__isnull=False,
                        finished_at__isnull=False,
                    )
                ),
                name="slot_state_fits_holder_and_lease",
            ),
            models.CheckConstraint(condition=~Q(state="skipped") | ~Q(skip_reason=""), name="slot_skip_has_a_reason"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["queue", "place"], condition=Q(state="open"), name="slot_next_open"),
            models.Index(
                fields=["queue", "reopened_xid"],
                condition=Q(state="open", reopened_xid__isnull=False),
                name="slot_reopened",
            ),
            models.Index(fields=["queue", "id"], condition=Q(state="skipped"), name="slot_skipped"),
            models.Index(
                fields=["queue", "skip_reason", "id"], condition=Q(state="skipped"), name="slot_skipped_for_a_reason"
            ),
            models.Index(
                fields=["queue", "reserved_for"],
                condition=Q(state="open", reserved_for__isnull=False),
                name="slot_reserved",
            ),
            models.Index(fields=["queue", "lease_expires_at"], condition=Q(state="leased"), name="slot_overdue"),
            models.Index(fields=["annotator", "finished_at"], name="slot_by_annotator"),
        ]

    def __str__(self) -> str:
        return f"slot {self.pk} ({self.state})"


class Bookmark(models.Model):
    """How far somebody has come in a queue, so that nobody walks twice past what they have met already.

    Before `after` there is no open seat that this person could take, but for those that came to be open in
    transactions which were not over yet when this was found out: numbers `horizon` and higher. Seats that open again
    carry that number (`Slot.reopened_xid`). Where many do at once, they carry it below zero, and an `Opening` of that
    number says where the first of them is. Where seats come in that carry none, and where one person may meet a task
    again, an `Opening` above zero sends the bookmark back.
    """

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, db_index=False, related_name="+")
    annotator = models.ForeignKey("labeling.User", on_delete=models.CASCADE, db_index=False, related_name="+")
    after = models.BigIntegerField()
    horizon = models.BigIntegerField()
    # What it was found out for: with other languages it means nothing.
    languages = ArrayField(models.CharField(max_length=35), null=True)
    seen_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["queue", "annotator"], name="bookmark_once")]

    def __str__(self) -> str:
        return f"{self.annotator_id} at {self.after} in queue {self.queue_id}"


class Opening(models.Model):
    """Seats from `place` on may be open that were not before: for everybody, or for one annotator. Where `xid` is below
    zero, those that are carry it. See Bookmark.
    """

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, db_index=False, related_name="+")
    xid = models.BigIntegerField()
    place = models.BigIntegerField()
    annotator = models.ForeignKey(
        "labeling.User", on_delete=models.CASCADE, null=True, db_index=False, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["queue", "xid"], name="opening_by_xid")]

    def __str__(self) -> str:
        return f"from {self.place} in queue {self.queue_id}"


class BatchPriority(models.Model):
    """What a batch of a project adds to the priority of its prompts."""

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="batch_priorities")
    batch = models.CharField(max_length=100)
    priority = models.IntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "batch"], name="batch_priority_once")]

    def __str__(self) -> str:
        return f"{self.batch}: {self.priority}"


class Draft(models.Model):
    """Answers not yet submitted. Belongs to slot and person, so that it outlives a lease that ran out."""

    slot = models.ForeignKey(Slot, on_delete=models.CASCADE, related_name="drafts")
    annotator = models.ForeignKey("labeling.User", on_delete=models.CASCADE, related_name="drafts")
    revision = models.PositiveIntegerField(default=1)
    answers = models.JSONField(default=dict)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["slot", "annotator"], name="draft_one_per_slot_and_person")
        ]

    def __str__(self) -> str:
        return f"draft {self.revision} on {self.slot_id}"
