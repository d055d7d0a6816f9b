"""What goes in and out of the API, field by field. The OpenAPI document is made from these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from labeling import models
from labeling.importing import SOURCES
from labeling.models import OpenTo, Ordering, QueueState, Role, SkipReason, SlotState, TaskState
from labeling.selectors import slots

PAGE = 100
MAX_PAGE = 1000

SETTING_KINDS = ("yes_no", "number", "texts", "choice")

# DRF takes declared fields out of the class before Python sees them, so a field may be called `errors` or `source`
# like an attribute of the class. Type checkers do not know.
Fields = serializers.Serializer[Any]


class Known(serializers.ChoiceField):
    """One of a few words; a wrong one is answered with the words there are."""

    def __init__(self, words: Iterable[str], **kwargs: Any) -> None:
        listed = list(words)
        super().__init__(
            choices=listed, error_messages={"invalid_choice": f"Choose one of: {', '.join(listed)}."}, **kwargs
        )


class Fault(Fields):
    """One mistake: at a path in what was sent, or on a line of a file."""

    path = serializers.CharField(required=False)
    line = serializers.IntegerField(required=False)
    message = serializers.CharField()


class Error(Fields):
    """Every error. `code` is stable and for programs, `detail` is for people."""

    code = serializers.CharField()
    detail = serializers.CharField()
    errors = Fault(many=True, required=False)  # type: ignore[assignment]


class Moment(serializers.DateTimeField):
    """A time in a query string, where the plus of an offset that was not escaped arrives as a space."""

    def to_internal_value(self, value: Any) -> Any:
        if isinstance(value, str) and value[-6:-5] == " " and ":" in value[-5:]:
            value = f"{value[:-6]}+{value[-5:]}"
        return super().to_internal_value(value)


class PageQuery(Fields):
    """How a list is walked: `next` of each page holds the address of the one after it."""

    cursor = serializers.IntegerField(
        required=False, min_value=0, max_value=2**63 - 1, help_text="Taken from `next`; not to be made up."
    )
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=MAX_PAGE, default=PAGE, help_text="How many a page holds."
    )


# --- People ---


class Credentials(Fields):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)


class Token(Fields):
    token = serializers.CharField(help_text="Shown this once.")


class NewMember(Fields):
    email = serializers.CharField(max_length=254)
    role = Known(Role.values)


class Member(Fields):
    id = serializers.IntegerField(source="pk")
    email = serializers.CharField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = Known(Role.values)
    skills = serializers.DictField(child=serializers.IntegerField())
    languages = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class MemberChange(Fields):
    role = Known(Role.values, required=False)
    skills = serializers.JSONField(required=False, help_text='{skill: level, 1 to 10}, such as {"medicine": 2}')
    languages = serializers.JSONField(required=False, help_text='Languages they read, such as ["en", "pt-BR"].')


class BatchPriority(Fields):
    batch = serializers.CharField(max_length=100)
    priority = serializers.IntegerField(help_text="Added to that of its prompts; 0 takes it away.")


# --- Tasks ---


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
    opened = serializers.IntegerField(help_text="1, or 0 where the prompt has a task there or is not ready for it.")


# --- Projects and queues ---


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


class ProjectCounts(QueueCounts):
    prompts = serializers.IntegerField()
    candidates = serializers.IntegerField()


class NewProject(Fields):
    name = serializers.CharField(max_length=1000)
    slug = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    guidelines = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False, help_text="Markdown.")


class Project(Fields):
    slug = serializers.CharField(source="project.slug")
    name = serializers.CharField(source="project.name")
    description = serializers.CharField(source="project.description", allow_blank=True)
    role = Known(Role.values, help_text="Yours in this project.")
    created_at = serializers.DateTimeField(source="project.created_at")


class QueueSummary(Fields):
    id = serializers.IntegerField(source="queue.pk")
    slug = serializers.CharField(source="queue.slug")
    name = serializers.CharField(source="queue.name")
    state = Known(QueueState.values, source="queue.state")
    overlap = serializers.IntegerField(source="queue.overlap")
    priority = serializers.IntegerField(source="queue.priority")
    lease_minutes = serializers.IntegerField(source="queue.lease_minutes")
    counts = QueueCounts()


class ProjectDetail(Project):
    guidelines_version = serializers.IntegerField()
    counts = ProjectCounts()
    queues = QueueSummary(many=True)


class QueueDetail(QueueSummary):
    project = serializers.CharField(source="queue.project.slug", help_text="The project's slug.")
    preset = serializers.CharField(source="queue.form.preset", allow_blank=True)
    form_version = serializers.IntegerField(source="queue.form.number")
    form = serializers.ListField(source="queue.form.questions", child=serializers.DictField())
    candidates_min = serializers.IntegerField(source="queue.candidates_min")
    candidates_max = serializers.IntegerField(source="queue.candidates_max")
    ordering = Known(Ordering.values, source="queue.ordering")
    open_to = Known(OpenTo.values, source="queue.open_to")
    people = serializers.SerializerMethodField(help_text="Those it is open to, where it names them.")
    skills = serializers.DictField(source="queue.skills", child=serializers.IntegerField())
    by_language = serializers.BooleanField(source="queue.by_language")
    most_in_hand = serializers.IntegerField(source="queue.most_in_hand")
    most_per_day = serializers.IntegerField(source="queue.most_per_day", allow_null=True)
    most_in_all = serializers.IntegerField(source="queue.most_in_all", allow_null=True)
    opens_at = serializers.DateTimeField(source="queue.opens_at", allow_null=True)
    closes_at = serializers.DateTimeField(source="queue.closes_at", allow_null=True)
    hours = serializers.DictField(source="queue.hours")
    skip_rules = serializers.DictField(source="queue.skip_rules")
    price = serializers.DecimalField(source="queue.price", allow_null=True, max_digits=10, decimal_places=4)
    currency = serializers.CharField(source="queue.currency", allow_blank=True)
    settled = serializers.SerializerMethodField(
        help_text="False while tasks are still being opened or moved to fit the settings; they are in force at once."
    )

    def get_people(self, row: Any) -> list[str]:
        return list(row.queue.named.order_by("user__email").values_list("user__email", flat=True))

    def get_settled(self, row: Any) -> bool:
        return row.queue.opening_from is None and row.queue.following_from is None


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


# --- Prompts ---


class LineFault(Fields):
    line = serializers.IntegerField(help_text="From 1.")
    message = serializers.CharField()


class ImportQuery(Fields):
    source = Known(SOURCES, required=False, default="jsonl", help_text="What kind of file it is.")  # type: ignore[assignment]
    background = serializers.BooleanField(
        required=False, default=False, help_text="1 stores the file and answers at once; a worker reads it."
    )


class PromptFile(Fields):
    file = serializers.FileField()


class ImportCounts(Fields):
    imported = serializers.IntegerField(source="record.imported")
    updated = serializers.IntegerField(source="record.updated")
    unchanged = serializers.IntegerField(source="record.unchanged")
    rejected = serializers.IntegerField(source="record.rejected")
    duplicates = serializers.IntegerField(
        source="record.duplicates", help_text="Of what came in: how many say what another prompt says."
    )
    report_url = serializers.CharField()


class Import(ImportCounts):
    """What became of a file. A line that stands in it twice counts as unchanged the second time."""

    errors = LineFault(many=True, help_text="The first 100 rejected lines.")  # type: ignore[assignment]


class ImportSummary(ImportCounts):
    id = serializers.IntegerField(source="record.pk")
    by = serializers.CharField(source="record.by.email", default=None, allow_null=True, help_text="Who sent it.")
    filename = serializers.CharField(source="record.filename", allow_blank=True)
    source = serializers.CharField(source="record.source")  # type: ignore[assignment]
    state = Known(models.WorkState.values, source="record.state")
    reason = serializers.CharField(
        source="record.reason", allow_blank=True, help_text="Why it failed or was called off, or waits once more."
    )
    size = serializers.IntegerField(source="record.size", allow_null=True, help_text="Bytes, where that is known.")
    bytes_read = serializers.IntegerField(source="record.bytes_read")
    created_at = serializers.DateTimeField(source="record.created_at")
    finished_at = serializers.DateTimeField(
        source="record.finished_at", allow_null=True, help_text="null: it waits or is being read."
    )
    cancel_url = serializers.CharField(help_text="POST here to call it off.")
    rejected_url = serializers.CharField(help_text="All rejected lines as JSON Lines.")


class ImportReport(ImportSummary):
    errors = LineFault(many=True, help_text="The first 100 rejected lines.")  # type: ignore[assignment]


# --- Labelling ---


class QueueName(Fields):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()


class PromptShown(Fields):
    messages = serializers.ListField(child=serializers.DictField(), help_text="`role`, `content` and what came with it")
    context = serializers.ListField(child=serializers.DictField(), help_text="`text`, and `id`, `title`, `url`")  # type: ignore[assignment]
    tools = serializers.ListField(
        child=serializers.DictField(), help_text="What a model may call: `type` and `function` with a `name`"
    )
    language = serializers.CharField(allow_blank=True)


class CandidateShown(Fields):
    key = serializers.CharField()
    text = serializers.CharField()


class DraftShown(Fields):
    revision = serializers.IntegerField()
    answers = serializers.DictField()


class Slot(Fields):
    """What its holder is given: nothing tells which model wrote what."""

    slot = serializers.IntegerField()
    lease = serializers.CharField()
    expires_at = serializers.DateTimeField()
    queue = QueueName()
    task = serializers.IntegerField()
    guidelines_version = serializers.IntegerField()
    form = serializers.ListField(child=serializers.DictField())
    prompt = PromptShown()
    candidates = CandidateShown(many=True)
    draft = DraftShown(allow_null=True)


class NewDraft(Fields):
    lease = serializers.CharField(max_length=100)
    revision = serializers.IntegerField(help_text="The newest that you have seen, 0 for none.")
    answers = serializers.JSONField(help_text="By question name; may be half done.")
    version = serializers.IntegerField(required=False, help_text="Of a correction: the version that it corrects.")


class DraftSaved(Fields):
    revision = serializers.IntegerField()
    saved_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When the renewed lease ends; null for the draft of a correction."
    )


class StoredDraft(DraftShown):
    saved_at = serializers.DateTimeField()


class DraftConflict(Error):
    """409: `stale_draft` with the stored `draft`, `lease_lost`, or `conflict` for a task that is finished."""

    draft = StoredDraft(required=False)


class GivenAnswers(Fields):
    lease = serializers.CharField(max_length=100)
    answers = serializers.JSONField(help_text="By question name.")
    active_seconds = serializers.FloatField(required=False, allow_null=True, help_text="Seconds of focus and use.")


class Submission(GivenAnswers):
    revision = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="Of the newest draft that you have seen, 0 for none. With it, a newer draft that says something else "
        "is not thrown away: 409 `stale_draft`.",
    )


class Revision(GivenAnswers):
    version = serializers.IntegerField(help_text="The version that is corrected.")


class Submitted(Fields):
    annotation = serializers.IntegerField(source="pk")
    version = serializers.IntegerField()


class Skip(Fields):
    lease = serializers.CharField(max_length=100)
    reason = Known(SkipReason.values)
    comment = serializers.CharField(required=False, allow_null=True, allow_blank=True)


class Release(Fields):
    lease = serializers.CharField(max_length=100)


class Undone(Fields):
    slot = serializers.IntegerField(source="pk")
    state = Known(SlotState.values)
    lease = serializers.CharField(help_text="The new one; the old one is good no more.")
    expires_at = serializers.DateTimeField(source="lease_expires_at")


class SlotOutcome(Fields):
    slot = serializers.IntegerField(source="pk")
    state = Known(SlotState.values)


class ShownAs(Fields):
    key = serializers.CharField()
    candidate = serializers.IntegerField()


class PromptName(Fields):
    id = serializers.IntegerField()
    external_id = serializers.CharField(allow_blank=True)


class AnnotationQuery(PageQuery):
    since = Moment(required=False, help_text="Only those submitted at this time or later.")
    queue = serializers.CharField(required=False, max_length=80, help_text="Only this queue: its slug or id.")


class Annotation(Fields):
    annotation = serializers.IntegerField(source="pk")
    version = serializers.IntegerField()
    slot = serializers.IntegerField(source="slot_id")
    task = serializers.IntegerField(source="slot.task_id")
    queue = QueueName()
    prompt = PromptName(source="slot.task.prompt")
    annotator = serializers.CharField(source="annotator.email")
    answers = serializers.DictField()
    candidates = serializers.SerializerMethodField(help_text="Which candidate each key means, in the order shown.")
    form_version = serializers.IntegerField(source="form.number")
    guidelines_version = serializers.IntegerField(source="guidelines.number")
    active_seconds = serializers.FloatField(allow_null=True)
    created_at = serializers.DateTimeField()

    @extend_schema_field(ShownAs(many=True))
    def get_candidates(self, annotation: models.Annotation) -> list[dict[str, Any]]:
        keys = slots.candidate_ids_by_key(annotation.slot)
        return [{"key": key, "candidate": candidate} for key, candidate in keys.items()]
