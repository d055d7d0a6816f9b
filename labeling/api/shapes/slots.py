"""What calls about slots, answers and annotations take and give."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from labeling import models
from labeling.api.shapes.base import Error, Fields, Known, Moment, PageQuery
from labeling.models import REPLACED, SkipReason, SlotState, Verdict
from labeling.selectors import slots


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
    verdict = Known(
        [*Verdict.values, REPLACED],
        allow_blank=True,
        help_text="Of the newest review, empty before one; `replaced` once a newer version corrects it.",
    )

    @extend_schema_field(ShownAs(many=True))
    def get_candidates(self, annotation: models.Annotation) -> list[dict[str, Any]]:
        keys = slots.candidate_ids_by_key(annotation.slot)
        return [{"key": key, "candidate": candidate} for key, candidate in keys.items()]
