"""Secrets do not reach the logs or an error report."""

import io
import logging

import pytest

from annotate.logs import BlotSecrets, ReportFilter, blot


@pytest.mark.parametrize(
    "text",
    [
        "cannot reach redis://:HUSH@broker:6379/0",
        "postgresql://annotate:HUSH@db/annotate refused",
        "Authorization: Token HUSH",
        "{'Authorization': 'Bearer HUSH'}",
        "connection failed: host=db password=HUSH user=annotate",
        "api_key='HUSH'",
        '{"token": "HUSH"}',
        "SECRET_KEY=HUSH",
    ],
)
def test_a_secret_is_blotted_out(text: str) -> None:
    assert "HUSH" in text
    assert "HUSH" not in blot(text)


@pytest.mark.parametrize(
    "text",
    [
        "made 40 tokens: 3.1 s each",
        "http://127.0.0.1:8000/ after 2.3 s",
        "the password was changed",
        "ann@example.org: ok",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert blot(text) == text


def test_messages_arguments_and_tracebacks_are_blotted() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(BlotSecrets())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise ValueError("bad address redis://:HUSH@broker")
    except ValueError:
        logger.exception("cannot use %s", "redis://:HUSH@broker")
    assert "cannot use redis://:********@broker" in out.getvalue()
    assert "ValueError: bad address redis://:********@broker" in out.getvalue()
    assert "HUSH" not in out.getvalue()


def test_error_reports_hide_addresses() -> None:
    hide = ReportFilter().cleanse_setting
    assert "HUSH" not in str(hide("CELERY_BROKER_URL", "redis://:HUSH@broker"))
    assert "HUSH" not in str(hide("SOMETHING", "https://user:HUSH@example.org"))
    assert "HUSH" not in str(hide("DATABASES", {"default": {"PASSWORD": "HUSH"}}))
    assert hide("TIME_ZONE", "UTC") == "UTC"
