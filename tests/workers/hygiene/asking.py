"""How tests make a response to look at."""

from typing import Any

from workers.hygiene import CHECKS
from workers.hygiene.base import Response


def answer(text: str, prompt: str = "", **known: Any) -> Response:
    """A response to a prompt of one message."""
    messages = ({"role": "user", "content": prompt},) if prompt else ()
    return Response(text=text, messages=messages, **known)


def found(check: str, response: Response) -> str | None:
    """What one check says of a response."""
    return CHECKS[check].find(response)
