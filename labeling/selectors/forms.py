"""Forms for people and programs that build or read them: what there is to ask, what is wrong, what a form says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labeling import questions
from labeling.errors import Fault, Invalid
from labeling.models import FormVersion, Queue
from labeling.questions import Config, Setting
from labeling.selectors import counts as kept_counts
from labeling.text import typed_number

_CONDITION = re.compile(r"form\[(\d+)\]\.show_if\.question")


def question_types() -> list[dict[str, Any]]:
    """Every question type with its settings, as a form builder or a program needs it."""
    return [
        {
            "name": kind.name,
            "title": kind.title,
            "description": kind.description,
            "settings": [_setting(setting) for setting in kind.settings],
            "outcomes": kind.outcomes(questions.preset_form(kind.name)[0]),
        }
        for kind in questions.QUESTION_TYPES.values()
    ]


def _setting(setting: Setting) -> dict[str, Any]:
    bounded = setting.kind in ("number", "texts")
    return {
        "name": setting.name,
        "kind": setting.kind,
        "title": setting.title,
        "help": setting.help,
        "default": list(setting.default) if isinstance(setting.default, tuple) else setting.default,
        "least": setting.low if bounded else None,
        "most": setting.high if bounded else None,
        "choices": [{"value": value, "title": words} for value, words in setting.choices],
        "titles": dict(setting.titles),
    }


def presets() -> list[dict[str, Any]]:
    """Every preset: where it comes from, its questions as they were published, and how many responses it shows."""
    found = []
    for preset in questions.PRESETS.values():
        low, high = questions.form_candidates(questions.preset_form(preset.slug))
        shown = {"candidates_min": low, "candidates_max": high}
        form = [dict(question) for question in preset.questions]
        found.append({"slug": preset.slug, "title": preset.title, "source": preset.source, "form": form, **shown})
    return found


@dataclass(frozen=True)
class Checked:
    """A form as it was sent: what it is (None where it has mistakes), every mistake, and for each question in its
    place what an answer can come to (None where its own settings are mistaken).
    """

    form: list[Config] | None
    faults: tuple[Fault, ...]
    outcomes: tuple[dict[str, str] | None, ...]

    @property
    def as_json(self) -> dict[str, Any]:
        """The same for a script that builds forms."""
        faults = [{"path": fault.path, "message": fault.message} for fault in self.faults]
        # As pairs: a script would put an object's keys that look like numbers first.
        pairs = [None if outcomes is None else list(outcomes.items()) for outcomes in self.outcomes]
        return {"errors": faults, "outcomes": pairs}


def check(raw: Any) -> Checked:
    """Looks a form over while it is being built, whatever was sent."""
    form: list[Config] | None = None
    faults: tuple[Fault, ...] = ()
    try:
        form = questions.clean_form(raw)
    except Invalid as error:
        faults = error.errors
    sent = raw[: questions.MAX_QUESTIONS] if isinstance(raw, list) else []
    told = tuple(fault for fault in faults if not _follows(fault, faults, sent))
    return Checked(form, told, tuple(_outcomes(question) for question in sent))


def _follows(fault: Fault, faults: Sequence[Fault], sent: Sequence[Any]) -> bool:
    """Whether a condition is only complained of because the question that it hangs on has a mistake of its own."""
    found = _CONDITION.fullmatch(fault.path)
    if not found:
        return False
    place = int(found[1])
    before = {f"form[{n}]" for n, one in enumerate(sent[:place]) if _name(one) == sent[place]["show_if"]["question"]}
    return any(other.path.partition(".")[0] in before for other in faults)


def _name(raw: Any) -> Any:
    return raw.get("name") if isinstance(raw, Mapping) else None


def _outcomes(raw: Any) -> dict[str, str] | None:
    if not isinstance(raw, Mapping):
        return None
    # Its settings alone say what an answer comes to: a name that is still missing takes nothing from them.
    alone = {name: value for name, value in raw.items() if name != "show_if"} | {"name": "alone"}
    try:
        (question,) = questions.clean_form([alone])
    except Invalid:
        return None
    return questions.QUESTION_TYPES[question["type"]].outcomes(question)


@dataclass(frozen=True)
class QuestionInWords:
    """A question of a form, for reading. `type` is empty where the title says it already; `settings` are pairs of a
    title and a value in words; `condition` is empty for one that is always asked.
    """

    name: str
    title: str
    type: str
    help: str
    required: bool
    settings: tuple[tuple[str, str], ...]
    condition: str

    @property
    def facts(self) -> str:
        """What stands behind the title."""
        return ", ".join(filter(None, [self.type, "" if self.required else "optional", self.condition]))


def in_words(form: Sequence[Config]) -> list[QuestionInWords]:
    """The questions of a stored form as a person reads them."""
    known = {question["name"]: question for question in form}
    return [
        QuestionInWords(
            name=question["name"],
            title=question["title"],
            type=_type_in_words(question),
            help=question["help"],
            required=question["required"],
            settings=tuple(
                (setting.title, _value_in_words(setting, question[setting.name]))
                for setting in questions.QUESTION_TYPES[question["type"]].settings
                if setting.name in question
            ),
            condition=_condition_in_words(question.get("show_if"), known),
        )
        for question in form
    ]


def _type_in_words(question: Config) -> str:
    kind = questions.QUESTION_TYPES[question["type"]]
    own_words = {kind.title, *(title for setting in kind.settings for title in setting.titles.values())}
    return "" if question["title"] in own_words else kind.title


def _value_in_words(setting: Setting, value: Any) -> str:
    if setting.kind == "yes_no":
        return "yes" if value else "no"
    if setting.kind == "texts":
        return " · ".join(value) or "none"
    if setting.kind == "choice":
        return dict(setting.choices).get(value, str(value))
    return "no limit" if value is None else f"{value:,}"


def _condition_in_words(condition: Config | None, known: Mapping[str, Config]) -> str:
    if condition is None:
        return ""
    earlier = known[condition["question"]]
    words = questions.QUESTION_TYPES[earlier["type"]].outcomes(earlier)
    wanted = " or ".join(f"“{words.get(outcome, outcome)}”" for outcome in condition["is"])
    return f"only where “{earlier['title']}” comes to {wanted}"


@dataclass(frozen=True)
class Version:
    """A version of a queue's form, and how many answers were given to it."""

    form: FormVersion
    annotations: int
    questions: list[QuestionInWords]


def versions(queue: Queue) -> list[Version]:
    """Every version of the form, the newest first."""
    kept = kept_counts.of_queues([queue.pk])[queue.pk]
    found = FormVersion.objects.filter(queue=queue).order_by("-number")
    return [Version(form, kept[f"annotation.{form.pk}"], in_words(form.questions)) for form in found]


def version(queue: Queue, number: str) -> FormVersion | None:
    """The version of a queue's form with this number, as it stands in an address."""
    known = typed_number(number, digits=9)
    return None if known is None else FormVersion.objects.filter(queue=queue, number=known).first()
