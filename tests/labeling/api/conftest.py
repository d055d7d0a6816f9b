"""Alice manages, Ann annotates, Charlie is outside. Each speaks through a client that checks every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest reads this file before Django is set up, so models are imported where they are used.
    from labeling.models import Project, User
    from tests.labeling.api.checked import CheckedClient, Speaker


@pytest.fixture
def alice(db: None) -> User:
    from tests import make

    return make.person("alice")


@pytest.fixture
def ann(db: None) -> User:
    from tests import make

    return make.person("ann")


@pytest.fixture
def charlie(db: None) -> User:
    from tests import make

    return make.person("charlie")


@pytest.fixture
def project(alice: User, ann: User) -> Project:
    """A project with the address `haiku`."""
    from tests import make

    return make.project(alice, annotators=[ann], slug="haiku")


@pytest.fixture
def as_() -> Speaker:
    """The client of a person: `as_(ann).post(…)`."""
    from labeling.services import people
    from tests.labeling.api.checked import CheckedClient

    def speak(user: User) -> CheckedClient:
        _, key = people.create_token(user, by=user)
        return CheckedClient(headers={"Authorization": f"Token {key}"})

    return speak


@pytest.fixture
def nobody(db: None) -> CheckedClient:
    """A client that is not signed in."""
    from tests.labeling.api.checked import CheckedClient

    return CheckedClient()
