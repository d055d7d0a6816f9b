"""What calls say of themselves in the OpenAPI document, beyond what goes in and comes out when all is well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers

from labeling.api.shapes.base import Error, PageQuery

F = TypeVar("F")

_WORDS = {
    400: "What was sent does not fit; `errors` says where.",
    401: "Nobody is signed in.",
    403: "You are known here, but this is not yours to do, or the CSRF token of your session is missing.",
    404: "There is no such thing for you.",
    409: "It cannot be done in the present state of things; `code` says which.",
    413: "It is larger than what is stored.",
    415: "The body is of a kind that this call does not take.",
    422: "Answers do not fit the form: one message for each question.",
    507: "There is no room for it on the server.",
}


def describe(
    answers: Mapping[Any, Any],
    *,
    request: Any = None,
    errors: tuple[int, ...] = (),
    query: type[serializers.Serializer[Any]] | None = None,
    operation_id: str,
) -> Callable[[F], F]:
    """A decorator for one method of a call. `answers` are the good ones by status; a string is one without a body.

    `errors` are the statuses that come besides 401, 403 and 404 and, with a body, 400 and 415. All have one shape.
    """
    said: dict[Any, Any] = {
        status: OpenApiResponse(description=kind) if isinstance(kind, str) else kind for status, kind in answers.items()
    }
    for status in (401, 403, 404, *((400, 415) if request else ()), *errors):
        said.setdefault(status, OpenApiResponse(Error, description=_WORDS[status]))
    decorate = extend_schema(
        operation_id=operation_id, request=request, responses=said, parameters=[query] if query else []
    )
    return cast("Callable[[F], F]", decorate)


def page_of(kind: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """The shape of a list of `kind`."""
    fields = {
        "results": kind(many=True),
        "next": serializers.CharField(allow_null=True, help_text="The address of the next page; null on the last."),
    }
    made: serializers.Serializer[Any] = type(f"{kind.__name__}Page", (serializers.Serializer,), fields)()
    return made


__all__ = ["Error", "PageQuery", "describe", "page_of"]
