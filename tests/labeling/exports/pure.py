"""Examples made by hand, for what needs no database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from labeling.exports.records import Annotation, Candidate, Example, Form, Prompt
from labeling.questions import clean_form

_numbers = count(1)


def form(**question: Any) -> Form:
    """A form of one question."""
    asked = clean_form([question])
    return Form(1, tuple(asked), json.dumps(asked))


RANK = form(name="ranking", type="rank")
RANK_WITH_LINE = form(name="ranking", type="rank", acceptable=True)
WRITE = form(name="response", type="write")
REMARK = form(name="remark", type="write", required=False)


def ranked(groups: str, *, queue: str = "rank", line: int | None = None) -> Annotation:
    """One person's ranking: `"a bc d"` puts a first, b and c on one place, d last. Key a is candidate 1, b is 2 …"""
    answer: dict[str, Any] = {"groups": [list(group) for group in groups.split()]}
    if line is not None:
        answer["acceptable"] = line
    keys = sorted(key for group in answer["groups"] for key in group)
    number = next(_numbers)
    return Annotation(
        id=number,
        slot_id=number,
        task_id=7,
        queue=queue,
        annotator="person-1",
        version=1,
        latest=True,
        answers={"ranking": answer},
        form=RANK if line is None else RANK_WITH_LINE,
        guidelines=1,
        shown={key: "abcdefghi".index(key) + 1 for key in keys},
    )


def written(text: str, *, queue: str = "write", form: Form = WRITE, latest: bool = True) -> Annotation:
    """One person's response."""
    number = next(_numbers)
    return Annotation(
        id=number,
        slot_id=number,
        task_id=8,
        queue=queue,
        annotator="person-1",
        version=1,
        latest=latest,
        answers={form.questions[0]["name"]: {"text": text}},
        form=form,
        guidelines=1,
    )


def example(
    *annotations: Annotation, texts: Sequence[str] = (), messages: Sequence[dict[str, Any]] = (), **fields: Any
) -> Example:
    """A prompt with these answers. `texts` are those of candidates 1, 2 …; without them they read “Answer 1” …"""
    candidates = {
        number: Candidate(number, texts[number - 1] if number <= len(texts) else f"Answer {number}", model=f"m{number}")
        for number in range(1, 10)
    }
    prompt = Prompt(
        id=fields.pop("id", 5), messages=tuple(messages) or ({"role": "user", "content": "Why?"},), **fields
    )
    return Example(project="haiku", prompt=prompt, annotations=annotations, candidates=candidates)
