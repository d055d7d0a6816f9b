"""Accounts, tokens, and proving who one is."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from labeling.errors import Conflict, Invalid, NotAllowed
from labeling.models import ApiToken, Event, User
from labeling.services import people, projects
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_wrong_passwords_yet() -> None:
    cache.clear()


def test_a_key_is_shown_once_and_kept_only_as_its_hash() -> None:
    ann = make.person("ann")
    token, key = people.create_token(ann, name="laptop", by=ann)
    assert people.user_of_key(key) == ann
    assert people.user_of_key(key + "x") is None
    assert key not in str(ApiToken.objects.values().get())
    assert key not in str(list(Event.objects.values()))
    people.revoke_token(token, by=ann)
    assert people.user_of_key(key) is None


def test_a_key_of_somebody_who_left_opens_nothing() -> None:
    ann = make.person("ann")
    _, key = people.create_token(ann, by=ann)
    ann.is_active = False
    ann.save()
    assert people.user_of_key(key) is None


def test_an_address_in_any_case_is_one_account() -> None:
    ann, created = people.get_or_create("Ann@Example.org")
    assert (ann.email, created) == ("ann@example.org", True)
    assert not ann.has_usable_password()
    assert people.get_or_create("ann@EXAMPLE.org ") == (ann, False)
    with pytest.raises(Invalid):
        people.get_or_create("ann at example")


def test_guessing_passwords_does_not_pay() -> None:
    make.person("ann")
    right = {"email": "ann@example.org", "password": "correct horse battery"}
    for _ in range(people.MAX_WRONG):
        with pytest.raises(NotAllowed, match="do not go together"):
            people.proven(email="ann@example.org", password="wrong", origin="10.0.0.1")
    with pytest.raises(NotAllowed, match="Too many"):
        people.proven(**right, origin="10.0.0.1")
    # The one who guesses is held up, and not Ann, who sits somewhere else.
    assert people.proven(**right, origin="10.0.0.2").email == "ann@example.org"


def test_a_wrong_address_is_answered_like_a_wrong_password() -> None:
    make.person("ann")
    said = []
    for email in ("ann@example.org", "nobody@example.org"):
        with pytest.raises(NotAllowed) as refused:
            people.proven(email=email, password="wrong", origin="")
        said.append(refused.value.detail)
    assert said[0] == said[1]


def test_an_address_longer_than_any_is_refused() -> None:
    with pytest.raises(Invalid):
        people.get_or_create("a" * 60 + "@" + ".".join(["b" * 60] * 4) + ".org")


def test_an_invitation_gives_nobody_more_than_the_inviter_has() -> None:
    alice, olga = make.person("alice"), make.person("olga")
    mine, others = make.project(alice), make.project(olga)
    for project in (mine, others):
        projects.add_member(project, email="dora@example.org", role="annotator", by=make.manager(project))
    dora, _ = people.get_or_create("dora@example.org")
    with pytest.raises(Conflict, match="more than a member"):
        people.invitation(dora, by=alice)
    root = User.objects.create_superuser("root@example.org")
    projects.add_member(mine, email=root.email, role="annotator", by=alice)
    with pytest.raises(Conflict, match="more than a member"):
        people.invitation(root, by=alice)
    assert people.invitation(dora, by=root)
