"""What every answer carries, and what no request may bring."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

logger = logging.getLogger(__name__)

Answer = Callable[[HttpRequest], HttpResponseBase]

# Scripts and styles come from our own files alone, so text that someone managed to put into a page cannot run.
CONTENT_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "manifest-src": "'self'",
}
# What a browser could offer a page and this one never asks for.
PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def send_content_policy(get_response: Answer) -> Answer:
    """Send the content security policy with every answer.

    A view that needs another rule for its one page says so in `response.content_policy` (`{"frame-src": "'self'"}`).
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        rules = CONTENT_POLICY | getattr(response, "content_policy", {})
        policy = "; ".join(f"{name} {value}" for name, value in rules.items())
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response

    return middleware


class Sessions(SessionMiddleware):
    """Django's sessions, and one answer for a database that is away, wherever a request meets that: 503, try again.

    It stands here because the session is the last that a request writes. Without it a page whose session cannot be
    saved says that somebody logged out.
    """

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The answer where a view met it; None for any other error."""
        return _try_again(request) if _is_away(error) else None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """The view's answer with the session's cookie, unless the session could not be saved."""
        try:
            return super().process_response(request, response)
        except (SessionInterrupted, OperationalError, InterfaceError) as error:
            if not _is_away(error):
                raise
            return _try_again(request)


def _is_away(error: BaseException | None) -> bool:
    # What was raised while the connection's own error was being handled hides that one.
    while error is not None:
        if isinstance(error, InterfaceError) or (isinstance(error, OperationalError) and _is_of_connection(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_of_connection(error: OperationalError) -> bool:
    """Whether the connection broke or could not be made, rather than a statement on it: a deadlock, a full disk."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(("08", "57P"))


def _try_again(request: HttpRequest) -> HttpResponse:
    logger.warning("The database is away: %s %s is answered with 503.", request.method, request.path)
    if request.path.startswith("/api/"):
        said = {"code": "unavailable", "detail": "The database does not answer at this moment. Send it again."}
        response: HttpResponse = JsonResponse(said, status=503)
    else:
        response = render(None, "503.html", status=503)
    response["Retry-After"] = "2"
    return response


def bound_json_bodies(get_response: Answer) -> Answer:
    """Refuse JSON bodies that are too large or of unknown length, before a parser reads them into memory.

    Django bounds forms by itself. DRF's JSON parser reads whatever comes. JSON Lines (``application/x-ndjson``) are
    streamed by the view that takes them and pass.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        refusal = _refusal(request) if request.content_type == "application/json" else None
        return refusal or get_response(request)

    return middleware


def _refusal(request: HttpRequest) -> HttpResponse | None:
    most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    length = request.headers.get("Content-Length", "")
    if request.headers.get("Transfer-Encoding"):
        return JsonResponse(
            {"code": "length_required", "detail": "Send JSON with a Content-Length; only JSON Lines may be chunked."},
            status=411,
        )
    if length.isdigit() and int(length) > most:
        return JsonResponse(
            {"code": "too_large", "detail": f"A JSON body may have {most // 2**20} MB. Send files as JSON Lines."},
            status=413,
        )
    return None
