"""`oasst`: prompts as trees of messages with ranked replies (OpenAssistant)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any

from labeling.exports.answers import Judged, judged
from labeling.exports.consensus import relations
from labeling.exports.conversations import asked
from labeling.exports.demonstrations import by_people
from labeling.exports.formats.base import Format
from labeling.exports.policies import Consensus, Policies, levels
from labeling.exports.preferences import is_clear
from labeling.exports.ratings import Rated, every_scale, left_out, ratings
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.responses import is_agreed_on, withheld
from labeling.questions import Config

Node = dict[str, Any]

# OpenAssistant's reader takes trees by their language, and none without one. This is ISO 639's for an unknown one.
UNKNOWN = "und"


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
        "lang": example.prompt.language or UNKNOWN,
        "review_result": known.get("review_result"),
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
        # OpenAssistant's reader takes a tree whose prompt has passed a review: this one was found worth answering.
        passed = None if nodes else True
        nodes.append(_node(example, f"turn {number}", message["content"], role, parent_id=parent, review_result=passed))
    return nodes


def _judged(example: Example, parent: str, policies: Policies, removed: Removed) -> Iterator[Node]:
    """The candidates that were ranked, compared or rated, the best first."""
    without = withheld(example, policies, removed)
    places = _places(example, without, policies, removed)
    asked_for = every_scale(example)
    found = ratings(example, asked_for)
    removed.add("other_rating", left_out(example, asked_for, found))
    rated = {one.candidate.id: one for one in found if one.candidate.id not in without}
    last = len(places)
    ranks = dict.fromkeys(rated) | places
    for pk in sorted(ranks, key=lambda pk: (last if ranks[pk] is None else ranks[pk], pk)):
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
            rank=ranks[pk],
            synthetic=True,
            model_name=candidate.model,
            labels=_labels(rated[pk], asked_for, policies, removed) if pk in rated else None,
        )


def _places(example: Example, without: Collection[int], policies: Policies, removed: Removed) -> dict[int, int | None]:
    """The rank of each candidate that was ranked or compared, 0 for the best.

    Where too few people say that one stands above another, or too few of them agree, that counts for nothing; a
    candidate of which nothing else is said has no rank.
    """
    rankings = tuple(ranking for group in judged(example, without) for ranking in group.rankings)
    # A tree has one order for its replies, whichever queue they were judged in.
    group = Judged("", "", 0, "", rankings)
    order = relations(group, policies.consensus)
    removed.add("circle", len(order.circles))
    clear = [preference for preference in order.preferences if is_clear(preference, policies, removed)]
    if len(clear) == len(order.preferences):
        return dict(order.levels)
    sure = {pk for preference in clear for pk in (preference.better, preference.worse)}
    unsure = {pk for preference in order.preferences for pk in (preference.better, preference.worse)} - sure
    ranked = [pk for pk in order.levels if pk not in unsure]
    # Borda's scores are of all rankings together, and stay.
    # Who is left of a circle alone shares no level.
    circles = [kept for circle in order.circles if len(kept := circle & set(ranked)) > 1]
    places = order.levels if policies.consensus is Consensus.BORDA else levels(ranked, clear, circles)
    return {pk: None if pk in unsure else places[pk] for pk in order.levels}


def _labels(rated: Rated, asked_for: Mapping[str, Config], policies: Policies, removed: Removed) -> Node:
    """Ratings as OpenAssistant has them: one number on a scale from 0 to 1, and how many people it is of."""
    found = {}
    for name, numbers in rated.numbers.items():
        if numbers and is_agreed_on(len(numbers), rated.agreement(name, asked_for[name]), policies, removed):
            low, high = asked_for[name]["min"], asked_for[name]["max"]
            found[name] = {"value": (rated.rating(name, policies.ratings) - low) / (high - low), "count": len(numbers)}
    return found


def _written(example: Example, parent: str, policies: Policies, removed: Removed) -> Iterator[Node]:
    """What people wrote, and what they made of candidates by an edit that changed something."""
    for response, text, source in by_people(example, policies, removed):
        if source != "approved":
            what = f"annotation {response.annotation.id} {response.question}"
            yield _node(example, what, text, "assistant", parent_id=parent, user_id=response.annotation.annotator)
