"""What managers type of a queue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.db.models import Q
from django.http import QueryDict

from labeling.forms.projects import Skills
from labeling.forms.questions import OWN_FORM, JSONQuestions
from labeling.models import (
    Membership,
    OpenTo,
    Ordering,
    Project,
    Queue,
    QueuePerson,
    QueueState,
    Role,
    SkipReason,
)
from labeling.questions import PRESETS
from labeling.services.queue_settings import DAYS, MAX_LEASE_MINUTES, MAX_OVERLAP, SETTINGS
from labeling.text import typed_number

_TIME = forms.TextInput(
    attrs={"placeholder": "09:00", "pattern": r"([01]?\d|2[0-3]):[0-5]\d|24:00", "autocomplete": "off", "size": 6}
)
_MOMENT = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})
_MOST_ROWS = 20


@lru_cache
def time_zones() -> tuple[str, ...]:
    """The names of all time zones, by the alphabet."""
    return tuple(sorted(available_timezones()))


class QueueSettings(forms.Form):
    """What can be set of a queue, also while people work in it: each mistake at its field, and what nobody touched
    stays as another manager may have set it meanwhile.
    """

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
    open_to = forms.ChoiceField(
        required=False, choices=OpenTo.choices, initial=OpenTo.MEMBERS, widget=forms.RadioSelect, label="Open to"
    )
    people = forms.TypedMultipleChoiceField(
        required=False,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        label="The people named",
        help_text="They count where the queue is open to named people.",
    )
    skills = Skills(
        required=False,
        label="Skills",
        help_text="A skill on each line with the least level: “medicine: 2”. Whoever takes a task has all of them.",
    )
    by_language = forms.BooleanField(
        required=False,
        label="Only tasks in a language that the person reads",
        help_text="By the languages that a member has. A prompt without a language is for everybody.",
    )
    only_moved = forms.BooleanField(
        required=False,
        label="Only tasks that are moved here",
        help_text="It takes no prompts by itself: rules for skips in other queues, and managers, move tasks to it.",
    )
    ordering = forms.ChoiceField(
        required=False,
        choices=Ordering.choices,
        initial=Ordering.OLDEST,
        label="Order",
        help_text="Among tasks of one priority. Those of prompts with a higher priority come first in any case.",
    )
    most_in_hand = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        choices=[(2, "The next one is fetched ahead"), (1, "One task at a time")],
        initial=2,
        label="In hand",
        help_text="Ahead is faster for them; one at a time leaves more for others when little is left.",
    )
    most_per_day = forms.IntegerField(
        required=False, min_value=1, label="Most a day", help_text="Answers of one person on one day of UTC."
    )
    most_in_all = forms.IntegerField(
        required=False, min_value=1, label="Most in all", help_text="Answers of one person in this queue."
    )
    timezone = forms.CharField(
        required=False,
        max_length=60,
        label="Time zone",
        help_text="Of all the times below.",
        widget=forms.TextInput(attrs={"list": "time-zones", "spellcheck": "false", "autocomplete": "off"}),
    )
    opens_at = forms.DateTimeField(required=False, label="Opens on", widget=_MOMENT)
    closes_at = forms.DateTimeField(required=False, label="Closes on", widget=_MOMENT)
    price = forms.DecimalField(
        required=False, min_value=0, max_digits=10, decimal_places=4, label="Price", help_text="For one answer."
    )
    currency = forms.CharField(
        required=False,
        max_length=3,
        help_text="Three letters, such as EUR.",
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false"}),
    )

    GROUPS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "who": ("open_to", "people", "skills", "by_language"),
        "order": ("ordering", "only_moved"),
        "caps": ("most_in_hand", "most_per_day", "most_in_all"),
        "when": ("timezone", "opens_at", "closes_at", "hours_"),
        "skips": ("skip_",),
        "price": ("price", "currency"),
    }

    def __init__(self, data: QueryDict | None = None, *, project: Project, queue: Queue | None, zone: str) -> None:
        """`zone` is the time zone of whoever looks at it, for a queue without opening hours."""
        self.queue = queue
        hours = (queue.hours if queue else None) or {"timezone": zone, "week": []}
        super().__init__(data, initial=_initial(queue, hours) if queue else {"timezone": zone})
        self._people = {member.user_id: member for member in _by_role(project)}
        self.fields["people"].choices = [(pk, str(member.user)) for pk, member in self._people.items()]  # type: ignore[attr-defined]
        if queue:
            named = QueuePerson.objects.filter(queue=queue).values_list("user", flat=True)
            self.initial["people"] = sorted(pk for pk in named if pk in self._people)
        for name in ("timezone", *_NEVER_EMPTY):
            self.fields[name].required = not self.is_bound or name in self.data
        self._add_hours(hours["week"])
        self._add_skips(project)
        posted_seen = data.get("seen") if data is not None else None
        self.seen = json.dumps(self._as_stored()) if posted_seen is None else posted_seen

    def _add_hours(self, week: list[dict[str, Any]]) -> None:
        sent = typed_number(self.data.get("hours_rows", ""), digits=2)
        number = len(week) + 2 if sent is None else sent
        self.rows = min(max(number, 1), max(_MOST_ROWS, len(week)))
        self._row_of: list[int] = []  # the row that each of the openings that were sent stands in
        days = [(day, day.title()) for day in DAYS]
        for n in range(self.rows):
            row = week[n] if n < len(week) else {}
            self.fields[f"hours_{n}_days"] = forms.MultipleChoiceField(
                required=False, choices=days, widget=forms.CheckboxSelectMultiple, label=f"Days of row {n + 1}"
            )
            self.fields[f"hours_{n}_from"] = forms.CharField(required=False, max_length=5, label="From", widget=_TIME)
            self.fields[f"hours_{n}_to"] = forms.CharField(required=False, max_length=5, label="To", widget=_TIME)
            self.initial.update({f"hours_{n}_{part}": row.get(part, "") for part in ("days", "from", "to")})

    def _add_skips(self, project: Project) -> None:
        rules = self.queue.skip_rules if self.queue else {}
        standing = [rule["queue"] for rule in rules.values() if "queue" in rule]
        others = Queue.objects.filter(~Q(state=QueueState.CLOSED) | Q(pk__in=standing), project=project)
        others = others.exclude(pk=self.queue.pk if self.queue else 0)
        choices: list[Any] = [("another_person", "Another person gets it"), ("retire", "Retire it")]
        if elsewhere := [(f"queue:{pk}", name) for pk, name in others.order_by("name").values_list("pk", "name")]:
            choices.append(("Move it to the queue", elsewhere))
        for reason in SkipReason:
            rule = rules.get(reason, {"then": "another_person"})
            self.fields[f"skip_{reason}"] = forms.ChoiceField(required=False, choices=choices, label=reason.label)
            self.fields[f"skip_{reason}_after"] = forms.IntegerField(
                required=False, min_value=1, max_value=100, label=f"After how many skips: {reason.label}"
            )
            then = f"queue:{rule['queue']}" if rule["then"] == "queue" else rule["then"]
            self.initial.update({f"skip_{reason}": then, f"skip_{reason}_after": rule.get("after", 1)})

    # How it stands on the page

    @property
    def hours_rows(self) -> list[tuple[Any, Any, Any]]:
        """The rows of opening hours: days, from, to."""
        return [(self[f"hours_{n}_days"], self[f"hours_{n}_from"], self[f"hours_{n}_to"]) for n in range(self.rows)]

    @property
    def skip_rows(self) -> list[tuple[Any, Any]]:
        """For each reason to skip: what becomes of the task, and after how many."""
        return [(self[f"skip_{reason}"], self[f"skip_{reason}_after"]) for reason in SkipReason]

    @property
    def faulty(self) -> dict[str, bool]:
        """The groups with a mistake in them, which are unfolded."""
        wrong = tuple(self.errors)
        return {
            group: any(
                name == part or (part.endswith("_") and name.startswith(part)) for name in wrong for part in parts
            )
            for group, parts in self.GROUPS.items()
        }

    @property
    def zones(self) -> tuple[str, ...]:
        """The names of time zones that are offered."""
        return time_zones()

    def place(self, path: str) -> str:
        """The field that a service's complaint is about."""
        name, *rest = path.split(".")
        if name == "hours":
            if rest[:1] == ["week"] and rest[1:] and rest[1].isdigit() and int(rest[1]) < len(self._row_of):
                return f"hours_{self._row_of[int(rest[1])]}_{rest[2] if rest[2:] else 'days'}"
            return "timezone" if rest[:1] == ["timezone"] else "hours_0_days"
        if name == "skip_rules":
            return f"skip_{rest[0]}_after" if rest[1:] == ["after"] else f"skip_{rest[0]}" if rest else ""
        return name.split("[")[0]

    # What was typed

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()

    def clean_timezone(self) -> str:
        zone = str(self.cleaned_data["timezone"]) or "UTC"
        if zone not in time_zones():
            raise forms.ValidationError("Give a time zone by its name, such as Europe/Berlin or UTC.")
        return zone

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        zone = ZoneInfo(cleaned.get("timezone", "UTC"))
        for name in ("opens_at", "closes_at"):
            moment = cleaned.get(name)
            if moment is None:
                continue
            if not 2000 <= moment.year < 2200:
                self.add_error(name, "Give a year from 2000 to 2199.")
                continue
            cleaned[name] = moment.replace(tzinfo=zone)
        cleaned["hours"] = self._hours(cleaned)
        cleaned["skip_rules"] = dict(filter(None, (self._rule(reason, cleaned) for reason in SkipReason.values)))
        return cleaned

    def _hours(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        week = []
        for n in range(self.rows):
            days, start, end = (cleaned.get(f"hours_{n}_{part}") for part in ("days", "from", "to"))
            if not (days or start or end):
                continue
            missing = {"days": (days, "Choose days."), "from": (start, "Give a time."), "to": (end, "Give a time.")}
            for part, (value, words) in missing.items():
                if not value and f"hours_{n}_{part}" not in self.errors:
                    self.add_error(f"hours_{n}_{part}", words)
            self._row_of.append(n)
            week.append({"days": days, "from": str(start).zfill(5), "to": str(end).zfill(5)})
        return {"timezone": cleaned.get("timezone", "UTC"), "week": week} if week else {}

    def _rule(self, reason: str, cleaned: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
        then, _, queue = (cleaned.get(f"skip_{reason}") or "").partition(":")
        if then not in ("retire", "queue"):
            return None
        rule = {"then": then, "after": cleaned.get(f"skip_{reason}_after") or 1}
        return reason, {**rule, "queue": int(queue)} if queue else rule

    # What it is for the service

    def settings(self) -> dict[str, Any]:
        """What was set, as `queues.create` and `queues.change` take it; `people` are accounts.

        Of a whole form (which says what it showed) all that differs from what it showed; else what was sent.
        """
        given = {name: value for name, value in self.cleaned_data.items() if name in (*SETTINGS, "people")}
        given = {name: value for name, value in given.items() if not (value in ("", None) and name in _NEVER_EMPTY)}
        if "seen" in self.data:
            seen = self._seen()
            given = {name: value for name, value in given.items() if _stored(value) != seen.get(name, _UNSEEN)}
        else:
            given = {name: value for name, value in given.items() if name in self.data}
        if "people" in given:
            given["people"] = [self._people[pk].user for pk in given["people"]]
        return given

    def _seen(self) -> dict[str, Any]:
        try:
            seen = json.loads(self.seen)
        except (ValueError, RecursionError):
            return {}
        return seen if isinstance(seen, dict) else {}

    def _as_stored(self) -> dict[str, Any]:
        """What the form shows, in a shape that can be compared."""
        if self.queue is None:
            return {}
        shown = {name: _stored(getattr(self.queue, name)) for name in SETTINGS}
        return {**shown, "people": self.initial["people"]}


def _is_part(name: str, part: str) -> bool:
    return name == part or (part.endswith("_") and name.startswith(part))


_UNSEEN = object()
# Where nothing was sent, the setting is left alone.
_NEVER_EMPTY = ("ordering", "open_to", "most_in_hand")


def _stored(value: Any) -> Any:
    """A setting in a shape that JSON has, only as exact as a form shows it."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M}"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value


def _initial(queue: Queue, hours: Mapping[str, Any]) -> dict[str, Any]:
    zone = ZoneInfo(hours["timezone"])
    shown = {name: getattr(queue, name) for name in SETTINGS}
    for name in ("opens_at", "closes_at"):
        shown[name] = shown[name] and shown[name].astimezone(zone).replace(tzinfo=None)
    if queue.price is not None:
        shown["price"] = _stored(queue.price)
    return {**shown, "skills": Skills.typed(queue.skills), "timezone": hours["timezone"]}


def _by_role(project: Project) -> list[Membership]:
    """The members, annotators first: they are who is named."""
    members = list(Membership.objects.filter(project=project).select_related("user"))
    return sorted(members, key=lambda member: (member.role != Role.ANNOTATOR, str(member.user).lower(), member.pk))


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
        own = self.cleaned_data["preset"] == OWN_FORM
        which = {"preset": "", "form": self.cleaned_data["form"]} if own else {"preset": self.cleaned_data["preset"]}
        asked = {name: self.cleaned_data[name] for name in ("slug", "candidates_min", "candidates_max")}
        return {**self.settings(), **which, **asked}
