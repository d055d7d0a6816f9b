from __future__ import annotations

from typing import Any

import pytest

from labeling.models import ApiToken, Project, User
from tests.labeling.api.checked import CheckedClient, Speaker

PASSWORD = "correct horse battery"


def test_it_works(nobody: CheckedClient, alice: User, project: Project) -> None:
    made = nobody.post("/api/tokens/", {"email": "Alice@Example.org", "password": PASSWORD})
    assert made.status_code == 201
    client = CheckedClient(headers={"Authorization": f"Token {made.json()['token']}"})
    assert [found["slug"] for found in client.get("/api/projects/").json()["results"]] == [project.slug]


def test_the_key_is_stored_as_a_hash_only(nobody: CheckedClient, alice: User) -> None:
    key = nobody.post("/api/tokens/", {"email": alice.email, "password": PASSWORD}).json()["token"]
    stored = ApiToken.objects.get(user=alice)
    assert key not in (stored.digest, stored.prefix, stored.name)


def test_every_wrong_pair_gets_the_same_answer(nobody: CheckedClient, alice: User) -> None:
    passwordless = User.objects.create_user("new@example.org")
    gone = User.objects.create_user("gone@example.org", PASSWORD, is_active=False)
    pairs = [
        (alice.email, "wrong"),
        ("nobody@example.org", PASSWORD),
        (passwordless.email, PASSWORD),
        (gone.email, PASSWORD),
        ("no address", PASSWORD),
    ]
    answers = [nobody.post("/api/tokens/", {"email": email, "password": password}) for email, password in pairs]
    assert {(answer.status_code, answer.content) for answer in answers} == {(403, answers[0].content)}
    assert answers[0].json()["code"] == "not_allowed"


@pytest.mark.parametrize("header", [None, "Token", "Token wrong", "Token a b", "Token \xff", "Bearer abc"])
def test_without_a_good_token_the_answer_is_401_and_says_how(db: None, header: str | None) -> None:
    client = CheckedClient(headers={"Authorization": header} if header else {})
    answer = client.get("/api/projects/")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert answer.json()["code"] in ("not_authenticated", "authentication_failed")


def test_a_token_ends_with_its_account(as_: Speaker, ann: User, project: Project) -> None:
    client = as_(ann)
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert client.get("/api/projects/haiku/").status_code == 401


def test_a_browser_session_reads_but_writes_only_with_its_csrf_token(alice: User, project: Project) -> None:
    browser = CheckedClient(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert browser.get("/api/projects/haiku/").status_code == 200
    refused = browser.post("/api/projects/", {"name": "Forged"})
    assert refused.status_code == 403
    assert refused.json()["code"] == "not_allowed"
    assert not Project.objects.filter(name="Forged").exists()


def test_a_token_needs_no_csrf_token(alice: User, project: Project, as_: Speaker) -> None:
    client = as_(alice)
    client.handler.enforce_csrf_checks = True
    assert client.post("/api/projects/", {"name": "Second"}).status_code == 201


@pytest.mark.parametrize("sent", [{}, {"email": "a@example.org"}, {"email": [], "password": {}}, [], "x", None])
def test_credentials_that_are_none_are_400(nobody: CheckedClient, sent: Any) -> None:
    assert nobody.post("/api/tokens/", sent, format="json").status_code == 400
