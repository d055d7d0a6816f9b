"""Logging in and out, and a person's own profile."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from labeling.models import ApiToken, Event, User
from labeling.services import people
from tests import make

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def client(ann: User) -> Client:
    client = Client()
    client.force_login(ann)
    return client


def text(response: Any) -> str:
    return str(response.content.decode())


def signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def test_logging_in_works(ann: User) -> None:
    client = Client()
    response = client.post("/login/", {"username": "Ann@Example.org", "password": PASSWORD, "next": "/profile/"})
    assert response.headers["Location"] == "/profile/"
    assert signed_in(client)


def test_a_wrong_password_is_said_and_the_address_stays(ann: User) -> None:
    response = Client().post("/login/", {"username": "ann@example.org", "password": "wrong"})
    assert "do not go together" in text(response)
    assert 'value="ann@example.org"' in text(response)


def test_a_login_leads_to_no_other_site(ann: User) -> None:
    data = {"username": "ann@example.org", "password": PASSWORD, "next": "https://evil.example/"}
    assert Client().post("/login/", data).headers["Location"] == "/"


def test_an_account_that_was_switched_off_cannot_log_in(ann: User) -> None:
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert "do not go together" in text(Client().post("/login/", {"username": ann.email, "password": PASSWORD}))


def test_logging_out_needs_a_form(client: Client) -> None:
    assert client.get("/logout/").status_code == 405
    assert signed_in(client)
    assert client.post("/logout/").status_code == 302
    assert not signed_in(client)


def test_the_name_is_saved(client: Client, ann: User) -> None:
    client.post("/profile/", {"form": "name", "name": "  Ann   Onym "})
    ann.refresh_from_db()
    assert ann.name == "Ann Onym"
    assert Event.objects.filter(verb="user.renamed", actor=ann).count() == 1


def test_a_name_that_is_too_long_is_refused_at_its_field(client: Client, ann: User) -> None:
    response = client.post("/profile/", {"form": "name", "name": "x" * 151})
    assert response.status_code == 422
    assert "at most 150 characters" in text(response)


def test_the_password_is_changed_and_this_session_stays(client: Client, ann: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(ann)
    response = client.post("/profile/", {"form": "password", "old": PASSWORD, "new": "another horse entirely"})
    assert response.status_code == 302
    ann.refresh_from_db()
    assert ann.check_password("another horse entirely")
    assert signed_in(client)
    assert not signed_in(elsewhere)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("wrong", "another horse entirely", "not your present password"),
        (PASSWORD, "short", "too short"),
        (PASSWORD, "1234567890", "entirely numeric"),
        (PASSWORD, "ann@example.org", "too similar"),
    ],
)
def test_a_password_that_does_not_do_is_refused(client: Client, ann: User, old: str, new: str, words: str) -> None:
    response = client.post("/profile/", {"form": "password", "old": old, "new": new})
    assert response.status_code == 422
    assert words in text(response)
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def test_choices_are_kept_and_shape_the_pages(client: Client, ann: User) -> None:
    response = client.post("/profile/", {"form": "preferences", "theme": "dark", "layout": "stack", "next": "/"})
    assert response.headers["Location"] == "/"
    ann.refresh_from_db()
    assert ann.preferences == {"theme": "dark", "layout": "stack"}
    assert 'data-theme="dark"' in text(client.get("/"))


def test_a_choice_that_does_not_exist_is_refused(client: Client, ann: User) -> None:
    response = client.post("/profile/", {"form": "preferences", "theme": '"><script>'}, follow=True)
    assert "There is no such choice." in text(response)
    ann.refresh_from_db()
    assert ann.preferences == {}


def test_choices_lead_back_to_no_other_site(client: Client) -> None:
    response = client.post("/profile/", {"form": "preferences", "theme": "dark", "next": "//evil.example/"})
    assert response.headers["Location"] == "/profile/"


def test_a_token_is_shown_once_and_works(client: Client, ann: User) -> None:
    page = text(client.post("/profile/tokens/", {"name": "my script"}))
    found = re.search(r'<code data-copy-target="source">([^<]+)</code>', page)
    assert found
    assert people.user_of_key(found[1]) == ann
    assert found[1] not in text(client.get("/profile/"))
    assert "my script" in text(client.get("/profile/"))


def test_a_page_with_a_key_is_not_kept_by_browsers(client: Client) -> None:
    assert "no-store" in client.post("/profile/tokens/", {"name": "x"}).headers["Cache-Control"]


def test_a_revoked_token_is_gone(client: Client, ann: User) -> None:
    token, key = people.create_token(ann, name="old", by=ann)
    client.post(f"/profile/tokens/{token.pk}/revoke/")
    assert people.user_of_key(key) is None


def test_nobody_revokes_another_s_token(client: Client) -> None:
    ben = make.person("ben")
    token, _ = people.create_token(ben, by=ben)
    assert client.post(f"/profile/tokens/{token.pk}/revoke/").status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()


@pytest.mark.parametrize("path", ["/", "/profile/"])
def test_strangers_are_asked_to_log_in(path: str) -> None:
    assert Client().get(path).headers["Location"] == f"/login/?next={path}"
