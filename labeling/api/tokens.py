"""Tokens for programs."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, body
from labeling.api.shapes import projects as shapes
from labeling.api.shapes.base import Error
from labeling.services import people


class Tokens(ApiView):
    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        request=shapes.Credentials,
        responses={201: shapes.Token, 400: Error, 403: Error, 415: Error},
        auth=[],
        operation_id="create_token",
    )
    def post(self, request: Request) -> Response:
        """Makes a token for the owner of an e-mail address and password. The answer to any wrong pair is the same."""
        _, key = people.token_for_login(**body(request, shapes.Credentials), origin=request.META.get("REMOTE_ADDR", ""))
        return Response({"token": key}, status=201)
