"""`spans`: what each person marked in each response, with the documents it was to be checked against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labeling.exports.conversations import plain, tools_column
from labeling.exports.formats.base import Format
from labeling.exports.marks import marked
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.responses import withheld


def _span(mark: Mapping[str, Any], text: str) -> dict[str, Any]:
    start, end = mark["start"], mark["end"]
    # The text is the offsets' own proof: a reader that counts other units than code points sees that it does.
    return {
        "start": start,
        "end": end,
        "label": mark["label"],
        "text": text[start:end],
        "comment": mark.get("comment", ""),
    }


class Spans(Format):
    name = "spans"
    title = "Marked parts of responses, such as errors and hallucinations"
    leads = ("marks", "documents")

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        prompt = plain(example.prompt)
        sources = [
            {name: document.get(name, "") for name in ("id", "title", "text", "url")}
            for document in example.prompt.context
        ]
        for one in marked(example, withheld(example, policies, removed)):
            # Not trimmed: the offsets count in the text as it was shown.
            text = one.candidate.text
            yield {
                "prompt": prompt,
                "response": text,
                "spans": [_span(mark, text) for mark in one.marks],
                "sources": sources,
                **tools_column(example),
                "metadata": {
                    "prompt_id": str(example.prompt.id),
                    "external_id": example.prompt.external_id,
                    "task_id": str(one.annotation.task_id),
                    "queue": one.annotation.queue,
                    "question": one.question,
                    "annotation_id": str(one.annotation.id),
                    "annotator": one.annotation.annotator,
                    "candidate_id": str(one.candidate.id),
                    "model": one.candidate.model,
                },
            }
