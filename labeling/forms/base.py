"""What all forms share. The services judge what managers type; `complain` puts their complaints beside the fields."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict

from labeling.errors import DomainError


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: what was sent, also where that is nothing at all; None while the page is only read."""
    return request.POST if request.method == "POST" else None


def complain(form: forms.Form, error: DomainError) -> None:
    """Puts a service's complaints beside the fields that they are about; what was typed stays in the form."""
    placed = False
    place = getattr(form, "place", None)
    for fault in error.errors:
        first = fault.path.split("[")[0].split(".")[0]
        name = place(fault.path) if place else first
        where = f"{fault.path}: " if fault.path != first and name == first else ""
        form.add_error(name if name in form.fields else None, f"{where}{fault.message}")
        placed = placed or name in form.fields
    if not placed:
        form.add_error(None, error.detail)


def area(rows: int, **attributes: Any) -> forms.Textarea:
    """A field of several lines."""
    return forms.Textarea(attrs={"rows": rows, **attributes})
