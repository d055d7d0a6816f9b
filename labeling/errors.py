"""What can go wrong, said for people. Every door (page, API, command) turns these into its own words and codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One mistake: where it is (a path such as `form[0].options`, a question's name, a field) and what to do."""

    path: str
    message: str


class DomainError(Exception):
    """Something a person or a program asked for that cannot be done. `code` is stable; `detail` is for people."""

    code = "invalid"

    def __init__(self, detail: str, *, errors: Sequence[Fault] = (), data: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.data = data or {}


class Invalid(DomainError):
    """What was sent does not fit: `errors` says where."""


class InvalidAnswers(DomainError):
    """Answers that do not fit the form: one fault for each question, its path the question's name."""

    code = "invalid_answers"


class Conflict(DomainError):
    """It cannot be done in the present state of things."""

    code = "conflict"


class LeaseLost(DomainError):
    """The slot is no longer held under this lease. What was typed is kept as a draft where there is one."""

    code = "lease_lost"


class StaleDraft(DomainError):
    """A newer draft is stored already (another tab). `data` holds it: `revision`, `answers`, `saved_at`."""

    code = "stale_draft"


class NotAllowed(DomainError):
    """The person is known here, but this is not theirs to do."""

    code = "not_allowed"


class NotFound(DomainError):
    """No such thing for this person. Outsiders and wrong numbers get the same answer."""

    code = "not_found"


class TooLarge(DomainError):
    """What was sent is larger than what can be stored."""

    code = "too_large"


class NoRoom(DomainError):
    """There is no room on the server for what was sent."""

    code = "no_room"
