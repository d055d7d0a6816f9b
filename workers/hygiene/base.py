"""What every check speaks: the response it looks at, what it found, and what may be done about it.

Pure: no database, no Django, no model. A check reads one response and says in one sentence what is wrong with it, or
nothing. Where a check is in doubt it says nothing: what it finds may throw away a good response.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, runtime_checkable

Action = Literal["off", "mark", "replace"]
# What each means, as forms show it.
ACTIONS: dict[Action, str] = {
    "off": "Do not look",
    "mark": "Keep the response and say what was found",
    "replace": "Drop the response and make another one",
}


class HygieneError(Exception):
    """Settings that are wrong. ``errors`` maps the field that is wrong to what is wrong with it."""

    def __init__(self, message: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.errors: dict[str, str] = dict(errors or {})

    @classmethod
    def of(cls, errors: Mapping[str, str]) -> Self:
        """One error out of several wrong fields; its text names them all."""
        return cls(" ".join(f"{name}: {message}" for name, message in errors.items()), errors)


@dataclass(frozen=True, slots=True)
class Response:
    """A generated response with what is known about it.

    ``text``           the completion as it was made
    ``messages``       the prompt: objects with ``role`` and ``content``, as the model was given them
    ``finish_reason``  ``stop`` or ``length``; anything else counts as unknown
    ``system``         the generator's own system prompt, where ``messages`` do not have it
    ``language``       the prompt's language as a BCP 47 tag (``de``, ``pt-BR``); blank where nobody said
    ``siblings``       the texts of the other candidates of this prompt
    ``model``          what the generator calls its model: a name, a hub name, a folder
    """

    text: str
    messages: Sequence[Mapping[str, str]] = ()
    finish_reason: str = ""
    system: str = ""
    language: str = ""
    siblings: tuple[str, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: its name, what is to be done, and one sentence for people, fit to be stored."""

    check: str
    action: Action
    reason: str


@runtime_checkable
class Check(Protocol):
    """One thing that may be wrong with a response: one line of the table in ``workers.hygiene``."""

    @property
    def name(self) -> str:
        """Its key in the table."""
        ...

    @property
    def title(self) -> str:
        """Its name on screens."""
        ...

    @property
    def help(self) -> str:
        """One sentence beside the setting: what it finds."""
        ...

    @property
    def action(self) -> Action:
        """What is done about it where nobody chose."""
        ...

    def find(self, response: Response) -> str | None:
        """What is wrong, in one sentence with an excerpt of it; None where nothing is.

        Never raises, whatever the text holds, and its work is bounded: a text is looked at as far as ``reading.MOST``.
        """
        ...
