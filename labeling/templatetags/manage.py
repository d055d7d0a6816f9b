"""What manager pages say: progress as a picture, and stored values in words. `{% load manage %}`."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from django import template
from django.utils.safestring import SafeString

from labeling.models import SlotState, Verdict
from labeling.rendering.diff import words_html
from labeling.selectors.queues import QueueCounts
from labeling.selectors.reviews import PersonReviewed, Reviewed

register = template.Library()


@register.inclusion_tag("labeling/_seats_bar.html")
def seats_bar(counts: QueueCounts) -> dict[str, Any]:
    """A bar of the seats of a queue: submitted, in hand, and the rest open. Widths are percent of the whole."""
    parts, start = [], 0.0
    for state in (SlotState.SUBMITTED, SlotState.LEASED):
        width = 100 * counts.slots[state] / counts.seats if counts.seats else 0
        if width:
            parts.append({"state": state.value, "start": f"{start:.3f}", "width": f"{width:.3f}"})
        start += width
    label = (
        f"{counts.answered:,} of {counts.seats:,} submitted, {counts.slots[SlotState.LEASED]:,} in hand, "
        f"{counts.slots[SlotState.OPEN]:,} open"
    )
    return {"parts": parts, "label": label}


@register.inclusion_tag("labeling/_seats_bar.html")
def reviewed_bar(numbers: Reviewed | PersonReviewed) -> dict[str, Any]:
    """A bar of answers: accepted, rejected, and the rest not reviewed. Widths are percent of the whole."""
    accepted, whole = numbers.accepted, numbers.all
    parts = [(Verdict.ACCEPTED.value, 0, accepted), (Verdict.REJECTED.value, accepted, numbers.rejected)]
    waiting = f", {whole - numbers.reviewed:,} not reviewed" if whole > numbers.reviewed else ""
    return {
        "parts": [
            {"state": verdict, "start": f"{100 * start / whole:.3f}", "width": f"{100 * number / whole:.3f}"}
            for verdict, start, number in parts
            if number
        ],
        "label": f"{accepted:,} accepted, {numbers.rejected:,} rejected{waiting}",
    }


@register.filter
def pretty(value: Any) -> str:
    """A stored value as JSON that can be read."""
    return json.dumps(value, ensure_ascii=False, indent=2)


@register.filter
def in_words(value: Any) -> str:
    """A stored value on one line: text as it is, a change as “old → new”, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and value and all(isinstance(one, list) and len(one) == 2 for one in value.values()):
        return ", ".join(f"{name}: {in_words(old)} → {in_words(new)}" for name, (old, new) in value.items())
    return json.dumps(value, ensure_ascii=False)


@register.filter
def money(amount: Decimal) -> str:
    """An amount as it is paid: 1,234.50, and what is below a cent to the end."""
    cents = amount.quantize(Decimal("0.01"))
    return f"{cents:,}" if cents == amount or abs(amount) >= 1 else f"{amount.normalize():f}"


@register.filter
def changed_to(before: str, after: str) -> SafeString:
    """Two versions of a text as one, with what went and what came."""
    return words_html(before, after)


@register.filter
def answer_templates(question_type: str) -> list[str]:
    """How an answer is shown: in the way of its question's type where there is one, else as it is stored."""
    return [f"labeling/answers/{question_type}.html", "labeling/answers/any.html"]
