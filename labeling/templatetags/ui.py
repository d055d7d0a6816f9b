"""What templates say often: rendered text, times, numbers, icons, badges. `{% load ui %}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import template
from django.conf import settings
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from labeling.rendering import render_markdown

register = template.Library()

# 24 × 24, drawn in lines. Kept here and not in files, so that an icon takes the colour of its text.
_ICONS = {
    "alert": "M12 9v4m0 3.5v.5M10.3 4.2 2.6 17.6A2 2 0 0 0 4.3 20.6h15.4a2 2 0 0 0 1.7-3L13.7 4.2a2 2 0 0 0-3.4 0Z",
    "arrow-right": "M5 12h14m-6-6 6 6-6 6",
    "book": "M12 6.5C10.5 5 8 4.5 3.5 4.5v14c4.5 0 7 .5 8.5 2 1.5-1.5 4-2 8.5-2v-14c-4.5 0-7 .5-8.5 2Zm0 0v14",
    "check": "m5 12.5 4.5 4.5L19 7",
    "chevron-down": "m6 9 6 6 6-6",
    "close": "M6 6l12 12M18 6 6 18",
    "code": "m8.5 8-4 4 4 4m7-8 4 4-4 4m-2.5-10-2 12",
    "columns": "M4 4.5h16v15H4zm8 0v15",
    "copy": "M9 9h11v11H9zM5 15H4V4h11v1",
    "differ": "M5 9h14M5 15h14M16 4.5 8 19.5",
    "download": "M12 4v11m-5-5 5 5 5-5M5 20h14",
    "expand": "M7 10 12 5l5 5M7 14l5 5 5-5",
    "fold": "M4 4.5h16v15H4zm5.5 0v15m6.5-10L13.5 12l2.5 2.5",
    "inbox": "M4 13h4l1.5 3h5L16 13h4M4 13l3-8h10l3 8v6H4z",
    "keyboard": "M3 6h18v12H3zm4 4h.01M11 10h.01M15 10h.01M7 14h10",
    "match": "M5 9h14M5 15h14",
    "menu": "M4 7h16M4 12h16M4 17h16",
    "moon": "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
    "page": "M6 3.5h12v17H6zm3 5h6m-6 4h6m-6 4h4",
    "pause": "M9 5v14m6-14v14",
    "pin": "M9 4h6l-1 6 3.5 4h-11L10 10zm3 10v6",
    "play": "M7 5v14l12-7z",
    "plus": "M12 5v14M5 12h14",
    "rows": "M4 4.5h16v6H4zm0 9h16v6H4z",
    "sun": "M12 4V2m0 20v-2m8-8h2M2 12h2m13.7-5.7 1.4-1.4M4.9 19.1l1.4-1.4m11.4 0 1.4 1.4M4.9 4.9l1.4 1.4"
    "M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0Z",
    "system": "M3 5h18v11H3zm6 15h6m-3-4v4",
    "upload": "M12 15V4m-5 5 5-5 5 5M5 20h14",
    "user": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-8 8.5c1-4 4.2-5.5 8-5.5s7 1.5 8 5.5",
}

# How a state looks on its badge. The word is always there too.
_TONES = {
    "open": "accent",
    "running": "accent",
    "leased": "accent",
    "sending": "accent",
    "active": "accent",
    "submitted": "good",
    "done": "good",
    "delivered": "good",
    "accepted": "good",
    "paused": "warn",
    "pending": "plain",
    "skipped": "warn",
    "failed": "bad",
    "rejected": "bad",
}


@register.filter
def markdown(text: str) -> SafeString:
    """Text as safe HTML: Markdown, code and math."""
    return render_markdown(text)


@register.filter
def exact(text: str) -> SafeString:
    """Text that the page holds to the code point. A reader of HTML turns CR and CR LF into LF unless CR is spelled."""
    return mark_safe(escape(text).replace("\r", "&#13;"))  # noqa: S308 - escaped right here


@register.simple_tag
def icon(name: str) -> SafeString:
    """A line icon. It is decoration: give the button its name in words."""
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" '
        'stroke-linecap="round" stroke-linejoin="round" width="20" height="20" aria-hidden="true" focusable="false">'
        '<path d="{}"/></svg>',
        _ICONS[name],
    )


@register.simple_tag
def when(moment: datetime | None, style: str = "datetime") -> SafeString:
    """A time, in UTC for those without scripts and in the reader's own zone with them.

    `style`: `datetime`, `date`, `time` or `ago` ("3 min ago"). A dash for no time.
    """
    if moment is None:
        return mark_safe('<span class="faint">–</span>')
    moment = moment.astimezone(UTC)
    shown = {"date": f"{moment:%-d %b %Y}", "time": f"{moment:%H:%M} UTC"}.get(style, f"{moment:%-d %b %Y, %H:%M} UTC")
    return format_html(
        '<time datetime="{}" data-controller="local-time" data-local-time-style-value="{}">{}</time>',
        moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
        style,
        shown,
    )


@register.filter
def thousands(number: float | None) -> str:
    """12345 as 12,345; a dash for None."""
    if number is None:
        return "–"
    return f"{int(number):,}" if number == int(number) else f"{number:,.1f}"


@register.filter(name="json")
def as_json(value: Any) -> str:
    """A stored value as JSON on one line, for an attribute that a script reads."""
    return json.dumps(value, ensure_ascii=False)


@register.filter
def at(mapping: Mapping[str, Any], key: str) -> Any:
    """`mapping[key]`, or nothing."""
    return mapping.get(key)


@register.filter
def web_address(address: Any) -> str:
    """An address that a link may lead to: http or https; empty for anything else (`javascript:` …)."""
    text = str(address or "")
    return text if text.lower().startswith(("http://", "https://")) else ""


@register.simple_tag
def badge(state: str, label: Any = "") -> SafeString:
    """A state in a word, with a dot: `{% badge queue.state queue.get_state_display %}`."""
    tone = _TONES.get(str(state), "plain")
    return format_html('<span class="badge badge--{}">{}</span>', tone, label or str(state))


@register.inclusion_tag("components/field.html")
def field(bound: Any, **extra: Any) -> dict[str, Any]:
    """One field of a Django form: label, control, help and errors, tied together for screen readers."""
    return {"field": bound, **extra}


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> str:
    """The theme that the person chose: `light`, `dark`, or `system`."""
    user = getattr(context.get("request"), "user", None)
    chosen = getattr(user, "preferences", {}).get("theme", "system")
    return chosen if chosen in ("light", "dark") else "system"


@register.simple_tag
def csrf_cookie() -> str:
    """The name of the cookie in which scripts find the token for their requests."""
    return settings.CSRF_COOKIE_NAME
