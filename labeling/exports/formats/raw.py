"""`raw`: every annotation as it was made, one row each, with everything that is known about how it came to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labeling.exports.conversations import plain
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.records import Annotation, Example, Row
from labeling.exports.removed import Removed
from labeling.text import compact_json

# Stands for a time that the page did not measure: a null in the first rows would make the column one of nulls.
NOT_MEASURED = -1.0


def _candidates(annotation: Annotation, example: Example) -> list[dict[str, Any]]:
    found = []
    for place, (key, candidate_id) in enumerate(annotation.shown.items()):
        candidate = example.candidates[candidate_id]
        found.append(
            {
                "key": key,
                "place": place,
                "candidate_id": str(candidate.id),
                "text": candidate.text,
                "origin": candidate.origin,
                "model": candidate.model,
                "revision": candidate.revision,
                "backend": candidate.backend,
                "generator": candidate.generator,
                "provenance_json": candidate.provenance,
            }
        )
    return found


class Raw(Format):
    name = "raw"
    title = "Every annotation with its provenance, for audits and analysis"
    provenance = True
    every_answer = True

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = example.prompt
        messages = plain(prompt)
        # What has no fixed shape goes into one column of JSON text: its keys differ from row to row.
        context = compact_json([dict(document) for document in prompt.context]).decode()
        tools = {"tools_json": prompt.tools or "[]"} if example.with_tools else {}
        for annotation in example.annotations:
            seconds = annotation.active_seconds
            yield {
                "annotation_id": str(annotation.id),
                "version": annotation.version,
                "latest": annotation.latest,
                "verdict": annotation.verdict,
                "annotator": annotation.annotator,
                "project": example.project,
                "queue": annotation.queue,
                "task_id": str(annotation.task_id),
                "slot_id": str(annotation.slot_id),
                "form_version": annotation.form.number,
                "form_json": annotation.form.as_json,
                "guidelines_version": annotation.guidelines,
                "leased_at": annotation.leased_at,
                "submitted_at": annotation.submitted_at,
                "active_seconds": NOT_MEASURED if seconds is None else float(seconds),
                "answers_json": compact_json(annotation.answers).decode(),
                "candidates": _candidates(annotation, example),
                "prompt_id": str(prompt.id),
                "external_id": prompt.external_id,
                "batch": prompt.batch,
                "language": prompt.language,
                "tags_json": prompt.tags,
                "prompt_metadata_json": prompt.metadata,
                "context_json": context,
                **tools,
                "messages": messages,
            }
