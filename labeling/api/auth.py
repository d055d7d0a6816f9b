"""Who a program is: `Authorization: Token <key>`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from labeling.models import User
from labeling.services import people

KEYWORD = "Token"


class TokenAuthentication(BaseAuthentication):
    """Signs in the owner of the token in the `Authorization` header; leaves requests without one alone."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """The owner of the key. Raises AuthenticationFailed, the same for every key that is not one."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != KEYWORD.lower().encode():
            return None
        user = people.user_of_key(words[1].decode("latin-1")) if len(words) == 2 else None
        if user is None:
            raise AuthenticationFailed("This token is not valid. Make a new one on your profile page.")
        return user, None

    def authenticate_header(self, request: Request) -> str:
        """What a 401 names as the way to sign in."""
        return KEYWORD


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes the header."""

    target_class = "labeling.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": f"`{KEYWORD} <key>`, with a key from `POST /api/tokens/` or the profile page.",
        }
