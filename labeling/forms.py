"""What managers type. The services judge it; `complain` puts their complaints beside the fields they are about."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict

from labeling.errors import DomainError
from labeling.importing import SOURCES
from labeling.importing.base import LineError
from labeling.importing.jsonl import decode
from labeling.models import QueueState, Role
from labeling.questions import PRESETS
from labeling.services.projects import MAX_GUIDELINES
from labeling.services.queues import MAX_LEASE_MINUTES, MAX_OVERLAP

OWN_FORM = "own"


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: what was sent, also where that is nothing at all; None while the page is only read."""
    return request.POST if request.method == "POST" else None


def complain(form: forms.Form, error: DomainError) -> None:
    """Puts a service's complaints beside the fields that they are about; what was typed stays in the form."""
    placed = False
    for fault in error.errors:
        name = fault.path.split("[")[0].split(".")[0]
        where = f"{fault.path}: " if fault.path != name else ""
        form.add_error(name if name in form.fields else None, f"{where}{fault.message}")
        placed = placed or name in form.fields
    if not placed:
        form.add_error(None, error.detail)


def _text(rows: int, **attributes: Any) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, **attributes})


class ProjectForm(forms.Form):
    """A new project."""

    name = forms.CharField(max_length=200)
    slug = forms.CharField(
        max_length=80,
        required=False,
        label="Address",
        help_text="The last part of its web address: small letters, digits and hyphens. Made from the name if empty.",
    )
    description = forms.CharField(max_length=2000, required=False, help_text="A line or two for its members.")
    guidelines = forms.CharField(
        max_length=MAX_GUIDELINES,
        required=False,
        strip=False,
        widget=_text(12),
        help_text="What good work is, in Markdown. Annotators have it one key away; you can change it at any time.",
    )


class GuidelinesForm(forms.Form):
    """The text of the guidelines."""

    guidelines = forms.CharField(
        max_length=MAX_GUIDELINES,
        strip=False,
        label="Text",
        widget=_text(24, spellcheck="true"),
        help_text="Markdown, with code and math.",
    )


class MemberForm(forms.Form):
    """Who joins, and as what."""

    email = forms.EmailField(label="E-mail")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.ANNOTATOR)


class ImportForm(forms.Form):
    """A file of prompts."""

    file = forms.FileField(help_text="Plain or gzip, of any size.")
    source = forms.ChoiceField(
        choices=lambda: [(name, name) for name in SOURCES], label="Kind of file", initial="jsonl"
    )


class PromptFilter(forms.Form):
    """What a list of prompts is narrowed down to."""

    state = forms.ChoiceField(required=False)
    batch = forms.CharField(required=False, max_length=100)
    external_id = forms.CharField(required=False, max_length=256, label="External id")

    def __init__(self, data: Any, *, stands: list[tuple[str, str]]) -> None:
        super().__init__(data)
        self.fields["state"].choices = [("", "Any state"), *stands]  # type: ignore[attr-defined]


class EventFilter(forms.Form):
    """What the log is narrowed down to."""

    about = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Everything but the labelling"),
            ("all", "Everything"),
            ("project", "The project"),
            ("membership", "Members"),
            ("guidelinesversion", "Guidelines"),
            ("promptimport", "Imports"),
            ("generator", "Generators"),
            ("queue", "Queues"),
            ("slot", "Tasks taken, skipped, released"),
            ("annotation", "Annotations"),
            ("release", "Releases"),
        ],
    )
    who = forms.CharField(required=False, max_length=254, label="By (e-mail)")


class JSONQuestions(forms.CharField):
    """A list of questions, typed as JSON."""

    widget = _text(12, spellcheck="false", autocapitalize="off", autocomplete="off")

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text.strip():
            return None
        try:
            value = decode(text.encode())
            # What is wrong with it is said in its own words, which must be fit to be sent back.
            json.dumps(value, ensure_ascii=False).encode()
        except LineError as error:
            raise forms.ValidationError(str(error)) from error
        except UnicodeEncodeError as error:
            raise forms.ValidationError("It holds half of a character (a lone surrogate).") from error
        except RecursionError as error:
            raise forms.ValidationError("The JSON is nested too deep.") from error
        return value


class QuestionsForm(forms.Form):
    """The questions of a queue, as the form builder or a person writes them."""

    form = JSONQuestions(strip=False, label="Questions, as JSON")


class QueueSettings(forms.Form):
    """What can be changed of a queue while people work in it."""

    name = forms.CharField(max_length=200)
    overlap = forms.IntegerField(
        min_value=1, max_value=MAX_OVERLAP, initial=1, help_text="How many people answer each task."
    )
    lease_minutes = forms.IntegerField(
        min_value=1,
        max_value=MAX_LEASE_MINUTES,
        initial=30,
        label="Lease, in minutes",
        help_text="How long a task stays with somebody who stops typing.",
    )
    priority = forms.IntegerField(
        min_value=-1000, max_value=1000, initial=0, help_text="Queues with a higher number are offered first."
    )
    state = forms.ChoiceField(
        choices=QueueState.choices,
        initial=QueueState.OPEN,
        help_text="Paused gives out nothing new. Closed also takes in no new prompts.",
    )


class QueueForm(QueueSettings):
    """A new queue: a ready-made form, or one's own questions."""

    field_order = ("name", "slug", "preset", "form")

    slug = forms.CharField(
        max_length=80,
        required=False,
        label="Short name",
        help_text="For programs and file names: small letters, digits and hyphens. Made from the name if empty.",
    )
    preset = forms.ChoiceField(
        choices=lambda: [*((preset.slug, preset.title) for preset in PRESETS.values()), (OWN_FORM, "A form of my own")],
        initial=next(iter(PRESETS)),
        widget=forms.RadioSelect,
        label="What people are asked",
    )
    form = JSONQuestions(required=False, strip=False, label="Questions, as JSON")
    candidates_min = forms.IntegerField(
        required=False, min_value=0, label="Fewest candidates", help_text="A prompt with fewer makes no task."
    )
    candidates_max = forms.IntegerField(
        required=False, min_value=0, label="Most candidates", help_text="A task shows at most so many."
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("preset") == OWN_FORM and not cleaned.get("form") and "form" not in self.errors:
            self.add_error("form", "Give at least one question.")
        return cleaned

    def fields_for_service(self) -> dict[str, Any]:
        """The cleaned fields as `queues.create` takes them: a preset or a form, never both."""
        given = dict(self.cleaned_data)
        if given["preset"] == OWN_FORM:
            given["preset"] = ""
        else:
            given["form"] = None
        return given
