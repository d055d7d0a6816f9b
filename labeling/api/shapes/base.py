"""What goes in and out of the API, field by field: what every call shares. The OpenAPI document is made from these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

PAGE = 100
MAX_PAGE = 1000

# DRF takes declared fields out of the class before Python sees them, so a field may be called `errors` or `source`
# like an attribute of the class. Type checkers do not know.
Fields = serializers.Serializer[Any]


class Known(serializers.ChoiceField):
    """One of a few words; a wrong one is answered with the words there are."""

    def __init__(self, words: Iterable[str], **kwargs: Any) -> None:
        listed = list(words)
        super().__init__(
            choices=listed, error_messages={"invalid_choice": f"Choose one of: {', '.join(listed)}."}, **kwargs
        )


class Fault(Fields):
    """One mistake: at a path in what was sent, or on a line of a file."""

    path = serializers.CharField(required=False)
    line = serializers.IntegerField(required=False)
    message = serializers.CharField()


class Error(Fields):
    """Every error. `code` is stable and for programs, `detail` is for people."""

    code = serializers.CharField()
    detail = serializers.CharField()
    errors = Fault(many=True, required=False)  # type: ignore[assignment]


class Moment(serializers.DateTimeField):
    """A time in a query string, where the plus of an offset that was not escaped arrives as a space."""

    def to_internal_value(self, value: Any) -> Any:
        if isinstance(value, str) and value[-6:-5] == " " and ":" in value[-5:]:
            value = f"{value[:-6]}+{value[-5:]}"
        return super().to_internal_value(value)


class PageQuery(Fields):
    """How a list is walked: `next` of each page holds the address of the one after it."""

    cursor = serializers.IntegerField(
        required=False, min_value=0, max_value=2**63 - 1, help_text="Taken from `next`; not to be made up."
    )
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=MAX_PAGE, default=PAGE, help_text="How many a page holds."
    )
