"""How a question type stands on the labelling page, and how its answer is read out of a posted form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.http import QueryDict

from labeling.questions import Config

Keys = Sequence[str]
Read = Callable[[Config, QueryDict, Keys], Any]
Prepare = Callable[[Config, Any, Keys], dict[str, Any]]

FOLDER = "labeling/questions"
SCRIPTS = "labeling/js/questions"


def as_it_is(answer: Any) -> Any:
    """For types whose drafts and answers look the same."""
    return answer


@dataclass(frozen=True)
class Part:
    """The templates of a question, and its way in and out of a form.

    `panel` has its title, its help, its error and, for one that asks for text, its field; it stands above the
    responses or below them (`place`). A type that asks about each response has a part in the head of every card
    (`card`), at its foot (`foot`), or in the dock at the foot of the page (`dock`). `script` is the module that adds
    its controllers to the page.

    `read` takes the answer out of a posted form as a draft keeps it (None: nothing was answered), `final` makes of that
    what is submitted, and `prepare` makes of it what the templates show. A draft may hold anything: `prepare` must
    bear it.
    """

    read: Read
    prepare: Prepare
    panel: str
    script: str
    place: Literal["above", "below"] = "below"
    card: str = ""
    foot: str = ""
    dock: str = ""
    # Whether the responses are shown as plain text first, because the answer points into it.
    raw_first: bool = False
    final: Callable[[Any], Any] = as_it_is
    # What is said above the prompt where it is not there to be answered.
    prompt_note: str = ""


def asked_about(question: Config, keys: Keys) -> Keys:
    """The keys of an answer: one for each response, or "" alone where the question is about the task as a whole."""
    return keys if question["per"] == "candidate" else ("",)


def field_name(question: Config, key: str) -> str:
    """What the form calls the field of a question for one key."""
    return f"q.{question['name']}.{key}" if key else f"q.{question['name']}"
