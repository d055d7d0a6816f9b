"""What calls about queues, their forms and tasks take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from labeling.api.shapes.base import Fields, Known
from labeling.models import OpenTo, Ordering, QueueState, TaskState

SETTING_KINDS = ("yes_no", "number", "texts", "choice")


class BatchPriority(Fields):
    batch = serializers.CharField(max_length=100)
    priority = serializers.IntegerField(help_text="Added to that of its prompts; 0 takes it away.")


class Task(Fields):
    id = serializers.IntegerField(source="pk")
    queue = serializers.IntegerField(source="queue_id")
    prompt = serializers.IntegerField(source="prompt_id")
    state = Known(TaskState.values)
    overlap = serializers.IntegerField()


class TaskDeed(Fields):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=1000)


class Handing(Fields):
    to = serializers.CharField(max_length=254, help_text="A member's e-mail address.")


class TaskMoving(Fields):
    queue = serializers.IntegerField(help_text="Another queue of the project.")


class TaskMoved(Fields):
    opened = serializers.IntegerField(
        help_text="1, or 0 where the task of the prompt over there is open or has its answers."
    )
    task = serializers.IntegerField(help_text="The task over there.")


class SlotCounts(Fields):
    open = serializers.IntegerField()
    leased = serializers.IntegerField()
    submitted = serializers.IntegerField()
    skipped = serializers.IntegerField()


class QueueCounts(Fields):
    tasks = serializers.IntegerField()
    tasks_done = serializers.IntegerField()
    slots = SlotCounts()
    annotations = serializers.IntegerField()


class QueueSummary(Fields):
    id = serializers.IntegerField(source="queue.pk")
    slug = serializers.CharField(source="queue.slug")
    name = serializers.CharField(source="queue.name")
    state = Known(QueueState.values, source="queue.state")
    overlap = serializers.IntegerField(source="queue.overlap")
    priority = serializers.IntegerField(source="queue.priority")
    lease_minutes = serializers.IntegerField(source="queue.lease_minutes")
    counts = QueueCounts()


class QueueDetail(QueueSummary):
    project = serializers.CharField(source="queue.project.slug", help_text="The project's slug.")
    preset = serializers.CharField(source="queue.form.preset", allow_blank=True)
    form_version = serializers.IntegerField(source="queue.form.number")
    form = serializers.ListField(source="queue.form.questions", child=serializers.DictField())
    candidates_min = serializers.IntegerField(source="queue.candidates_min")
    candidates_max = serializers.IntegerField(source="queue.candidates_max")
    ordering = Known(Ordering.values, source="queue.ordering")
    open_to = Known(OpenTo.values, source="queue.open_to")
    skills = serializers.DictField(source="queue.skills", child=serializers.IntegerField())
    by_language = serializers.BooleanField(source="queue.by_language")
    most_in_hand = serializers.IntegerField(source="queue.most_in_hand")
    most_per_day = serializers.IntegerField(source="queue.most_per_day", allow_null=True)
    most_in_all = serializers.IntegerField(source="queue.most_in_all", allow_null=True)
    opens_at = serializers.DateTimeField(source="queue.opens_at", allow_null=True)
    closes_at = serializers.DateTimeField(source="queue.closes_at", allow_null=True)
    hours = serializers.DictField(source="queue.hours")
    only_moved = serializers.BooleanField(source="queue.only_moved")
    people = serializers.SerializerMethodField(
        help_text="Those it is open to, where it names them. For managers: to others they are not told."
    )
    skip_rules = serializers.DictField(source="queue.skip_rules", help_text="For managers: {} to others.")
    price = serializers.DecimalField(
        source="queue.price",
        allow_null=True,
        max_digits=10,
        decimal_places=4,
        help_text="For managers: null to others.",
    )
    currency = serializers.CharField(source="queue.currency", allow_blank=True, help_text="For managers.")
    settled = serializers.SerializerMethodField(
        help_text="False while tasks are still being opened or moved to fit the settings; they are in force at once."
    )

    def get_people(self, row: Any) -> list[str]:
        return list(row.queue.named.order_by("user__email").values_list("user__email", flat=True))

    def get_settled(self, row: Any) -> bool:
        return row.queue.opening_from is None and row.queue.following_from is None


# What others than its managers are not told of a queue: whom it names, what is paid, and what becomes of skips.
FOR_MANAGERS: dict[str, object] = {"people": [], "skip_rules": {}, "price": None, "currency": ""}


class QueueSettings(Fields):
    """What can be set of a queue besides its form. The services judge the values."""

    overlap = serializers.IntegerField(required=False)
    lease_minutes = serializers.IntegerField(required=False)
    priority = serializers.IntegerField(required=False)
    state = Known(QueueState.values, required=False)
    ordering = Known(Ordering.values, required=False, help_text="In which order it gives out what has one priority.")
    open_to = Known(OpenTo.values, required=False, help_text="Everybody in the project, or those in `people`.")
    people = serializers.ListField(
        child=serializers.CharField(max_length=254), required=False, help_text="E-mail addresses of members."
    )
    skills = serializers.JSONField(required=False, help_text="{skill: least level, 1 to 10}")
    by_language = serializers.BooleanField(required=False, help_text="Only prompts in a language the person reads.")
    only_moved = serializers.BooleanField(required=False, help_text="It takes no prompts by itself, only moved tasks.")
    most_in_hand = serializers.IntegerField(required=False, help_text="1 or 2: with 2 the next task is kept ahead.")
    most_per_day = serializers.IntegerField(
        required=False, allow_null=True, help_text="Answers of one person in a day of UTC."
    )
    most_in_all = serializers.IntegerField(required=False, allow_null=True, help_text="Answers of one person.")
    opens_at = serializers.DateTimeField(required=False, allow_null=True)
    closes_at = serializers.DateTimeField(required=False, allow_null=True)
    hours = serializers.JSONField(
        required=False,
        help_text='{"timezone": "Europe/Berlin", "week": [{"days": ["mon"], "from": "09:00", "to": "17:00"}]}',
    )
    skip_rules = serializers.JSONField(
        required=False, help_text='{reason: {"then": "another_person" | "queue" | "retire", "after"?: n, "queue"?: id}}'
    )
    price = serializers.DecimalField(
        required=False, allow_null=True, max_digits=10, decimal_places=4, help_text="For one answer."
    )
    currency = serializers.CharField(required=False, allow_blank=True, max_length=3)


class QueueChange(QueueSettings):
    name = serializers.CharField(required=False, max_length=1000)
    preset = serializers.CharField(required=False, max_length=1000)
    form = serializers.JSONField(required=False, help_text="A list of questions, or else `preset`: a new version.")


class SettingChoice(Fields):
    value = serializers.CharField()
    title = serializers.CharField()


class Setting(Fields):
    """One setting that a question of this type may have beside name, type, title, help, required and show_if."""

    name = serializers.CharField()
    kind = Known(SETTING_KINDS, help_text="`texts` is a list of labels, `choice` one value of `choices`.")
    title = serializers.CharField()
    help = serializers.CharField(allow_blank=True)
    default = serializers.JSONField(help_text="What it is where a form says nothing; null: no limit.")
    least = serializers.IntegerField(
        allow_null=True, help_text="Of a number its least value, of `texts` the fewest labels."
    )
    most = serializers.IntegerField(allow_null=True)
    choices = SettingChoice(many=True)


class QuestionType(Fields):
    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    settings = Setting(many=True)
    outcomes = serializers.DictField(
        child=serializers.CharField(),
        help_text="What `show_if` of a later question can ask for, each in words, where every setting is as it comes.",
    )


class FormPreset(Fields):
    slug = serializers.CharField()
    title = serializers.CharField()
    source = serializers.CharField(help_text="Where the recipe was published.")  # type: ignore[assignment]
    form = serializers.ListField(child=serializers.DictField())
    candidates_min = serializers.IntegerField()
    candidates_max = serializers.IntegerField()


class NewQueue(QueueSettings):
    name = serializers.CharField(max_length=1000)
    slug = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    preset = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1000)
    form = serializers.JSONField(required=False, allow_null=True, help_text="A list of questions; else send `preset`.")
    candidates_min = serializers.IntegerField(required=False, allow_null=True)
    candidates_max = serializers.IntegerField(required=False, allow_null=True)
