"""What the pages of generators say often. `{% load generation %}`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django import template

from workers.services import budgets

register = template.Library()


@register.filter
def in_words(time: timedelta) -> str:
    """A length of time as people say it, in its largest unit: 40 s, 5 min, 3 h, 2 days."""
    seconds = time.total_seconds()
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """An amount with its currency."""
    return budgets.money(amount, currency)


@register.filter
def percent(share: float | None) -> str:
    """A share of 1 in percent; a dash where there is none."""
    if share is None:
        return "–"
    return "below 1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")
