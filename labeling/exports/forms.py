"""What a manager chooses on the export page. Read by `choices.parse`; this draws it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField

from labeling.exports.formats import FORMATS
from labeling.exports.settings import SETTINGS, Group, Setting
from labeling.exports.values import Number, Share
from labeling.models import Project


@dataclass(frozen=True)
class FieldGroup:
    """Fields that stand together under a title; folded away unless something in them is set."""

    title: str
    fields: tuple[BoundField, ...]
    is_open: bool


class ExportForm(forms.Form):
    """One field for each setting. Sent by GET, so that an address holds a choice."""

    use_required_attribute = False  # “all queues” is an empty value

    format = forms.ChoiceField(choices=[(name, f"{name}: {kind.title}") for name, kind in FORMATS.items()])
    queue = forms.ChoiceField()

    def __init__(self, project: Project, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        queues = [(queue.slug, queue.name) for queue in project.queues.order_by("pk")]
        self.fields["queue"].choices = [("", "All queues"), *queues]  # type: ignore[attr-defined]
        for setting in _on_page():
            self.fields[setting.name] = _select(setting) if setting.titles else _text(setting)

    @property
    def what(self) -> list[BoundField]:
        """The fields that most people need, the format first."""
        return [self["format"], self["queue"], *(self[one.name] for one in _on_page() if one.group is Group.WHAT)]

    @property
    def groups(self) -> list[FieldGroup]:
        """All the others."""
        return [
            FieldGroup(
                group.value,
                tuple(self[one.name] for one in _on_page() if one.group is group),
                any(self._is_set(one) for one in _on_page() if one.group is group),
            )
            for group in Group
            if group is not Group.WHAT
        ]

    def _is_set(self, setting: Setting) -> bool:
        return self.initial.get(setting.name, "") not in ("", setting.default_text)


def _on_page() -> Iterator[Setting]:
    return (setting for setting in SETTINGS if setting.on_page)


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
