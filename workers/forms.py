"""The forms that set generators up and change them. Services judge what was typed; complaints stand at the fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django import forms

from labeling.errors import DomainError
from workers.backends import BACKENDS
from workers.backends.base import Option
from workers.hygiene import CHECKS
from workers.hygiene.base import ACTIONS
from workers.models import Generator, WaterMarks

_SAMPLING = ("max_new_tokens", "temperature", "top_p", "seed", "min_new_tokens", "stop")


def _option_field(option: Option) -> forms.Field:
    """A field for a backend's own setting. Blank is the default, which the help names."""
    words: dict[str, Any] = {"label": option.title, "help_text": option.help, "required": False}
    if option.kind == "choice":
        return forms.ChoiceField(choices=[(value, value) for value in option.choices], initial=option.default, **words)
    if option.kind == "flag":
        return forms.BooleanField(initial=bool(option.default), **words)
    if option.kind == "number":
        number = forms.IntegerField if option.whole else forms.FloatField
        return number(min_value=0, initial=option.default if option.default != "" else None, **words)
    return forms.CharField(max_length=500, initial=option.default, **words)


class Settings(forms.Form):
    """What may be changed later too: how many, how checked, how much, and by whom."""

    name = forms.CharField(max_length=100, help_text="How you will know it, for example “SmolLM2, warm”.")
    candidates_per_prompt = forms.IntegerField(min_value=1, max_value=64, initial=4, label="Candidates for each prompt")
    weight = forms.FloatField(
        min_value=0,
        required=False,
        label="Share in the draw",
        help_text="Blank: it makes its own candidates for every prompt. A number: it is one of those from which the "
        "project draws, and twice the number is drawn twice as often.",
    )
    replacements = forms.IntegerField(
        min_value=0,
        max_value=10,
        initial=2,
        required=False,
        help_text="How often a response that was dropped is made anew; 2 where it is blank.",
    )
    max_tokens = forms.IntegerField(
        min_value=1, required=False, label="Most tokens", help_text="In all; then it stops."
    )
    max_cost = forms.DecimalField(
        min_value=0, required=False, label="Most money", help_text="In all, in the project's currency; then it stops."
    )
    group = forms.CharField(
        max_length=40,
        required=False,
        label="Group of workers",
        help_text="Blank for the workers that serve no group. Those of a group big are started with -Q generation.big.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, check in CHECKS.items():
            self.fields[f"hygiene.{name}"] = forms.ChoiceField(
                choices=list(ACTIONS.items()),
                initial=check.action,
                required=False,
                label=check.title,
                help_text=check.help,
            )

    @property
    def hygiene_fields(self) -> Iterator[forms.BoundField]:
        """One for each check."""
        return (self[name] for name in self.fields if name.startswith("hygiene."))

    def changeable(self) -> dict[str, Any]:
        """The cleaned fields that may be changed later, as services take them."""
        given = {name: value for name, value in self.cleaned_data.items() if name in Settings.base_fields}
        if given["replacements"] is None:
            given["replacements"] = 2
        chosen = {name: value for name, value in self.cleaned_data.items() if name.startswith("hygiene.") and value}
        return given | {"hygiene": {name.removeprefix("hygiene."): value for name, value in chosen.items()}}

    def show(self, error: DomainError) -> None:
        """Puts a service's complaints beside the fields that they are about."""
        self.add_error(None, "Look at what is marked below." if error.errors else error.detail)
        for fault in error.errors:
            field = self.field_of(fault.path)
            self.add_error(field if field in self.fields else None, fault.message)

    def field_of(self, path: str) -> str:
        """The field for a service's path."""
        return path

    @classmethod
    def of(cls, generator: Generator) -> Settings:
        """The form as a generator stands now."""
        stands = {name: getattr(generator, name) for name in Settings.base_fields}
        return Settings(initial=stands | {f"hygiene.{name}": value for name, value in generator.hygiene.items()})


class GeneratorForm(Settings):
    """All that is set when a generator is set up."""

    backend = forms.ChoiceField(
        choices=lambda: [(name, backend.title) for name, backend in BACKENDS.items()],
        widget=forms.Select(attrs={"data-kinds-target": "choice", "data-action": "kinds#show"}),
    )
    model = forms.CharField(
        max_length=300,
        initial="smollm2-135m-instruct",
        help_text="The bundled smollm2-135m-instruct, a folder on the workers' machine, a Hugging Face hub name, or "
        "what an endpoint calls its model.",
    )
    revision = forms.CharField(
        max_length=100, required=False, help_text="The commit of a hub model, so that it stays the same model."
    )
    max_new_tokens = forms.IntegerField(min_value=1, max_value=32768, initial=256, label="Longest response, in tokens")
    min_new_tokens = forms.IntegerField(
        min_value=0, max_value=32768, required=False, label="Shortest response, in tokens"
    )
    temperature = forms.FloatField(
        min_value=0,
        max_value=2,
        initial=0.8,
        help_text="0 takes the likeliest token every time; higher is more varied.",
    )
    top_p = forms.FloatField(min_value=0, max_value=1, initial=0.95, label="Top p")
    seed = forms.IntegerField(min_value=0, initial=0, help_text="The same seed makes the same responses again.")
    stop = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Stop texts",
        help_text="One on each line. A response ends where one comes up.",
    )
    variants = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        label="Drawn differently, sample by sample",
        help_text='JSON: what differs for the first sample, the second, and so on, as [{"temperature": 0.3}, '
        '{"temperature": 1.1}].',
    )
    system = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="System message",
        help_text="Goes before prompts that have none of their own.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, backend in BACKENDS.items():
            for option in backend.options:
                self.fields[f"{name}.{option.name}"] = _option_field(option)

    @property
    def backends(self) -> Iterator[tuple[str, str, list[forms.BoundField]]]:
        """Each backend that has settings of its own: name, title, fields."""
        for name, backend in BACKENDS.items():
            if backend.options:
                yield name, backend.title, [self[f"{name}.{option.name}"] for option in backend.options]

    def clean_variants(self) -> Any:
        """The list that was typed; the service judges what is in it."""
        typed = self.cleaned_data["variants"].strip()
        try:
            return json.loads(typed) if typed else []
        except ValueError as error:
            raise forms.ValidationError(f"This is no JSON: {error}.") from error

    def fields_for_service(self) -> dict[str, Any]:
        """The cleaned fields as `generators.create` takes them."""
        given = self.cleaned_data
        sampling = {name: given[name] for name in _SAMPLING if given.get(name) is not None}
        sampling["stop"] = [line for line in sampling.get("stop", "").replace("\r", "").split("\n") if line]
        backend = BACKENDS[given["backend"]]
        options = {option.name: given.get(f"{given['backend']}.{option.name}") for option in backend.options}
        named = {name: given[name] for name in ("backend", "model", "revision", "variants", "system")}
        return self.changeable() | named | {"sampling": sampling, "options": options}

    def field_of(self, path: str) -> str:
        """The field for a service's path: options stand under their backend's name."""
        if path.startswith("options."):
            return f"{self.data.get('backend', '')}.{path.removeprefix('options.')}"
        return path.removeprefix("sampling.").partition("[")[0]


