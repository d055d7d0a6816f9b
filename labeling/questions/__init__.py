"""The drawer of question types, and the forms that are composed of them.

To add a type: one file beside these, with the members of `QuestionType`, and one line in the table; and how it stands
on the labelling page, in the drawer labeling.views.questions. docs/questions/README.md goes through it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from labeling.errors import Fault, Invalid, InvalidAnswers
from labeling.questions.base import Config, QuestionError, QuestionType, Setting, Shown
from labeling.questions.choose import Choose
from labeling.questions.comment import Comment
from labeling.questions.compare import Compare
from labeling.questions.edit import Edit
from labeling.questions.presets import PRESETS, Preset
from labeling.questions.rank import Rank
from labeling.questions.rate import Rate
from labeling.questions.spans import Spans
from labeling.questions.write import Write
from labeling.text import unfit_text

_ALL: tuple[QuestionType, ...] = (Write(), Edit(), Rank(), Compare(), Rate(), Choose(), Spans(), Comment())

QUESTION_TYPES: dict[str, QuestionType] = {kind.name: kind for kind in _ALL}

MAX_QUESTIONS = 50
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_COMMON = ("name", "type", "title", "help", "required", "show_if")


def _clean_common(raw: Mapping[str, Any], names: set[str]) -> tuple[QuestionType, Config]:
    kind = QUESTION_TYPES.get(raw["type"]) if isinstance(raw.get("type"), str) else None
    if kind is None:
        known = ", ".join(QUESTION_TYPES)
        raise QuestionError(f"There is no question type “{raw.get('type', '')}”. Known: {known}.", "type")
    name = raw.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise QuestionError("Give it a name: a small letter, then letters, digits or _, at most 50.", "name")
    if name in names:
        raise QuestionError(f"Two questions are called “{name}”.", "name")
    common: Config = {"name": name, "type": kind.name}
    for field, default in (("title", kind.title), ("help", "")):
        value = raw.get(field, default)
        if not isinstance(value, str) or len(value) > 2000:
            raise QuestionError(f"“{field}” must be text of at most 2000 characters.", field)
        problem = unfit_text(value)
        if problem:
            raise QuestionError(f"“{field}” {problem}", field)
        common[field] = value
    required = raw.get("required", True)
    if not isinstance(required, bool):
        raise QuestionError("“required” must be true or false.", "required")
    common["required"] = required
    return kind, common


def _own_title(kind: QuestionType, own: Config) -> str:
    """What a question is called where the form does not say: its type's title, or that of what its settings ask for."""
    naming = (setting for setting in kind.settings if setting.titles)
    return next((one.titles[own[one.name]] for one in naming if own[one.name] in one.titles), kind.title)


def _clean_condition(raw: Any, earlier: Sequence[Config]) -> Config:
    """`show_if`: an earlier question, and the outcomes of its answer of which one at least must hold."""
    if not isinstance(raw, Mapping) or set(raw) != {"question", "is"}:
        raise QuestionError('“show_if” must be {"question": name, "is": [outcome, …]}.', "show_if")
    asked = next((question for question in earlier if question["name"] == raw["question"]), None)
    if asked is None:
        known = ", ".join(question["name"] for question in earlier) or "none"
        raise QuestionError(f"It must name a question before this one. There are: {known}.", "show_if.question")
    wanted = [raw["is"]] if isinstance(raw["is"], str) else raw["is"]
    outcomes = QUESTION_TYPES[asked["type"]].outcomes(asked)
    if not isinstance(wanted, list) or not wanted or any(one not in list(outcomes) for one in wanted):
        known = ", ".join(f"“{outcome}”" for outcome in outcomes)
        raise QuestionError(f"“is” must list outcomes of “{asked['name']}”. There are: {known}.", "show_if.is")
    return {"question": asked["name"], "is": [outcome for outcome in outcomes if outcome in wanted]}


