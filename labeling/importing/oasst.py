"""`oasst`: OpenAssistant's conversations, as trees of messages or as messages one by one.

A tree is one object with everything in it, or its messages stand together, each an object of its own and after the one
it answers. Every user's turn that was answered becomes a prompt, with its answers as responses; so does the turn that
opens a tree, answered or not.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, BinaryIO

from labeling.importing.arrays import Value
from labeling.importing.base import PromptLine, Rejected, as_sent, is_language, parse
from labeling.importing.objects import decode_object, values
from labeling.importing.streams import MAX_LINE
from labeling.importing.texts import LineError

MAX_TURNS = 200
_WAITING = 1000  # bad lines among the messages of a tree that wait for its end
_ROLES = {"prompter": "user", "assistant": "assistant"}
_GIVEN_UP = frozenset({"aborted_low_grade", "halted_by_moderator"})


@dataclass(eq=False)
class _Message:
    line: int
    name: str
    raw: dict[str, Any]
    tree: Any
    parent: _Message | None
    replies: list[_Message] = field(default_factory=list)
    turns: int = 1
    left_out: str = ""  # why it and what hangs below it is not used, so that it completes a number

    def __post_init__(self) -> None:
        if self.parent is not None:
            self.turns += self.parent.turns
            self.parent.replies.append(self)
        self.left_out = _fault(self.raw, self.parent) or (f"after {MAX_TURNS} turns" if self.turns > MAX_TURNS else "")


def read(stream: BinaryIO) -> Iterator[PromptLine | Rejected]:
    """The prompts of every tree, and a word for each line with messages that were left out."""
    gathered = _Gathered()
    for value in values(stream):
        if isinstance(value, Rejected):
            gathered.bad.append(value)
        else:
            try:
                raw = decode_object(value)
                if "replies" in raw or isinstance(raw.get("prompt"), dict):
                    messages = list(_spread(raw, value))
                    yield from gathered.told()
                    yield from _told(messages)
                else:
                    if raw.get("parent_id") is None:
                        yield from gathered.told()
                    gathered.add(raw, value)
            except LineError as error:
                gathered.bad.append(Rejected(value.line, f"{value.name}{error}", as_sent(value.raw)))
        if not gathered.waits:
            yield from gathered.told()
    yield from gathered.told()


class _Gathered:
    """The messages of a tree that came one by one, and the bad lines among them."""

    def __init__(self) -> None:
        self.bad: list[Rejected] = []
        self._messages: dict[str, _Message] = {}
        self._size = 0

    @property
    def waits(self) -> bool:
        """Whether more of the tree may come. What is held meanwhile has an end."""
        return bool(self._messages) and self._size <= MAX_LINE and len(self.bad) <= _WAITING

    def add(self, raw: dict[str, Any], value: Value) -> None:
        known, parent_id = _check(raw)["message_id"], raw.get("parent_id")
        if known in self._messages:
            raise LineError(f"The message “{known[:100]}” stands twice in its tree.")
        parent = self._messages.get(parent_id) if isinstance(parent_id, str) else None
        if parent is None and parent_id is not None:
            raise LineError(
                "The message that it answers does not stand before it. Sort the file by tree, answers after what they"
                " answer."
            )
        tree = parent.tree if parent else raw.get("message_tree_id") or known
        self._messages[known] = _Message(value.line, value.name, raw, tree, parent)
        self._size += len(value.raw)

    def told(self) -> Iterator[PromptLine | Rejected]:
        """What comes of all that was gathered, by line; forgets it."""
        messages, bad = list(self._messages.values()), self.bad
        self.bad, self._messages, self._size = [], {}, 0
        yield from heapq.merge(bad, _told(messages), key=attrgetter("line"))


def _spread(raw: dict[str, Any], value: Value) -> Iterator[_Message]:
    """The messages of a tree that is one object, each after the one it answers."""
    root = raw["prompt"] if isinstance(raw.get("prompt"), dict) else raw
    tree = raw.get("message_tree_id") or _check(root)["message_id"]
    if raw is not root and "tree_state" in raw:
        root["tree_state"] = raw["tree_state"]
    waiting: list[tuple[Any, _Message | None]] = [(root, None)]
    while waiting:
        found, parent = waiting.pop()
        node = found if isinstance(found, dict) else {}
        replies = node.pop("replies", None)
        message = _Message(value.line, value.name, node, tree, parent)
        yield message
        if isinstance(replies, list):
            waiting.extend((reply, message) for reply in reversed(replies))


def _check(raw: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(raw.get("message_id"), str) or not {"role", "text"} <= raw.keys():
        raise LineError("This is neither a tree (“prompt”) nor a message (“message_id”, “parent_id”, “role”, “text”).")
    return raw


def _fault(raw: dict[str, Any], parent: _Message | None) -> str:
    state = raw.get("tree_state")
    if parent is None and isinstance(state, str) and state in _GIVEN_UP:
        return "of a tree that was given up"
    if parent is not None and parent.left_out:
        return "below those"
    if raw.get("deleted"):
        return "deleted"
    if raw.get("review_result") is False:
        return "turned down in review"
    if _is_spam(raw.get("labels")):
        return "marked as spam"
    if raw.get("role") != ("prompter" if parent is None or parent.raw["role"] == "assistant" else "assistant"):
        return "out of turn"
    text = raw.get("text")
    return "" if isinstance(text, str) and text.strip() else "without a text"


def _is_spam(labels: Any) -> bool:
    """Whether most reviewers called it spam. Labels are objects by name, or lists of names and of values."""
    try:
        if isinstance(labels.get("name"), list):
            value = labels["value"][labels["name"].index("spam")]
        else:
            value = labels["spam"]["value"]
        return bool(value >= 0.5)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False  # it has no such label


def _told(messages: Iterable[_Message]) -> Iterator[PromptLine | Rejected]:
    for line, group in groupby(messages, key=attrgetter("line")):
        left_out: Counter[str] = Counter()
        name = ""
        for message in group:
            name = message.name
            if message.left_out:
                left_out[message.left_out] += 1
            elif message.raw["role"] == "prompter" and (message.parent is None or _answers(message)):
                try:
                    yield parse(_prompt(message), line)
                except LineError as error:
                    yield Rejected(line, f"{name}{error}")
        if left_out:
            counted = ", ".join(f"{number} {why}" for why, number in left_out.items())
            yield Rejected(line, f"{name}Messages left out: {counted}.")


def _answers(message: _Message) -> list[_Message]:
    return [reply for reply in message.replies if not reply.left_out]


def _prompt(message: _Message) -> dict[str, Any]:
    path, before = [message], message.parent
    while before is not None:
        path.append(before)
        before = before.parent
    answers = _answers(message)
    replies = [{key: reply.raw.get(key) for key in ("message_id", "rank")} for reply in answers]
    language = message.raw.get("lang")
    return {
        "messages": [{"role": _ROLES[one.raw["role"]], "content": one.raw["text"]} for one in reversed(path)],
        "external_id": message.raw.get("message_id"),
        # “und” is ISO 639's word for a language that nobody knows, which exports have, too.
        "language": language if is_language(language) and language != "und" else None,
        # In the order of the candidates.
        "metadata": {"oasst": {"message_tree_id": message.tree, "replies": replies}},
        "candidates": [{"text": reply.raw["text"], "model": reply.raw.get("model_name")} for reply in answers],
    }
