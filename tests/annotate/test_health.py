"""``/healthz`` tells which part of the platform does not answer."""

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

pytestmark = pytest.mark.django_db


def test_it_works(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "web": "ok", "database": "ok", "broker": "ok"}


def test_a_database_that_is_gone_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json() == {"status": "failing", "web": "ok", "database": "does not answer", "broker": "ok"}


@pytest.mark.parametrize("url", ["redis+socket:///nowhere.sock", "redis://127.0.0.1:1/0"])
def test_a_broker_that_is_gone_is_named(client: Client, settings: Settings, url: str) -> None:
    settings.CELERY_BROKER_URL = url
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json() == {"status": "failing", "web": "ok", "database": "ok", "broker": "does not answer"}


def test_nothing_of_the_reason_is_told_to_the_world(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "/a/private/place")
    assert b"private" not in client.get("/healthz").content


def test_it_takes_no_connection_from_the_requests(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        client.get("/healthz")


def test_it_only_answers_questions(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
    assert "no-store" in client.get("/healthz").headers["Cache-Control"]