def clean_form(raw: Any) -> list[Config]:
    """A form with every default filled in. Raises Invalid with the path of each mistake (`form[1].name`)."""
    if not isinstance(raw, list) or not raw:
        raise Invalid("A form is a list of questions.", errors=[Fault("form", "Give at least one question.")])
    if len(raw) > MAX_QUESTIONS:
        raise Invalid("The form is too long.", errors=[Fault("form", f"At most {MAX_QUESTIONS} questions.")])
    questions: list[Config] = []
    faults: list[Fault] = []
    names: set[str] = set()
    for number, item in enumerate(raw):
        path = f"form[{number}]"
        if not isinstance(item, Mapping):
            faults.append(Fault(path, "A question is an object with name and type."))
            continue
        try:
            kind, common = _clean_common(item, names)
            own = kind.clean_config({k: v for k, v in item.items() if k not in _COMMON})
            if "title" not in item:
                common["title"] = _own_title(kind, own)
            if item.get("show_if") is not None:
                common["show_if"] = _clean_condition(item["show_if"], questions)
        except QuestionError as error:
            faults.append(Fault(f"{path}.{error.path}" if error.path else path, error.message))
            continue
        names.add(common["name"])
        questions.append(common | own)
    if faults:
        raise Invalid("The form has mistakes.", errors=faults)
    low, high = form_candidates(questions)
    if low > high:
        raise Invalid(
            "The form's questions do not fit together.",
            errors=[Fault("form", f"One question needs {low} responses and another takes at most {high}.")],
        )
    return questions


def form_candidates(questions: Sequence[Config]) -> tuple[int, int]:
    """The fewest and the most candidates that a task of this form shows. (0, 0): it shows none."""
    ranges = [QUESTION_TYPES[q["type"]].candidates(q) for q in questions]
    asked = [(low, high) for low, high in ranges if high > 0]
    if not asked:
        return 0, 0
    return max(low for low, _ in asked), min(high for _, high in asked)


def preset_form(name: str) -> list[Config]:
    """The form of a preset, or the form of one question type alone. Raises Invalid when there is neither."""
    if name in PRESETS:
        return clean_form([dict(question) for question in PRESETS[name].questions])
    if name in QUESTION_TYPES:
        return clean_form([{"name": name, "type": name}])
    known = ", ".join([*PRESETS, *QUESTION_TYPES])
    raise Invalid(f"There is no preset “{name}”.", errors=[Fault("preset", f"Known: {known}.")])


def is_asked(question: Config, questions: Sequence[Config], answers: Mapping[str, Any]) -> bool:
    """Whether a question is asked, given the cleaned answers to the questions before it."""
    condition = question.get("show_if")
    if condition is None:
        return True
    if condition["question"] not in answers:
        return False
    earlier = next(one for one in questions if one["name"] == condition["question"])
    outcome = QUESTION_TYPES[earlier["type"]].outcome(earlier, answers[earlier["name"]])
    return not outcome.isdisjoint(condition["is"])


def clean_answer(question: Config, value: Any, shown: Shown) -> Any:
    """One question's answer in its stored form, whatever the others say. Raises QuestionError."""
    return QUESTION_TYPES[question["type"]].clean_answer(question, value, shown)


def _is_blank(value: Any) -> bool:
    if isinstance(value, Mapping):
        return not value or not str(value.get("text", "x")).strip()
    return value is None


def clean_answers(questions: Sequence[Config], answers: Any, shown: Shown) -> dict[str, Any]:
    """The answers in their stored form, in the form's order. A question that is not asked has none.

    Raises InvalidAnswers with one fault for each question that is wrong, all at once.
    """
    if not isinstance(answers, Mapping):
        raise InvalidAnswers("“answers” must be an object keyed by question name.")
    cleaned: dict[str, Any] = {}
    faults: list[Fault] = []
    known = {question["name"] for question in questions}
    faults += [Fault(str(name), "The form has no such question.") for name in answers if name not in known]
    for question in questions:
        name = question["name"]
        value = answers.get(name)
        blank = _is_blank(value)
        if not is_asked(question, questions, cleaned):
            # Where the question that it hangs on is wrong itself, nothing can be said about this one.
            hanging = question["show_if"]["question"] in {fault.path for fault in faults}
            if not blank and not hanging:
                faults.append(Fault(name, "This question is not asked after what was answered before it."))
            continue
        if blank and not question["required"]:
            continue
        if value is None or value == {}:
            faults.append(Fault(name, "This question needs an answer."))
            continue
        try:
            cleaned[name] = clean_answer(question, value, shown)
        except QuestionError as error:
            faults.append(Fault(name, error.message))
    if faults:
        raise InvalidAnswers("Some answers do not fit the form.", errors=faults)
    return cleaned


__all__ = [
    "PRESETS",
    "QUESTION_TYPES",
    "Config",
    "Preset",
    "QuestionType",
    "Setting",
    "Shown",
    "clean_answer",
    "clean_answers",
    "clean_form",
    "form_candidates",
    "is_asked",
    "preset_form",
]
