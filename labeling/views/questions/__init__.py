"""The drawer of question types as the labelling page shows them: their templates, and how a posted form is read.

Fields are called `q.<name>` or `q.<name>.<key>`. To add a type: one file beside these that makes a `Part`, and one line
in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from labeling.errors import Fault
from labeling.questions import Config, Shown, is_asked
from labeling.questions import clean_answer as clean_one
from labeling.questions.base import QuestionError
from labeling.views.questions.base import Keys, Part
from labeling.views.questions.choose import CHOOSE, CHOOSE_TASK
from labeling.views.questions.compare import COMPARE
from labeling.views.questions.edit import EDIT
from labeling.views.questions.rank import RANK
from labeling.views.questions.rate import RATE, RATE_TASK
from labeling.views.questions.spans import SPANS
from labeling.views.questions.text import COMMENT, WRITE, WRITE_PROMPT

# What a question's settings make of its type: one asked about the whole stands elsewhere than one asked per response.
PARTS: dict[str, Callable[[Config], Part]] = {
    "write": lambda question: WRITE_PROMPT if question.get("mode") == "prompt" else WRITE,
    "edit": lambda question: EDIT,
    "rank": lambda question: RANK,
    "compare": lambda question: COMPARE,
    "rate": lambda question: RATE if question["per"] == "candidate" else RATE_TASK,
    "choose": lambda question: CHOOSE if question["per"] == "candidate" else CHOOSE_TASK,
    "spans": lambda question: SPANS,
    "comment": lambda question: COMMENT,
}


def part_of(question: Config) -> Part:
    """How this question stands on the page."""
    return PARTS[question["type"]](question)


@dataclass(frozen=True)
class ShownQuestion:
    """One question of the form, ready for its templates: its settings, what was answered so far, what is wrong."""

    config: Config
    part: Part
    number: int
    answer: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def name(self) -> str:
        return str(self.config["name"])


def read_answers(form: Sequence[Config], posted: QueryDict, keys: Keys) -> dict[str, Any]:
    """The answers in a posted form, as drafts keep them; questions without any are left out."""
    read = {question["name"]: part_of(question).read(question, posted, keys) for question in form}
    return {name: answer for name, answer in read.items() if answer is not None}


def final_answers(form: Sequence[Config], answers: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    """Answers as they are submitted: without what drafts keep beside them, and without those to questions that are
    not asked (a page keeps what was typed there, should the question come back).
    """
    final: dict[str, Any] = {}
    cleaned: dict[str, Any] = {}
    for question in form:
        name = question["name"]
        if name not in answers or not is_asked(question, form, cleaned):
            continue
        final[name] = part_of(question).final(answers[name])
        try:
            cleaned[name] = clean_one(question, final[name], shown)
        except QuestionError:
            continue  # It is complained about when the whole is submitted.
    return final


def shown_questions(
    form: Sequence[Config], answers: Mapping[str, Any], keys: Keys, faults: Sequence[Fault] = ()
) -> list[ShownQuestion]:
    """The form's questions for the page, each with its answer so far and its fault."""
    wrong = {fault.path: fault.message for fault in faults}
    return [
        ShownQuestion(
            config=question,
            part=part_of(question),
            number=number,
            answer=part_of(question).prepare(question, answers.get(question["name"]), keys),
            error=wrong.get(question["name"], ""),
        )
        for number, question in enumerate(form, start=1)
    ]
