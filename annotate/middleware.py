"""What every answer carries, and what no request may bring."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

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
