"""What can be set of a queue: each setting's rule, whoever sends it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.dateparse import parse_datetime

from labeling.errors import Fault, Invalid
from labeling.models import OpenTo, Ordering, QueueState, SkipReason
from labeling.services.abilities import clean_skills
from labeling.services.projects import clean_name

MAX_OVERLAP = 100
MAX_LEASE_MINUTES = 7 * 24 * 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# What becomes of a task that was skipped for a reason.
THEN = ("another_person", "queue", "retire")


def _refuse(path: str, message: str) -> Invalid:
    return Invalid("The queue's settings do not fit.", errors=[Fault(path, message)])


def whole(value: Any, path: str, *, low: int, high: int) -> int:
    """A whole number within its bounds. Raises Invalid."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _refuse(path, f"Give a whole number from {low:,} to {high:,}.")
    return value


def _number(low: int, high: int) -> Callable[[Any, str], int]:
    return lambda value, path: whole(value, path, low=low, high=high)


def _cap(value: Any, path: str) -> int | None:
    return None if value is None else whole(value, path, low=1, high=1_000_000_000)


def _choice(choices: list[str]) -> Callable[[Any, str], str]:
    def clean(value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise _refuse(path, f"Choose one of: {', '.join(choices)}.")
        return value

    return clean


def _yes_or_no(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _refuse(path, "Give true or false.")
    return value


def _moment(value: Any, path: str) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = parse_datetime(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime):
        raise _refuse(path, "Give a moment such as 2026-12-24T18:00Z.")
    if not 2000 <= value.year < 2200:
        raise _refuse(path, "Give a moment between the years 2000 and 2199.")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _hours(value: Any, path: str) -> dict[str, Any]:
    if not value:
        return {}
    if not isinstance(value, Mapping) or set(value) - {"timezone", "week"}:
        raise _refuse(
            path, 'Give {"timezone": "Europe/Berlin", "week": [{"days": ["mon"], "from": "09:00", "to": "17:00"}]}.'
        )
    zone = value.get("timezone") or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise _refuse(f"{path}.timezone", "Give a time zone by its name, such as Europe/Berlin or UTC.") from error
    week = value.get("week")
    if not isinstance(week, list) or not 1 <= len(week) <= 50:
        raise _refuse(f"{path}.week", "Give a list of opening hours.")
    return {"timezone": zone, "week": [_opening(one, f"{path}.week.{n}") for n, one in enumerate(week)]}


def _opening(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or set(value) != {"days", "from", "to"}:
        raise _refuse(path, 'Give {"days": ["mon", "tue"], "from": "09:00", "to": "17:00"}.')
    days = value["days"]
    if not isinstance(days, list) or not days or any(day not in DAYS for day in days):
        raise _refuse(f"{path}.days", f"Give days of: {', '.join(DAYS)}.")
    times = {}
    for name in ("from", "to"):
        given = value[name]
        if not isinstance(given, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", given):
            raise _refuse(f"{path}.{name}", "Give a time such as 09:00, up to 24:00.")
        times[name] = given
    if times["from"] >= times["to"]:
        raise _refuse(f"{path}.to", "It ends before it begins. For hours over midnight give two: one on each day.")
    return {"days": [day for day in DAYS if day in days], **times}


def _skip_rules(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _refuse(path, 'Give an object such as {"broken": {"then": "retire", "after": 2}}.')
    found = {}
    for reason, rule in value.items():
        at = f"{path}.{reason}"
        if reason not in SkipReason.values:
            raise _refuse(path, f"Reasons are: {', '.join(SkipReason.values)}.")
        if not isinstance(rule, Mapping) or rule.get("then") not in THEN:
            raise _refuse(at, f"“then” is one of: {', '.join(THEN)}.")
        if rule["then"] == "another_person":
            continue
        clean: dict[str, Any] = {
            "then": rule["then"],
            "after": whole(rule.get("after", 1), f"{at}.after", low=1, high=100),
        }
        if rule["then"] == "queue":
            clean["queue"] = whole(rule.get("queue"), f"{at}.queue", low=1, high=2**62)
        found[reason] = clean
    return found


def _price(value: Any, path: str) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        price = Decimal(str(value))
    except InvalidOperation as error:
        raise _refuse(path, "Give a number such as 0.25.") from error
    if (
        isinstance(value, bool)
        or not price.is_finite()
        or not 0 <= price < 1_000_000
        or not math.isfinite(float(price))
    ):
        raise _refuse(path, "Give a price from 0 to 999,999.")
    return price.quantize(Decimal("0.0001"))


def _currency(value: Any, path: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{3}|", value):
        raise _refuse(path, "Give three letters, such as EUR or USD.")
    return value


_Clean = Callable[[Any, str], Any]
SETTINGS: dict[str, _Clean] = {
    "name": lambda value, path: clean_name(value, what="queue"),
    "overlap": _number(1, MAX_OVERLAP),
    "lease_minutes": _number(1, MAX_LEASE_MINUTES),
    "priority": _number(-1000, 1000),
    "state": _choice(QueueState.values),
    "ordering": _choice(Ordering.values),
    "open_to": _choice(OpenTo.values),
    "skills": clean_skills,
    "by_language": _yes_or_no,
    "only_moved": _yes_or_no,
    "most_in_hand": _number(1, 2),
    "most_per_day": _cap,
    "most_in_all": _cap,
    "opens_at": _moment,
    "closes_at": _moment,
    "hours": _hours,
    "skip_rules": _skip_rules,
    "price": _price,
    "currency": _currency,
}


def clean(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are stored. Raises Invalid with the path of the first that does not fit."""
    found = {name: SETTINGS[name](value, name) for name, value in given.items()}
    if found.get("opens_at") and found.get("closes_at") and found["opens_at"] >= found["closes_at"]:
        raise _refuse("closes_at", "It closes before it opens.")
    return found


def is_within_hours(hours: Mapping[str, Any], moment: datetime) -> bool:
    """Whether a moment lies within opening hours; always where there are none."""
    if not hours:
        return True
    local = moment.astimezone(ZoneInfo(hours["timezone"]))
    day, clock = DAYS[local.weekday()], time(local.hour, local.minute)
    return any(
        day in opening["days"]
        and _time(opening["from"]) <= clock
        and (opening["to"] == "24:00" or clock < _time(opening["to"]))
        for opening in hours["week"]
    )


def _time(text: str) -> time:
    hour, minute = text.split(":")
    return time(int(hour), int(minute))
