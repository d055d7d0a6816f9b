"""What managers type of a project: its name, guidelines, members, prompts, webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from labeling import licenses
from labeling.forms.base import area
from labeling.importing import SOURCES
from labeling.licenses import LICENSES, MAX_ADDRESS, OTHER
from labeling.models import EventType, Project, Role
from labeling.services.projects import AS_ADDRESS, MAX_GUIDELINES
from labeling.services.projects import MAX_DESCRIPTION as MAX_ABOUT
from labeling.services.webhooks import MAX_DESCRIPTION, MAX_URL
from labeling.text import typed_number


class ProjectForm(forms.Form):
    """A new project."""

    name = forms.CharField(max_length=200)
    slug = forms.CharField(
        max_length=80,
        required=False,
        label="Address",
        help_text="The last part of its web address: small letters, digits and hyphens. Made from the name if empty.",
    )
    description = forms.CharField(
        required=False, widget=area(3, maxlength=MAX_ABOUT), help_text="A line or two for its members."
    )
    guidelines = forms.CharField(
        max_length=MAX_GUIDELINES,
        required=False,
        strip=False,
        widget=area(12),
        help_text="What good work is, in Markdown. Annotators have it one key away; you can change it at any time.",
    )


class ProjectSettingsForm(forms.Form):
    """What is said of a project, on its pages and in its releases.

    It knows what it was filled with, so that it changes nothing that somebody else has changed meanwhile.
    """

    name = forms.CharField(max_length=200, show_hidden_initial=True)
    description = forms.CharField(
        required=False,
        widget=area(4, maxlength=MAX_ABOUT),
        show_hidden_initial=True,
        help_text="A line or two for its members. Releases tell it to everybody.",
    )
    license = forms.ChoiceField(
        required=False,
        label="Licence",
        show_hidden_initial=True,
        choices=[
            ("", "None is named"),
            *((name, one.title) for name, one in LICENSES.items()),
            (OTHER, "Another one"),
        ],
        help_text="Under which the data may be passed on. Releases name it from now on; it must also suit the models "
        "and the prompts that the data comes from.",
    )
    license_url = forms.CharField(
        required=False,
        label="Where another one can be read",
        show_hidden_initial=True,
        widget=forms.URLInput(
            attrs={"placeholder": "https://…", "autocomplete": "off", "spellcheck": "false", "maxlength": MAX_ADDRESS}
        ),
    )

    @staticmethod
    def filled(project: Project) -> dict[str, str]:
        """What stands in the form before anybody changes it."""
        license = licenses.told(project.license) or {"name": "", "url": ""}
        return {
            "name": project.name,
            "description": project.description,
            "license": license["name"],
            "license_url": license["url"] if license["name"] == OTHER else "",
        }

    def clean(self) -> dict[str, Any]:
        """The complaints about an address stand at the address, where it is mended."""
        given = super().clean() or self.cleaned_data
        url = given.get("license_url", "")
        if given.get("license") == OTHER:
            if not licenses.is_address(url):
                said = f"This is no address: {AS_ADDRESS}" if url else "Give the address where it can be read."
                self.add_error("license_url", said)
        elif url and "license_url" in self.changed_data and "license" in given:
            self.add_error("license_url", "Choose “Another one” above, or leave this empty.")
        return given

    @property
    def changes(self) -> dict[str, str]:
        """What was changed, as the service takes it. Read it of a form that is valid."""
        given, changed = self.cleaned_data, set(self.changed_data)
        found: dict[str, str] = {name: given[name] for name in ("name", "description") if name in changed}
        if changed & {"license", "license_url"}:
            found["license"] = given["license_url"] if given["license"] == OTHER else given["license"]
        return found


class GuidelinesForm(forms.Form):
    """The text of the guidelines."""

    guidelines = forms.CharField(
        max_length=MAX_GUIDELINES,
        strip=False,
        label="Text",
        widget=area(24, spellcheck="true"),
        help_text="Markdown, with code and math.",
    )


class MemberForm(forms.Form):
    """Who joins, and as what."""

    email = forms.EmailField(label="E-mail")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.ANNOTATOR)


class ImportForm(forms.Form):
    """A file of prompts."""

    file = forms.FileField(help_text="Plain or gzip.")
    source = forms.ChoiceField(
        choices=lambda: [(name, source.title) for name, source in SOURCES.items()],
        label="Kind of file",
        initial="jsonl",
    )
    background = forms.BooleanField(
        required=False,
        label="Read it in the background",
        help_text="Files over 2 MB always are: the next page shows how far it is, and you may leave it.",
    )


class DuplicatesForm(forms.Form):
    """What counts as a duplicate."""

    alike = forms.ChoiceField(
        choices=[
            ("same", "The very same, but for case and spaces"),
            ("90", "Also what is nearly word for word the same"),
            ("80", "Also what is much alike"),
            ("70", "Also what is alike"),
        ],
        initial="80",
        label="What to look for",
    )

    @property
    def likeness(self) -> int | None:
        """The choice in percent, as the service takes it."""
        chosen = self.cleaned_data["alike"]
        return None if chosen == "same" else int(chosen)


class PromptFilter(forms.Form):
    """What a list of prompts is narrowed down to."""

    state = forms.ChoiceField(required=False)
    batch = forms.CharField(required=False, max_length=100)
    external_id = forms.CharField(required=False, max_length=256, label="External id")

    def __init__(self, data: Any, *, stands: list[tuple[str, str]]) -> None:
        super().__init__(data)
        self.fields["state"].choices = [("", "Any state"), *stands]  # type: ignore[attr-defined]


class BatchForm(forms.Form):
    """What a batch adds to the priority of its prompts."""

    batch = forms.CharField(max_length=100, strip=False)
    priority = forms.IntegerField(label="Adds to their priority")


class WebhookForm(forms.Form):
    """Where a webhook goes, and what it is told of."""

    url = forms.CharField(
        max_length=MAX_URL,
        label="Address",
        widget=forms.URLInput(attrs={"placeholder": "https://…", "autocomplete": "off", "spellcheck": "false"}),
    )
    types = forms.MultipleChoiceField(
        choices=EventType.choices,
        widget=forms.CheckboxSelectMultiple,
        label="What it is told of",
        error_messages={"required": "Choose at least one."},
    )
    description = forms.CharField(max_length=MAX_DESCRIPTION, required=False, help_text="Whose it is, for the others.")


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
            ("webhook", "Webhooks"),
        ],
    )
    who = forms.CharField(required=False, max_length=254, label="By (e-mail)")


class Skills(forms.CharField):
    """Skills with a level each, a line for each: “medicine: 2”. A skill alone is at level 1."""

    widget = area(3, placeholder="medicine: 2", spellcheck="false", autocapitalize="off", autocomplete="off")

    def clean(self, value: Any) -> dict[str, int]:
        found: dict[str, int] = {}
        for number, line in enumerate(super().clean(value).splitlines(), 1):
            if not line.strip():
                continue
            name, _, level = map(str.strip, line.rpartition(":") if ":" in line else (line, "", "1"))
            if not name or typed_number(level, digits=3) is None:
                raise forms.ValidationError(f"Line {number}: write it as “medicine: 2”.")
            if name in found:
                raise forms.ValidationError(f"Line {number}: “{name}” is there twice.")
            found[name] = int(level)
        return found

    @staticmethod
    def typed(skills: Mapping[str, int]) -> str:
        """Skills as they are typed."""
        return "\n".join(f"{name}: {skills[name]}" for name in sorted(skills, key=str.casefold))


class Languages(forms.CharField):
    """Tags of languages, with commas or spaces between."""

    widget = forms.TextInput(attrs={"placeholder": "en, pt-BR", "spellcheck": "false", "autocomplete": "off"})

    def clean(self, value: Any) -> list[str]:
        return str(super().clean(value)).replace(",", " ").split()


class MemberAbilities(forms.Form):
    """A member's role, and what queues may ask of them."""

    role = forms.ChoiceField(choices=Role.choices)
    skills = Skills(
        required=False,
        help_text="A skill on each line, with a level from 1 to 10: “medicine: 2”. Queues may ask for them by name.",
    )
    languages = Languages(
        required=False, help_text="What they read, as tags: en, pt-BR, zh-Hant. “pt” is every kind of Portuguese."
    )
