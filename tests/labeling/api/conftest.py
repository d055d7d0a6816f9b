"""Alice, Ann and Charlie speak through clients that check every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest reads this file before Django is set up, so models are imported where they are used.
    from labeling.models import User
    from tests.labeling.api.checked import CheckedClient, Speaker


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
