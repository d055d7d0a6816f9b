"""What a manager chooses for an export or a release. Read by `choices.parse` and `plans.parse`; this draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from django import forms
from django.forms import BoundField

from labeling.exports.benchmarks import MOST_BYTES
from labeling.exports.contamination import WORDS
from labeling.exports.division import BY_TAG
from labeling.exports.files import KINDS
from labeling.exports.formats import FORMATS
from labeling.exports.models import Release
from labeling.exports.plans import MOST_TITLE, NOT_FILTERS
from labeling.exports.policies import USUAL, Split
from labeling.exports.settings import SETTINGS, Group, Setting
from labeling.exports.summaries import filters_of
from labeling.exports.values import Number, Share
from labeling.models import Project


@dataclass(frozen=True)
class FieldGroup:
    """Fields that stand together under a title; folded away unless something in them is set."""

    title: str
    fields: tuple[BoundField, ...]
    is_open: bool


class SettingsForm(forms.Form):
    """One field for each setting of an export, in groups, beside the queue. What else there is stands in subclasses."""

    use_required_attribute = False  # “all queues” is an empty value
    settings: ClassVar[Sequence[Setting]]
    first: ClassVar[Sequence[str]]

    queue = forms.ChoiceField(required=False)

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        queues = [(queue.slug, queue.name) for queue in project.queues.order_by("pk")]
        self.fields["queue"].choices = [("", "All queues"), *queues]  # type: ignore[attr-defined]
        for setting in self.settings:
            self.fields[setting.name] = _select(setting) if setting.titles else _text(setting)

    @property
    def what(self) -> list[BoundField]:
        """The fields that most people need."""
        return [self[name] for name in (*self.first, *(one.name for one in self._of(Group.WHAT)))]

    @property
    def groups(self) -> list[FieldGroup]:
        """All the other settings."""
        return [
            FieldGroup(
                group.value,
                tuple(self[one.name] for one in self._of(group)),
                any(self._is_set(one) or self[one.name].errors for one in self._of(group)),
            )
            for group in Group
            if group is not Group.WHAT and self._of(group)
        ]

    def _of(self, group: Group) -> list[Setting]:
        return [one for one in self.settings if one.group is group]

    def _is_set(self, setting: Setting) -> bool:
        return (self[setting.name].value() or "") not in ("", setting.default_text)


class ExportForm(SettingsForm):
    """What to download. Sent by GET, so that an address holds a choice."""

    settings = tuple(setting for setting in SETTINGS if setting.on_page)
    first = ("format", "queue")

    format = forms.ChoiceField(choices=[(name, f"{name}: {kind.title}") for name, kind in FORMATS.items()])


class Splits(StrEnum):
    """How a release is divided, as the page asks it."""

    NONE = "none"
    SHARES = "shares"
    TAGS = "tags"


class ReleaseForm(SettingsForm):
    """What a release is to hold."""

    # A release counts with tokenizers, which a download cannot.
    settings = tuple(setting for setting in SETTINGS if setting.name not in NOT_FILTERS)
    first = ("queue",)

    title = forms.CharField(
        required=False,
        max_length=MOST_TITLE,
        help_text="A line that says what it is for, such as “For the paper”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    formats = forms.MultipleChoiceField(
        choices=[(name, kind.title) for name, kind in FORMATS.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text="One row of the same answers looks different in each. A release holds any number of them.",
        error_messages={"required": "Choose one format or more."},
    )
    splits = forms.ChoiceField(
        choices=[
            (Splits.NONE.value, "Not at all: everything is in one part"),
            (Splits.SHARES.value, "By shares: a prompt stays in its part from release to release"),
            (Splits.TAGS.value, "By the tags train, validation and test of prompts"),
        ],
        label="Divided",
    )
    # Django takes fields out of the class before Python sees them, so this hides no attribute of forms.
    files = forms.ChoiceField(  # type: ignore[assignment]
        choices=[(kind.name, kind.title) for kind in KINDS.values()],
        label="Kind of files",
        help_text="Trainers read JSON Lines as they are; Parquet is read by column.",
    )
    benchmark = forms.FileField(
        required=False,
        help_text=f"Rows that share {WORDS} words in a row with this file are left out, so that a model can be tested "
        f"with it later. Plain text or JSON Lines in UTF-8, a text a line, at most {MOST_BYTES // 2**20} MB.",
    )
    keep_benchmark = forms.BooleanField(required=False, initial=True)

    def __init__(self, project: Project, *args: Any, like: Release | None = None, **kwargs: Any) -> None:
        """`like`: the earlier release whose benchmark may be taken over."""
        super().__init__(project, *args, **kwargs)
        if like:
            self.fields["keep_benchmark"].label = f"Compare with the benchmark of release {like.number}"
            self.fields["keep_benchmark"].help_text = "A file that is chosen here takes its place."
        else:
            del self.fields["keep_benchmark"]
        for split, percent in zip(Split, USUAL, strict=True):
            self.fields[split.value] = forms.IntegerField(
                required=False,
                min_value=0,
                max_value=100,
                initial=percent,
                label=f"{split.value.title()}, percent",
            )

    @property
    def shares(self) -> list[BoundField]:
        """How large each part is."""
        return [self[split.value] for split in Split]

    @property
    def lost_file(self) -> str:
        """The name of a file that was sent and must be chosen again: no browser fills it in once more."""
        return getattr(self["benchmark"].data, "name", None) or ""

    def clean(self) -> dict[str, Any]:
        """Shares come to 100: the service takes fractions of 1 too, which nobody types here."""
        given = super().clean() or {}
        if given.get("splits") == Splits.SHARES and not any(self[split.value].errors for split in Split):
            whole = sum(given.get(split.value) or 0 for split in Split)
            if whole != 100:
                self.add_error("splits", f"The parts come to {whole}; together they must be 100 percent.")
        return given

    @property
    def asked(self) -> dict[str, Any]:
        """What was chosen, but for the title, as the service takes it. Read it of a form that is valid."""
        given = self.cleaned_data
        shares = {split.value: share for split in Split if (share := given[split.value])}
        divided = {Splits.NONE: None, Splits.SHARES: shares, Splits.TAGS: BY_TAG}[Splits(given["splits"])]
        filters = {name: given[name] for name in ("queue", *(one.name for one in self.settings)) if given[name]}
        return {"formats": given["formats"], "filters": filters, "splits": divided, "files": given["files"]}

    @staticmethod
    def place(path: str) -> str:
        """The field that a complaint about a path is about."""
        if path == "benchmark_of":
            return "keep_benchmark"
        head, _, rest = path.partition(".")
        return rest if head in ("filters", "splits") and rest else head


def initial_of(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The choice of a release as the form holds it."""
    shares = asked["splits"]
    divided = Splits.NONE if shares is None else Splits.TAGS if shares == BY_TAG else Splits.SHARES
    parts = {split.value: shares.get(split.value, 0) for split in Split} if divided is Splits.SHARES else {}
    known = {"formats": asked["formats"], "splits": divided.value, "files": asked["files"]}
    return {**filters_of(asked), **known, **parts}


def _select(setting: Setting) -> forms.ChoiceField:
    # What decides nothing by default is said by an empty value.
    nothing = [] if setting.default_text else [("", "Everything in one file")]
    return forms.ChoiceField(
        choices=[*nothing, *((str(value), title) for value, title in setting.titles.items())],
        label=setting.title,
        help_text=_users(setting) or setting.help,
    )


def _users(setting: Setting) -> str:
    """Which formats a setting is for, each kind of rows once; empty where none says so."""
    kinds = [kind for kind in FORMATS.values() if setting.name in kind.uses]
    if not kinds:
        return ""
    *most, last = [kind.name for kind in kinds if not kind.like]
    named = f"{', '.join(most)} and {last}" if most else last
    return f"For {named}{', and others of their kind' if any(kind.like for kind in kinds) else ''}."


def _text(setting: Setting) -> forms.CharField:
    attributes = {"autocomplete": "off", "placeholder": setting.kind.example}
    if isinstance(setting.kind, Number | Share):
        attributes["inputmode"] = "numeric" if isinstance(setting.kind, Number) else "decimal"
    return forms.CharField(
        required=False, label=setting.title, help_text=setting.help, widget=forms.TextInput(attrs=attributes)
    )
