"""Examples made by hand, for what needs no database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from labeling.exports.records import Annotation, Candidate, Example, Form, Prompt
from labeling.questions import clean_form

_numbers = count(1)


def form(*questions: dict[str, Any], **question: Any) -> Form:
    """A form of these questions, or of one."""
    asked = clean_form([*questions, question] if question else list(questions))
    return Form(1, tuple(asked), json.dumps(asked))


DEGREES = ("Negligibly", "Slightly", "Better", "Much")

RANK = form(name="ranking", type="rank")
RANK_WITH_LINE = form(name="ranking", type="rank", acceptable=True)
WRITE = form(name="response", type="write")
REMARK = form(name="remark", type="write", required=False)
NEW_PROMPT = form(name="question", type="write", mode="prompt")
EDIT = form(name="edited", type="edit")
COMPARE = form(name="preference", type="compare", strengths=DEGREES, both_bad=True)
COMPARE_PLAINLY = form(name="preference", type="compare")
COMPARE_AND_EDIT = form(*COMPARE.questions, *EDIT.questions)
LIKERT = form(name="quality", type="rate", min=1, max=5)
THUMBS = form(name="thumbs", type="rate", min=0, max=1)
MARKS = form(name="errors", type="spans", labels=["Minor", "Major", "Good"], required=False)
ATTRIBUTES = form(*({"name": name, "type": "rate", "min": 0, "max": 4} for name in ("helpfulness", "verbosity")))

CALL = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
# A prompt with a tool call, and one with a system text and turns before the last.
TOOLS: list[dict[str, Any]] = [
    {"role": "user", "content": "How warm is it?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "21", "name": "f"},
]
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "Why?"},
]


def answered(
    asked: Form, answers: dict[str, Any], *, shown: str = "", queue: str = "judge", latest: bool = True, task: int = 7
) -> Annotation:
    """One person's answers to a form. Of what is shown, key a is candidate 1, b is 2 …"""
    number = next(_numbers)
    return Annotation(
        id=number,
        slot_id=number,
        task_id=task,
        queue=queue,
        annotator="person-1",
        version=1,
        latest=latest,
        answers=answers,
        form=asked,
        guidelines=1,
        shown={key: "abcdefghi".index(key) + 1 for key in shown},
    )


def ranked(groups: str, *, queue: str = "rank", line: int | None = None) -> Annotation:
    """One person's ranking: `"a bc d"` puts a first, b and c on one place, d last."""
    answer: dict[str, Any] = {"groups": [list(group) for group in groups.split()]}
    if line is not None:
        answer["acceptable"] = line
    shown = "".join(sorted(groups.replace(" ", "")))
    return answered(RANK if line is None else RANK_WITH_LINE, {"ranking": answer}, shown=shown, queue=queue)


def written(text: str, *, queue: str = "write", form: Form = WRITE, latest: bool = True) -> Annotation:
    """One person's response."""
    return answered(form, {form.questions[0]["name"]: {"text": text}}, queue=queue, latest=latest, task=8)


def choice(preferred: str = "", strength: int = 0, *, both_bad: bool = False) -> dict[str, Any]:
    """An answer to a comparison; "" for a tie."""
    answer: dict[str, Any] = {"preferred": preferred or None}
    if preferred:
        answer["strength"] = strength or 1
    return answer | ({"both_bad": True} if both_bad else {})


def compared(
    preferred: str = "", strength: int = 0, *, both_bad: bool = False, form: Form = COMPARE, queue: str = "compare"
) -> Annotation:
    """One person's comparison of a and b."""
    answer = choice(preferred, strength, both_bad=both_bad)
    return answered(form, {"preference": answer}, shown="ab", queue=queue)


def edited(text: str, of: str = "a", *, shown: str = "ab", queue: str = "edit") -> Annotation:
    """One person's edit of a candidate."""
    return answered(EDIT, {"edited": {"candidate": of, "text": text}}, shown=shown, queue=queue)


def compared_and_edited(preferred: str, text: str, of: str, strength: int = 2) -> Annotation:
    """One person's comparison of a and b, and what they made of one of the two."""
    answers = {"preference": choice(preferred, strength), "edited": {"candidate": of, "text": text}}
    return answered(COMPARE_AND_EDIT, answers, shown="ab")


def rated(queue: str = "rate", **numbers: int) -> Annotation:
    """One person's thumbs: 1 is up, 0 is down."""
    return answered(THUMBS, {"thumbs": numbers}, shown="".join(numbers), queue=queue)


def mark(start: int, end: int, label: str = "Minor", **comment: str) -> dict[str, Any]:
    """A mark on a part of a response."""
    return {"start": start, "end": end, "label": label, **comment}


def marked(*, queue: str = "mqm", form: Form = MARKS, **marks: list[dict[str, Any]]) -> Annotation:
    """One person's marks on responses, by key."""
    return answered(form, {form.questions[0]["name"]: marks}, shown="".join(marks), queue=queue)


def liked(**numbers: int) -> Annotation:
    """One person's ratings of responses on one scale of five steps, by key."""
    return scored(queue="score", form=LIKERT, **{key: [number] for key, number in numbers.items()})


def scored(*, queue: str = "helpsteer", form: Form = ATTRIBUTES, **numbers: Sequence[int]) -> Annotation:
    """One person's ratings of responses, by key: a number for each question of the form."""
    names = [question["name"] for question in form.questions]
    answers = {name: {key: given[n] for key, given in numbers.items()} for n, name in enumerate(names)}
    return answered(form, answers, shown="".join(numbers), queue=queue)


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
    return Example(
        project="haiku",
        prompt=prompt,
        annotations=annotations,
        candidates=candidates,
        forms={annotation.queue: annotation.form for annotation in annotations},
    )


def plenty() -> list[Example]:
    """Prompts of every kind of answer, with a system text, turns, tools and documents, as if of one export."""
    made = [
        example(ranked("a b c"), ranked("b a c"), written("I wrote this."), external_id="x", messages=TALK),
        example(ranked("a b cd"), messages=TOOLS, id=6),
        example(written("One."), written("Two."), context=({"title": "T", "text": "Document"},), id=7),
        example(compared("b", 3), compared("b", 2), edited("Edited.", of="b"), rated(a=1, b=0), id=8),
        example(compared_and_edited("a", "Answer 1", of="a"), compared(both_bad=True), messages=TOOLS, id=9),
        example(ranked("a bc", line=1), language="de", batch="b1", tags='["t"]', metadata='{"k": 1}', id=10),
        example(
            marked(a=[mark(0, 4, comment="Warum?"), mark(12, 13, "Good")], b=[]),
            scored(a=[4, 1], b=[0, 3]),
            scored(a=[3, 1]),
            rated(a=1),
            written("青い光が散乱するからです。"),
            texts=["Text\n\none two"],
            messages=[{"role": "user", "content": "空はなぜ青い？"}],
            context=({"id": "d1", "text": "Document"},),
            id=11,
        ),
        example(marked(a=[]), scored(a=[2, 2]), ranked("a b"), compared("a", queue="pairs"), rated(b=0), id=12),
    ]
    forms = {queue: form for one in made for queue, form in one.forms.items()}
    return [replace(one, forms=forms) for one in made]
