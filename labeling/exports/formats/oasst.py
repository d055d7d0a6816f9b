"""`oasst`: prompts as trees of messages with ranked replies (OpenAssistant)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from labeling.exports.answers import Judged, judged
from labeling.exports.consensus import relations
from labeling.exports.conversations import asked
from labeling.exports.demonstrations import by_people
from labeling.exports.formats.base import Format
from labeling.exports.policies import Policies
from labeling.exports.ratings import Rated, ratings, scales
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.responses import withheld
from labeling.questions import Config

Node = dict[str, Any]


class Oasst(Format):
    name = "oasst"
    title = "Trees of messages with ranked replies (OpenAssistant)"

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        thread = _thread(example)
        parent = thread[-1]["message_id"] if thread else ""
        replies = [*_judged(example, parent, policies, removed), *_written(example, parent, policies, removed)]
        if not replies:
            removed.add("no_response")
        elif not thread:
            removed.add("unfit_turns")
        else:
            for turn, following in pairwise(thread):
                turn["replies"] = [following]
            thread[-1]["replies"] = replies
            yield {"message_tree_id": thread[0]["message_id"], "tree_state": "ready_for_export", "prompt": thread[0]}


def _node(example: Example, what: str, text: str, role: str, **known: Any) -> Node:
    """A message of a tree. What is not known of it is left out: OpenAssistant's files hold no nulls.

    Its id says nothing: it is made of the project, the prompt and what the message is, and always the same.
    """
    digest = hashlib.sha256(f"{example.project}/{example.prompt.id}/{what}".encode()).digest()
    node = {
        "message_id": str(uuid.UUID(bytes=digest[:16])),
        "parent_id": known.get("parent_id"),
        "user_id": known.get("user_id"),
        "text": text,
        "role": role,
        "lang": example.prompt.language or None,
        "deleted": False,
        "rank": known.get("rank"),
        "synthetic": known.get("synthetic", False),
        "model_name": known.get("model_name") or None,
        "labels": known.get("labels") or None,
        "replies": [],
    }
    return {name: value for name, value in node.items() if value is not None}


def _thread(example: Example) -> list[Node]:
    """The prompt's own messages, each to be answered by the next; none where a tree has no place for one of them."""
    messages = [] if example.prompt.tools else asked(example.prompt)
    nodes: list[Node] = []
    for number, message in enumerate(messages):
        role = ("prompter", "assistant")[number % 2]
        if {"user": "prompter"}.get(message["role"], message["role"]) != role or "tool_calls" in message:
            return []
        parent = nodes[-1]["message_id"] if nodes else None
        nodes.append(_node(example, f"turn {number}", message["content"], role, parent_id=parent))
    return nodes


def _judged(example: Example, parent: str, policies: Policies, removed: Removed) -> Iterator[Node]:
    """The candidates that were ranked, compared or rated, the best first."""
    without = withheld(example, policies, removed)
    rankings = tuple(ranking for group in judged(example, without) for ranking in group.rankings)
    # A tree has one order for its replies, whichever queue they were judged in.
    _, places = relations(Judged("", "", 0, "", rankings), policies.consensus)
    queue, asked_for = scales(example)
    rated = {one.candidate.id: one for one in ratings(example, queue, asked_for) if one.candidate.id not in without}
    for pk in sorted(places.keys() | rated.keys(), key=lambda pk: (places.get(pk, len(places)), pk)):
        candidate = example.candidates[pk]
        if not candidate.text.strip():
            removed.add("empty_text")
            continue
        yield _node(
            example,
            f"candidate {pk}",
            candidate.text.strip(),
            "assistant",
            parent_id=parent,
            rank=places.get(pk),
            synthetic=True,
            model_name=candidate.model,
            labels=_labels(rated[pk], asked_for, policies) if pk in rated else None,
        )


def _labels(rated: Rated, asked_for: Mapping[str, Config], policies: Policies) -> Node:
    """Ratings as OpenAssistant has them: one number on a scale from 0 to 1, and how many people it is of."""
    found = {}
    for name, numbers in rated.numbers.items():
        if numbers:
            low, high = asked_for[name]["min"], asked_for[name]["max"]
            found[name] = {"value": (rated.rating(name, policies.ratings) - low) / (high - low), "count": len(numbers)}
    return found


def _written(example: Example, parent: str, policies: Policies, removed: Removed) -> Iterator[Node]:
    """What people wrote, and what they made of candidates by an edit that changed something."""
    for response, text, source in by_people(example, policies, removed):
        if source != "approved":
            what = f"annotation {response.annotation.id} {response.question}"
            yield _node(example, what, text, "assistant", parent_id=parent, user_id=response.annotation.annotator)
