"""What calls about prompts and imports take and give."""

from __future__ import annotations

from rest_framework import serializers

from labeling import models
from labeling.api.shapes.base import Fields, Known
from labeling.importing import SOURCES


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