class SharedForm(forms.Form):
    """What a project's generators share."""

    drawn_per_prompt = forms.IntegerField(
        min_value=0,
        max_value=64,
        label="Candidates drawn for each prompt",
        help_text="From the generators that have a share in the draw. 0 draws none.",
    )
    budget = forms.DecimalField(
        min_value=0, required=False, help_text="What all generators together may cost; blank for no limit."
    )
    currency = forms.CharField(max_length=3, help_text="Three capital letters; that of the prices in the generators.")

    def show(self, error: DomainError) -> None:
        """Puts a service's complaints beside the fields that they are about."""
        for fault in error.errors:
            self.add_error(fault.path if fault.path in self.fields else None, fault.message)


class WaterMarksForm(forms.Form):
    """Between how many tasks a queue is kept ahead."""

    low = forms.IntegerField(min_value=1, label="At least")
    high = forms.IntegerField(min_value=1, label="At most")
    lead_minutes = forms.IntegerField(min_value=0, label="Minutes ahead of the pace", initial=60)

    def show(self, error: DomainError) -> None:
        """Puts a service's complaints beside the fields that they are about."""
        for fault in error.errors:
            self.add_error(fault.path if fault.path in self.fields else None, fault.message)

    @classmethod
    def of(cls, marks: WaterMarks | None, *, prefix: str) -> WaterMarksForm:
        """The form as a queue's marks stand now."""
        names = ("low", "high", "lead_minutes")
        return cls(prefix=prefix, initial={name: getattr(marks, name) for name in names} if marks else None)
