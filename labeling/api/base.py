"""What every call of the API shares: the view, the person, bodies read strictly, and lists in pages."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NoReturn, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.shapes.base import PageQuery
from labeling.errors import Fault, Invalid
from labeling.models import User

MAX_DEPTH = 50
M = TypeVar("M", bound=Model)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):  # 1e999 is well-formed JSON, but no JSON can be written back from it.
        raise ValueError(f"{digits} is too large a number")
    return number


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for holder in level
            if isinstance(holder, dict | list)
            for item in (holder.values() if isinstance(holder, dict) else holder)
        ]
        if not level:
            return False
    return True


class StrictJSON(BaseParser):
    """JSON that can be stored and written back: UTF-8, finite numbers, not nested more than 50 deep."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The value in the body. Raises ParseError, in words."""
        try:
            value = json.loads(stream.read().decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
        except RecursionError as error:
            raise ParseError(f"The JSON is nested more than {MAX_DEPTH} deep.") from error
        except UnicodeDecodeError as error:
            raise ParseError(f"Byte {error.start + 1} of the body is not UTF-8.") from error
        except ValueError as error:
            raise ParseError(f"The body is not usable JSON: {error}.") from error
        if _too_deep(value):
            raise ParseError(f"The JSON is nested more than {MAX_DEPTH} deep.")
        return value


class OwnRenderer(BaseContentNegotiation):
    """Every call answers in one way, whatever the client says that it would rather have."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        # Exactly: what only begins like JSON has passed nobody who looks at a body's size.
        kind = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if kind == parser.media_type), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """A call of the API. Who may do it is decided by `labeling.access`; here only that somebody is signed in."""

    parser_classes = [StrictJSON]
    content_negotiation_class = OwnRenderer
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    metadata_class = None


def person(request: Request) -> User:
    """Who asks. For views that only signed-in people reach."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def body(request: Request, kind: type[serializers.Serializer[Any]], *, strict: bool = False) -> dict[str, Any]:
    """What was sent, as the serializer reads it. Raises Invalid or DRF's ValidationError.

    `strict` also refuses fields that the call does not know: a setting with a typo must not be lost silently.
    """
    return shaped(request.data, kind, strict=strict)


def shaped(data: Any, kind: type[serializers.Serializer[Any]], *, strict: bool = False) -> dict[str, Any]:
    """`body`, for what has been read already."""
    if not isinstance(data, Mapping):
        raise Invalid("The body must be a JSON object.")
    reader = _reader(kind)
    if strict:
        unknown = sorted(set(data) - set(reader.fields))
        if unknown:
            known = ", ".join(reader.fields)
            raise Invalid(
                "There is a field that this call does not know.",
                errors=[Fault(name, f"Known here: {known}.") for name in unknown],
            )
    found: dict[str, Any] = reader.run_validation(data)
    return found


def query(request: Request, kind: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """The query string, as the serializer reads it. Raises DRF's ValidationError."""
    found: dict[str, Any] = _reader(kind).run_validation(request.query_params.dict())
    return found


@cache
def _reader(kind: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    # To copy its fields for every call takes longer than to read with them, and reading leaves nothing behind in them.
    return kind()


def page(
    request: Request,
    rows: QuerySet[M],
    shape: type[serializers.Serializer[Any]],
    load: Callable[[list[M]], Sequence[Any]] | None = None,
    *,
    newest_first: bool = False,
) -> Response:
    """One page of `rows` by key, as `{"results", "next"}`: it costs the same at the millionth row as at the first.

    `load` fetches what goes with the rows of a page, all at once, before `shape` writes them.
    """
    asked = query(request, PageQuery)
    rows = rows.order_by("-pk" if newest_first else "pk")
    if "cursor" in asked:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": asked["cursor"]})
    found = list(rows[: asked["limit"] + 1])
    kept = found[: asked["limit"]]
    following = None
    if len(found) > len(kept):
        parameters = request.query_params.copy()
        parameters["cursor"] = str(kept[-1].pk)
        following = request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")
    return Response({"results": shape(load(kept) if load else kept, many=True).data, "next": following})
