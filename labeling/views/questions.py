"""The drawer of question types as the labelling page shows them: their templates, and how a posted form is read.

A type has a panel (its title, its help and, for one that asks for text, its field) and, where it asks about each
response, a part on every card and a part in the dock at the foot of the page. Fields are called `q.<name>` or
`q.<name>.<key>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from labeling.errors import Fault
from labeling.questions import Config
from labeling.questions.rank import places

Keys = Sequence[str]
Read = Callable[[Config, QueryDict, Keys], Any]
Prepare = Callable[[Config, Any, Keys], dict[str, Any]]


def _read_text(question: Config, posted: QueryDict, keys: Keys) -> dict[str, str] | None:
    text = posted.get(f"q.{question['name']}")
    # A form sends every line break as CR LF; what was typed had LF.
    return None if text is None else {"text": text.replace("\r\n", "\n")}


def _prepare_text(question: Config, answer: Any, keys: Keys) -> dict[str, Any]:
    text = answer.get("text") if isinstance(answer, Mapping) else ""
    return {"text": text if isinstance(text, str) else ""}


def _read_rank(question: Config, posted: QueryDict, keys: Keys) -> dict[str, Any] | None:
    """`groups` best first, and `places` as they were chosen, gaps and all, to be shown again. None: nothing was placed.

    A response without a place is left out of both.
    """
    chosen: dict[str, int] = {}
    for key in keys:
        number = posted.get(f"q.{question['name']}.{key}", "")
        if number.isascii() and number.isdigit() and 1 <= int(number) <= len(keys):
            chosen[key] = int(number)
    if not chosen:
        return None
    answer: dict[str, Any] = {
        "groups": [[key for key in keys if chosen.get(key) == place] for place in sorted(set(chosen.values()))],
        "places": chosen,
    }
    line = posted.get(f"q.{question['name']}.acceptable", "")
    if question["acceptable"] and line.isascii() and line.isdigit():
        answer["acceptable"] = int(line)
    return answer


def _prepare_rank(question: Config, answer: Any, keys: Keys) -> dict[str, Any]:
    """Each key's place, 1 for the best. A draft may say the places themselves, where some are still free."""
    chosen: dict[str, int] = {}
    if isinstance(answer, Mapping):
        said = answer.get("places")
        if not isinstance(said, Mapping):
            groups = answer.get("groups")
            usable = isinstance(groups, list) and all(
                isinstance(group, list) and all(isinstance(key, str) for key in group) for group in groups
            )
            said = {key: place + 1 for key, place in places(answer).items()} if usable else {}
        chosen = {
            key: place
            for key, place in said.items()
            if key in keys and isinstance(place, int) and 1 <= place <= len(keys)
        }
    line = answer.get("acceptable") if isinstance(answer, Mapping) else None
    return {
        "places": chosen,
        "numbers": range(1, len(keys) + 1),
        "acceptable": line if isinstance(line, int) else None,
    }


def _final_rank(answer: dict[str, Any]) -> dict[str, Any]:
    return {part: value for part, value in answer.items() if part != "places"}


def _as_it_is(answer: dict[str, Any]) -> dict[str, Any]:
    return answer


@dataclass(frozen=True)
class Part:
    """How one question type stands on the page.

    `read` takes its answer out of a posted form as a draft keeps it, `final` makes of that what is submitted, and
    `prepare` makes of it what the templates show.
    """

    read: Read
    prepare: Prepare
    panel: str
    card: str = ""
    dock: str = ""
    final: Callable[[dict[str, Any]], dict[str, Any]] = _as_it_is


_FOLDER = "labeling/questions"

PARTS: dict[str, Part] = {
    "write": Part(_read_text, _prepare_text, f"{_FOLDER}/write.html"),
    "rank": Part(
        _read_rank,
        _prepare_rank,
        f"{_FOLDER}/rank.html",
        card=f"{_FOLDER}/rank_card.html",
        dock=f"{_FOLDER}/rank_dock.html",
        final=_final_rank,
    ),
    "comment": Part(_read_text, _prepare_text, f"{_FOLDER}/comment.html"),
}


@dataclass(frozen=True)
class ShownQuestion:
    """One question of the form, ready for its templates: its settings, what was answered so far, what is wrong."""

    config: Config
    part: Part
    answer: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def name(self) -> str:
        return str(self.config["name"])

    @property
    def about_responses(self) -> bool:
        """Whether it is answered on the cards. Its panel then stands above them."""
        return bool(self.part.card)


def read_answers(form: Sequence[Config], posted: QueryDict, keys: Keys) -> dict[str, Any]:
    """The answers in a posted form, as drafts keep them; questions without any are left out."""
    read = {question["name"]: PARTS[question["type"]].read(question, posted, keys) for question in form}
    return {name: answer for name, answer in read.items() if answer is not None}


def final_answers(form: Sequence[Config], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Answers as they are submitted: without what drafts keep beside them."""
    kinds = {question["name"]: question["type"] for question in form}
    return {name: PARTS[kinds[name]].final(answer) for name, answer in answers.items()}


def shown_questions(
    form: Sequence[Config], answers: Mapping[str, Any], keys: Keys, faults: Sequence[Fault] = ()
) -> list[ShownQuestion]:
    """The form's questions for the page, each with its answer so far and its fault."""
    wrong = {fault.path: fault.message for fault in faults}
    return [
        ShownQuestion(
            config=question,
            part=PARTS[question["type"]],
            answer=PARTS[question["type"]].prepare(question, answers.get(question["name"]), keys),
            error=wrong.get(question["name"], ""),
        )
        for question in form
    ]
