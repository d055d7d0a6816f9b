"""A start in production mode refuses what is missing, unsafe or mistyped, by name."""

import os
import re
import runpy
from pathlib import Path

import pytest

from annotate.environment import ROOT, ConfigurationError
from tests.annotate.running import GOOD, environment, python


def start(**values: str) -> str:
    """What the settings refuse with ``GOOD`` and ``values``; an empty value takes a variable away."""
    chosen = {name: value for name, value in {**GOOD, **values}.items() if value}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", environment(**chosen))
        try:
            runpy.run_path(str(ROOT / "annotate" / "settings.py"))
        except ConfigurationError as error:
            return str(error)
    return ""


def test_it_works() -> None:
    assert start() == ""


def test_a_refusal_stops_the_program() -> None:
    done = python("-c", "import annotate.settings", env=environment(**{**GOOD, "ALLOWED_HOSTS": "*"}))
    assert done.returncode == 1
    assert "ALLOWED_HOSTS: must not hold *" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SECRET_KEY", "", "is not set"),
        ("SECRET_KEY", "change-me", "placeholder"),
        ("SECRET_KEY", "django-insecure-kV7rT2mQ9xZ4bN8wL1cJ6hF3gD5sA0pYuEoIqRtWzXvBnMkLj7", "placeholder"),
        ("SECRET_KEY", "kV7rT2mQ9xZ4", "too easy to guess"),
        ("SECRET_KEY", "a" * 60, "too easy to guess"),
        ("ALLOWED_HOSTS", "", "is not set"),
        ("ALLOWED_HOSTS", "*", r"must not hold \*"),
        ("ALLOWED_HOSTS", "a.example.org,*.example.org", r"must not hold \*"),
        ("CSRF_TRUSTED_ORIGINS", "labels.example.org", "whole origins"),
        ("CSRF_TRUSTED_ORIGINS", "https://*", "whole origins"),
        ("DATABASE_URL", "", "is not set"),
        ("DATABASE_URL", "sqlite:///db.sqlite3", "must start with postgresql://"),
        ("DATABASE_URL", "postgresql://db/annotate?sslmod=require", "cannot be read"),
        ("DATABASE_URL", "postgresql://annotate@db", "names no database"),
        ("DATABASE_URL", "postgresql://annotate@db:web/annotate", "port"),
        ("DATABASE_PASSWORD", "annotate", "has a default password"),
        ("BROKER_URL", "", "is not set"),
        ("BROKER_URL", "amqp://broker", "must start with redis://"),
        ("BROKER_URL", "redis://:changeme@broker/0", "anyone would try first"),
        ("DEBUG", "maybe", "must be 1 or 0"),
        ("LOG_LEVEL", "LOUD", "must be one of"),
        ("DATABASE_POOL", "many", "must be a whole number"),
        ("HSTS_SECONDS", "-1", "must be a whole number"),
        ("ALOWED_HOSTS", "labels.example.org", "Did you mean ALLOWED_HOSTS"),
        ("SECRET_KEY_FILE", "/nowhere", "cannot read /nowhere"),
        ("GENERATION_ENDPOINTS", "https://api.openai.com/v1", "entry 1 is not NAME=URL"),
        ("GENERATION_MODELS", "0", "must be a whole number from 1"),
        ("WEBHOOKS_TO", "hooks.intranet, *.intranet", r"'\*.intranet' is neither a host"),
        ("WEBHOOKS_TO", "10.1.0.1/16", "is neither a host"),
    ],
)
def test_it_refuses(name: str, value: str, why: str) -> None:
    assert re.search(f"{name}: .*{why}", start(**{name: value}))


def test_a_default_password_inside_the_address_is_refused_too() -> None:
    assert "DATABASE_URL: has a default password" in start(DATABASE_URL="postgresql://annotate:postgres@db/annotate")


def test_a_loopback_database_may_have_any_password() -> None:
    assert start(DATABASE_URL="postgresql://postgres:postgres@127.0.0.1/annotate") == ""


def test_endpoints_and_their_keys_may_have_any_name() -> None:
    keys = {"GENERATION_KEY_VLLM": "sk-1", "GENERATION_KEY_OPENAI_FILE": "/run/secrets/openai"}
    assert start(GENERATION_ENDPOINTS="vllm=http://vllm:8000/v1, openai=https://api.openai.com/v1", **keys) == ""


def test_webhooks_may_be_let_into_the_own_network() -> None:
    assert start(WEBHOOKS_TO="hooks.intranet, hooks.intranet:8080, 10.1.0.0/16, fd00::/8, 192.168.1.7") == ""


def test_debug_does_without_names_and_strong_keys() -> None:
    assert start(DEBUG="1", SECRET_KEY="short", ALLOWED_HOSTS="") == ""


def test_no_refusal_prints_a_secret() -> None:
    message = start(
        SECRET_KEY="hush-1",
        DATABASE_URL="postgresql://annotate:hush-2@[db/annotate",
        BROKER_URL="amqp://:hush-3@broker/0",
    )
    assert "SECRET_KEY: " in message
    assert "DATABASE_URL: " in message
    assert "BROKER_URL: " in message
    assert "hush" not in message


def test_secrets_arrive_in_files(tmp_path: Path) -> None:
    files = {}
    for name in ("SECRET_KEY", "DATABASE_URL", "BROKER_URL"):
        (tmp_path / name).write_text(GOOD[name] + "\n")
        files[f"{name}_FILE"] = str(tmp_path / name)
    assert start(SECRET_KEY="", DATABASE_URL="", BROKER_URL="", **files) == ""


def test_the_database_password_may_come_apart_from_the_address(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("Zx81-spectrum\n")
    code = "from annotate.settings import DATABASES as d; print(d['default']['USER'], d['default']['PASSWORD'])"
    done = python(
        "-c",
        code,
        env=environment(
            **{
                **GOOD,
                "DATABASE_URL": "postgresql://annotate@db/annotate",
                "DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
            }
        ),
    )
    assert done.stdout.split() == ["annotate", "Zx81-spectrum"], done.stderr


def test_production_is_served_over_tls_alone_unless_asked() -> None:
    code = (
        "from annotate import settings as s;"
        "print(s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS > 0)"
    )
    assert python("-c", code, env=environment(**GOOD)).stdout.split() == ["True"] * 4
    assert python("-c", code, env=environment(**GOOD, PLAIN_HTTP="1")).stdout.split() == ["False"] * 4


def test_djangos_own_deployment_checks_pass() -> None:
    done = python("manage.py", "check", "--deploy", "--fail-level", "WARNING", env=environment(**GOOD))
    assert done.returncode == 0, done.stderr


def test_manage_py_says_what_is_missing_in_a_line() -> None:
    done = python("manage.py", "showmigrations", env=environment())
    assert done.returncode == 1
    assert "DATABASE_URL: is not set" in done.stderr
    assert "make run" in done.stderr
    assert "Traceback" not in done.stderr


def test_manage_py_says_that_the_database_does_not_answer_in_a_line() -> None:
    values = {**GOOD, "DATABASE_URL": "postgresql://annotate@127.0.0.1:1/annotate"}
    done = python("manage.py", "showmigrations", env=environment(**values))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "does not answer" in done.stderr
