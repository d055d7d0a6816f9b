"""Prompts that are longer than the model's context: refused, or cut, by a rule that the generator names."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workers.backends.base import Message, Option, RowError
from workers.backends.chat import Chat

OPTION = Option(
    "context",
    "Prompts longer than the context",
    "refuse: the candidate fails. cut: a chat loses its oldest turns, then the beginning of the oldest text; "
    "an encoder's text loses its end.",
    "choice",
    ("refuse", "cut"),
    "refuse",
)
# A text that is cut may come back as a token or two more than were left of it; then a few more go.
MOST_TRIES = 20


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is given: the tokens, the SHA-256 of the text they stand for, and how many tokens were cut."""

    ids: list[int]
    sha256: str
    cut: int = 0

    def as_json(self) -> dict[str, str | int]:
        """What a row's provenance says of it."""
        said: dict[str, str | int] = {"prompt_sha256": self.sha256}
        return said | {"prompt_tokens_cut": self.cut} if self.cut else said


def text_sha256(text: str) -> str:
    """The hash of a text; half a surrogate pair, which is no Unicode, still counts as itself."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fit_chat(chat: Chat, messages: Sequence[Message], *, context: int | None, new: int, rule: str) -> Prompt:
    """The conversation in the model's template, with room for ``new`` tokens. Raises RowError where there is none."""
    ids = chat.encode(messages)
    if context is None or len(ids) + new <= context:
        return Prompt(ids, text_sha256(chat.render(messages)))
    if rule != "cut":
        raise RowError(
            f"The prompt is {len(ids)} tokens long. With {new} new ones that is more than the "
            f"{context} this model can hold. Shorten the prompt or lower max_new_tokens."
        )
    kept, left = _without_oldest(chat, messages, lambda found: len(found) + new <= context)
    for number in range(len(kept)):
        if len(left) + new <= context:
            break
        if kept[number]["role"] != "system":
            kept, left = _without_beginning(chat, kept, number, context - new)
    if len(left) + new > context:
        raise RowError(
            f"The prompt does not fit, cut as far as it can be: this model holds {context} tokens, and {new} of them "
            "are kept for the completion. Lower max_new_tokens."
        )
    return Prompt(left, text_sha256(chat.render(kept)), cut=max(1, len(ids) - len(left)))


def fit_text(ids: list[int], text: str, *, context: int | None, rule: str, ending: int) -> Prompt:
    """An encoder's tokens, cut on the right where the rule allows; the last ``ending`` of them close every text."""
    if context is None or len(ids) <= context:
        return Prompt(ids, text_sha256(text))
    if rule != "cut":
        raise RowError(
            f"The text is {len(ids)} tokens long, more than the {context} this model can read. "
            "Shorten it, or let the generator cut what is too long."
        )
    kept = ids[: context - ending] + ids[len(ids) - ending :]
    return Prompt(kept, text_sha256(text), cut=len(ids) - len(kept))


def _without_oldest(
    chat: Chat, messages: Sequence[Message], fits: Callable[[list[int]], bool]
) -> tuple[list[Message], list[int]]:
    """The conversation without its oldest turns, as few of them as it takes; the last one of the user stays.

    What is left begins with a user's message after the system's: templates insist on that.
    """
    system = [message for message in messages[:1] if message["role"] == "system"]
    turns = list(messages[len(system) :])
    ids = chat.encode([*system, *turns])
    while not fits(ids):
        later = [number for number, turn in enumerate(turns) if number and turn["role"] == "user"]
        if not later:
            break
        turns = turns[later[0] :]
        ids = chat.encode([*system, *turns])
    return [*system, *turns], ids


def _without_beginning(
    chat: Chat, messages: Sequence[Message], number: int, room: int
) -> tuple[list[Message], list[int]]:
    """The conversation with one message cut from its left, until the whole fits or nothing is left of that message."""
    message = messages[number]
    words = chat.tokenizer(message["content"], add_special_tokens=False)["input_ids"]
    kept, ids = list(messages), chat.encode(messages)
    gone = 0
    for _ in range(MOST_TRIES):
        if len(ids) <= room or gone >= len(words):
            break
        gone = min(len(words), gone + len(ids) - room)
        # What a cut leaves of a letter at its edge is no text.
        text = chat.decode(words[gone:]).lstrip("\N{REPLACEMENT CHARACTER}")
        kept[number] = Message(role=message["role"], content=text)
        ids = chat.encode(kept)
    return kept, ids
