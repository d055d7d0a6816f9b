"""Headers that every answer carries, and bodies that are refused before they are read."""

import json
from typing import Any

import psycopg
import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from pytest_django import Settings

from annotate.middleware import Sessions, bound_json_bodies, send_content_policy
from tests import make


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


# --- A database that is away ---------------------------------------------------------------------------------------


def broken(sqlstate: str | None) -> OperationalError:
    """An error of Django as it comes of one of the driver."""
    error = OperationalError("it broke")
    error.__cause__ = type("Cause", (Exception,), {"sqlstate": sqlstate})()
    return error


@pytest.mark.parametrize("error", [broken(None), broken("57P01"), broken("08006"), InterfaceError("closed already")])
def test_programs_are_told_to_send_it_again(error: Exception) -> None:
    response = Sessions(answer).process_exception(RequestFactory().post("/api/queues/1/next/"), error)
    assert response is not None
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert json.loads(response.content)["code"] == "unavailable"


@pytest.mark.parametrize("error", [broken("40P01"), broken("53100"), DatabaseError("a fault of ours"), ValueError()])
def test_other_errors_are_told_as_before(error: Exception) -> None:
    assert Sessions(answer).process_exception(RequestFactory().get("/"), error) is None


@pytest.mark.django_db(transaction=True)
def test_a_page_whose_connection_is_killed_says_so_and_the_next_one_works(client: Client) -> None:
    client.force_login(make.person("ann"))

    def killed(execute: Any, sql: str, *rest: Any) -> Any:
        if "labeling_apitoken" in sql:
            own = connection.connection.info.backend_pid
            with psycopg.connect(**connection.get_connection_params()) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [own])
        return execute(sql, *rest)

    with connection.execute_wrapper(killed):
        response = client.get("/profile/")
    assert response.status_code == 503
    assert "does not answer at this moment" in response.content.decode()
    connection.close()  # a server does so at the end of each request whose connection broke
    assert client.get("/profile/").status_code == 200


def test_a_session_that_cannot_be_saved_is_no_logging_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        try:
            raise broken("57P01")
        except OperationalError:
            raise SessionInterrupted("The session was deleted before the request completed.")  # noqa: B904 - as Django

    monkeypatch.setattr(SessionStore, "save", fail)
    request = RequestFactory().get("/")
    request.session = SessionStore("a" * 32)
    request.session._session_cache = {"changed": 1}  # type: ignore[attr-defined]
    request.session.modified = True
    assert Sessions(answer).process_response(request, HttpResponse()).status_code == 503
