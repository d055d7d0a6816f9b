"""The door that every page for signed-in people goes through."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from labeling.errors import NotAllowed, NotFound
from labeling.models import User

View = Callable[..., HttpResponseBase]


class MemberRequest(HttpRequest):
    """A request of somebody who is signed in: what a view behind `page` gets."""

    user: User


def refused(request: HttpRequest, error: NotFound | NotAllowed) -> HttpResponse:
    """The 404 or 403 page that says, in the error's own words, what is not there or not theirs."""
    status = 404 if isinstance(error, NotFound) else 403
    return render(request, f"{status}.html", {"detail": error.detail}, status=status)


def typed_texts(request: HttpRequest) -> list[str]:
    """The texts that were typed as answers (no places, no numbers), for a page that gives them back to be copied."""
    answers = [text for name, text in request.POST.items() if isinstance(text, str) and name.startswith("q.")]
    return [text for text in answers if text.strip() and not text.isdigit()]


def page(*methods: str) -> Callable[[View], View]:
    """Makes a view a page: sign-in first, only these methods, and what access refuses in words (404, 403)."""

    def decorate(view: View) -> View:
        signed_in = login_required(view)

        @wraps(view)
        def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated and request.method == "POST":
                # A redirect to the login page would throw away what was typed.
                return render(request, "labeling/logged_out.html", {"texts": typed_texts(request)}, status=401)
            try:
                return signed_in(request, *args, **kwargs)
            except (NotFound, NotAllowed) as error:
                return refused(request, error)

        return require_http_methods(list(methods or ("GET", "HEAD")))(door)

    return decorate
