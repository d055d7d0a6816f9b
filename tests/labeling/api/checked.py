"""A client that holds every answer of the API against the OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator, FormatChecker
from rest_framework.test import APIClient

from labeling.models import User

# What comes before a call is found or its body is looked at is the same everywhere and not said call by call.
EVERYWHERE = {405}


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of the calls in `labeling.api`."""
    patterns = [path("api/", include("labeling.api.urls"))]
    made: dict[str, Any] = SchemaGenerator(patterns=patterns).get_schema(public=True)  # type: ignore[no-untyped-call]
    return made


def operations() -> set[tuple[str, str]]:
    """Every (method, path) of the document."""
    return {(method, where) for where, methods in document()["paths"].items() for method in methods}


def operation_of(method: str, where: str) -> tuple[str, str] | None:
    """The (method, path) of the document that a request is one of."""
    for template in document()["paths"]:
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, where) and method.lower() in document()["paths"][template]:
            return method.lower(), template
    return None


def check(schema: dict[str, Any], value: Any) -> None:
    """Raises jsonschema's ValidationError where a value is not as the document says."""
    whole = {**schema, "components": document()["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


class CheckedClient(APIClient):
    """Fails a test when an answer has a status, a content type or a body that the document does not give it.

    `good` is the set of calls, as in `operations`, that were answered well.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.good: set[tuple[str, str]] = set()

    def send(self, method: str, where: str, data: bytes, kind: str = "application/json", **extra: Any) -> Any:
        """A request with a body as it is, bytes for bytes."""
        return self.generic(method, where, data, kind, **extra)  # type: ignore[arg-type]

    def request(self, **kwargs: Any) -> Any:
        response = super().request(**kwargs)
        found = operation_of(kwargs["REQUEST_METHOD"], kwargs["PATH_INFO"])
        if found is None or response.status_code in EVERYWHERE:
            if response.status_code >= 400:
                check({"$ref": "#/components/schemas/Error"}, response.json())
            return response
        method, where = found
        said = document()["paths"][where][method]["responses"]
        assert str(response.status_code) in said, f"{method} {where} answers {response.status_code}, which is not said"
        content = said[str(response.status_code)].get("content")
        if response.status_code < 300:
            self.good.add(found)
        if content is None:
            assert response.content == b""
            return response
        kind = response.headers["Content-Type"]
        assert kind in content, f"{method} {where} answers as {kind}"
        if kind == "application/json":
            check(content[kind]["schema"], json.loads(response.content))
        return response


Speaker = Callable[[User], CheckedClient]
