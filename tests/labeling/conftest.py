"""Alice manages, Ann annotates, Charlie is outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest reads this file before Django is set up, so models are imported where they are used.
    from labeling.models import Project, User


@pytest.fixture
def alice(db: None) -> User:
    from tests import make

    return make.person("alice")


@pytest.fixture
def ann(db: None) -> User:
    from tests import make

    return make.person("ann")


@pytest.fixture
def ben(db: None) -> User:
    """A second annotator, where a test puts him into a project."""
    from tests import make

    return make.person("ben")


@pytest.fixture
def charlie(db: None) -> User:
    from tests import make

    return make.person("charlie")


@pytest.fixture
def project(alice: User, ann: User) -> Project:
    """A project with the address `haiku`."""
    from tests import make

    return make.project(alice, annotators=[ann], slug="haiku")
