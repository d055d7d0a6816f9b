"""Headers that every answer carries, and bodies that are refused before they are read."""

import json

import pytest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from pytest_django import Settings

from annotate.middleware import bound_json_bodies, send_content_policy


def answer(_: HttpRequest) -> HttpResponse:
    return HttpResponse("fine")


def policy_of(response: HttpResponseBase) -> dict[str, str]:
    parts = response.headers["Content-Security-Policy"].split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/healthz", "/admin/login/", "/nothing/is/here"])
def test_every_answer_has_a_content_policy(client: Client, address: str) -> None:
    policy = policy_of(client.get(address))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert not any("unsafe" in value or "*" in value for value in policy.values())


def test_a_view_may_send_a_stricter_policy() -> None:
    def strict(_: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Content-Security-Policy": "sandbox"})

    response = send_content_policy(strict)(RequestFactory().get("/"))
    assert response.headers["Content-Security-Policy"] == "sandbox"


def test_a_view_may_change_a_rule_for_its_one_answer() -> None:
    def framed(_: HttpRequest) -> HttpResponse:
        response = HttpResponse()
        response.content_policy = {"frame-ancestors": "'self'"}  # type: ignore[attr-defined]
        return response

    request = RequestFactory().get("/")
    before, changed, after = (policy_of(send_content_policy(view)(request)) for view in (answer, framed, answer))
    assert changed == before | {"frame-ancestors": "'self'"}
    assert before == after


@pytest.mark.django_db
def test_the_other_headers(client: Client) -> None:
    headers = client.get("/admin/login/").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


def test_a_large_json_body_is_refused(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    post = RequestFactory().post
    small, large = json.dumps(["a" * 100]), json.dumps(["a" * 1000])
    assert bound_json_bodies(answer)(post("/", small, content_type="application/json")).status_code == 200
    refused = bound_json_bodies(answer)(post("/", large, content_type="application/json; charset=utf-8"))
    assert refused.status_code == 413
    assert isinstance(refused, JsonResponse)
    assert json.loads(refused.content)["code"] == "too_large"


def test_json_of_unknown_length_is_refused() -> None:
    request = RequestFactory().post(
        "/", "{}", content_type="application/json", headers={"Transfer-Encoding": "chunked"}
    )
    assert bound_json_bodies(answer)(request).status_code == 411


def test_json_lines_of_any_size_pass(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    request = RequestFactory().post("/", "{}\n" * 1000, content_type="application/x-ndjson")
    assert bound_json_bodies(answer)(request).status_code == 200
