"""The two forms that trainers take a prompt and a response in: as messages, or as plain text."""

from __future__ import annotations

from labeling.exports.conversations import alone, asked, reply, tools_column
from labeling.exports.policies import Style
from labeling.exports.records import Example, Message, Prompt


def question(prompt: Prompt, style: Style) -> list[Message] | str | None:
    """What a response answers, in the form that is asked for; None where plain text cannot hold it.

    A system text or several turns would need a template to become one text, and that is the trainer's to choose.
    """
    return asked(prompt) if style is Style.CONVERSATIONAL else alone(prompt)


def answer(text: str, style: Style) -> list[Message] | str:
    """A response, trimmed, in the form that is asked for.

    Trainers set plain text right after its prompt: the space between the two belongs to the response, where a
    tokenizer makes it part of the first word.
    """
    return [reply(text)] if style is Style.CONVERSATIONAL else f" {text}"


def tools(example: Example, style: Style) -> dict[str, str]:
    """The column `tools`; none of plain text, which has no place for what is in it."""
    return tools_column(example) if style is Style.CONVERSATIONAL else {}
