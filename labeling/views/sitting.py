"""When somebody's present sitting began: what "this session" counts from."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone

PAUSE = timedelta(minutes=30)  # a longer one ends a sitting
_STEP = timedelta(minutes=5)  # how exactly the last sign of life is kept: not every page is worth a write

_KEY = "sitting"


def start_of_sitting(request: HttpRequest) -> datetime:
    """When the person sat down to label, as this browser's session knows it. Keeps the sitting going."""
    now = timezone.now()
    kept = request.session.get(_KEY) or {}
    try:
        since, seen = (datetime.fromisoformat(kept[name]) for name in ("since", "seen"))
    except (KeyError, TypeError, ValueError):
        since = seen = now - 2 * PAUSE
    if now - seen > PAUSE:
        since = now
    if now - seen > _STEP:
        request.session[_KEY] = {"since": since.isoformat(), "seen": now.isoformat()}
    return since
