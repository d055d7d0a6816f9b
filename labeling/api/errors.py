"""Every error of the API in one shape: `{"code", "detail", "errors"?: [{"path" | "line", "message"}]}`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from labeling.errors import DomainError

STATUS = {
    "invalid": 400,
    "not_allowed": 403,
    "not_found": 404,
    "conflict": 409,
    "lease_lost": 409,
    "stale_draft": 409,
    "invalid_answers": 422,
    "too_large": 413,
    "no_room": 507,
}
MOST_SAID = 2000  # characters of one message
# DRF's own codes, where a word of ours says the same.
_CODES = {"permission_denied": "not_allowed", "parse_error": "malformed"}


def handle(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """The answer to anything that a call raised; None for what is a fault of ours, which then becomes a 500."""
    if isinstance(exc, DomainError):
        return Response(as_json(exc), status=status_of(exc))
    if isinstance(exc, Http404):
        exc = exceptions.NotFound("There is nothing at this address.")
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied(*exc.args)
    elif isinstance(exc, RequestDataTooBig):
        return Response({"code": "too_large", "detail": "The form is too large."}, status=413)
    elif isinstance(exc, SuspiciousOperation | MultiPartParserError):
        return Response({"code": "malformed", "detail": "The request cannot be read."}, status=400)
    if not isinstance(exc, exceptions.APIException):
        return None
    return Response(_of_framework(exc), status=exc.status_code, headers=_headers(exc))


def status_of(error: DomainError) -> int:
    """The HTTP status of a domain error; a kind with a code of its own has the one of the kind it refines."""
    codes = (getattr(kind, "code", "") for kind in type(error).__mro__)
    return next(STATUS[code] for code in codes if code in STATUS)


def as_json(error: DomainError) -> dict[str, Any]:
    """A domain error as the API says it: what it carries (`data`) stands beside `detail`."""
    said: dict[str, Any] = {**error.data, "code": error.code, "detail": _told(error.detail)}
    if error.errors:
        said["errors"] = [{"path": _told(fault.path), "message": _told(fault.message)} for fault in error.errors]
    return said


def _told(text: str) -> str:
    """Words about what was sent may quote it, at any length and with half characters that cannot be sent back."""
    short = text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}…"
    return short.encode("utf-8", "backslashreplace").decode()


def _of_framework(exc: exceptions.APIException) -> dict[str, Any]:
    if isinstance(exc, exceptions.ValidationError):
        faults = [{"path": _told(path), "message": _told(message)} for path, message in _flat(exc.detail)]
        return {"code": "invalid", "detail": "What was sent does not fit.", "errors": faults}
    code = str(exc.get_codes())
    return {"code": _CODES.get(code, code), "detail": _told(str(exc.detail))}


def _flat(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """DRF's nested messages as pairs of a path such as `sampling.top_p` or `form[0]` and a message."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            here = "" if name == "non_field_errors" else f"[{name}]" if isinstance(name, int) else f".{name}"
            yield from _flat(inner, (path + here).lstrip("."))
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from _flat(inner, f"{path}[{number}]" if nested else path)
    else:
        yield path, str(detail)


def _headers(exc: exceptions.APIException) -> dict[str, str]:
    headers = {}
    challenge = getattr(exc, "auth_header", None)
    if challenge:
        headers["WWW-Authenticate"] = challenge
    wait = getattr(exc, "wait", None)
    if wait:
        headers["Retry-After"] = str(int(wait))
    return headers


@csrf_exempt
def no_such_call(request: HttpRequest) -> JsonResponse:
    """For addresses under `/api/` that are none: programs read JSON there too."""
    hint = "" if request.path.endswith("/") else " Addresses of the API end with a slash."
    return JsonResponse({"code": "not_found", "detail": f"There is nothing at this address.{hint}"}, status=404)
