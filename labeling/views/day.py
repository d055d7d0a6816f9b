"""When a person's day began: "done today" means their own day."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest
from django.utils import timezone

COOKIE = "annotate_zone"  # set by the page's script, which alone knows the zone


@cache
def _known() -> frozenset[str]:
    """The names there are. To list them walks through the whole zone database on disk: 30 ms, of every request."""
    return frozenset(available_timezones())


def zone_of(request: HttpRequest) -> ZoneInfo:
    """The zone that the person's browser named, or UTC."""
    name = request.COOKIES.get(COOKIE, "")
    # Only known names: a name is looked up as a path in the zone database.
    return ZoneInfo(name if name in _known() else "UTC")


def start_of_day(request: HttpRequest) -> datetime:
    """Midnight, where the person is."""
    return timezone.localtime(timezone=zone_of(request)).replace(hour=0, minute=0, second=0, microsecond=0)
