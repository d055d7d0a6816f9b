"""Rows as they go into the file: what would harm whoever trains on them is left out or changed, and counted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from labeling.exports import control_tokens, tokens
from labeling.exports.contamination import Benchmark
from labeling.exports.policies import ControlTokens, Dedupe, Policies
from labeling.exports.records import Prompt, Row, alike
from labeling.exports.removed import Removed
from labeling.text import canonical_json, with_documents

# Formats that show what is stored as it is stored: no row of theirs is changed or left out. Offsets of marks count in
# the text as it was shown, so that one space more would move them.
VERBATIM = frozenset({"raw", "spans"})

# The policies by which rows are cleaned.
CLEANING = ("dedupe", "control_tokens", "max_tokens", "tokenizer")

# The columns that hold the sides of a pair, under the names of different trainers: each sees one of them at a time.
SIDES = ("chosen", "rejected", "preferred_output", "non_preferred_output", "response1", "response2")
# What says of a row how good it is, or where it is from, and not what is in it. So do all columns that are a number.
_ABOUT = ("metadata", "label", "labels", "individual_preference", "reference_source", "message_tree_id", "tree_state")
# Who says a text: no text of its own.
_WHO = ("role", "from")


@dataclass(frozen=True)
class Tools:
    """What cleaning needs beside the policies: how to count tokens, and a benchmark to keep clear of."""

    count: tokens.Count = tokens.estimate
    benchmark: Benchmark | None = None


class Cleaning:
    """Cleans the rows of one export, prompt by prompt.

    To know what the file has already it keeps 16 bytes of hash for each row, some 100 in memory, and nothing else.
    Where `fresh` is a list, new ones are also put there: another one that is given all of them goes on from there.
    """

    def __init__(self, policies: Policies, tools: Tools, removed: Removed) -> None:
        self._policies = policies
        self._tools = tools
        self._removed = removed
        self._seen: set[bytes] = set()
        self.fresh: list[bytes] | None = None
        self.escaped = 0  # rows in which a control token was broken up
        self._rules: list[tuple[str, Callable[[Row, Prompt], bool]]] = []
        if tools.benchmark:
            self._rules.append(("benchmark", self._is_in_benchmark))
        if policies.control_tokens is ControlTokens.DROP:
            self._rules.append(("control_token", _has_control_token))
        if policies.max_tokens is not None:
            self._rules.append(("too_many_tokens", self._is_too_long))
        if policies.dedupe is Dedupe.ROWS:
            self._rules.append(("repeated", self._is_repeated))

    def clean(self, rows: Iterable[Row], prompt: Prompt) -> Iterable[Row]:
        """The rows of one prompt that may stay. Each says how many there are, where it said so before."""
        kept = self._kept(rows, prompt) if self._rules else rows
        return map(self._escaped, kept) if self._policies.control_tokens is ControlTokens.ESCAPE else kept

    def _kept(self, rows: Iterable[Row], prompt: Prompt) -> list[Row]:
        kept, all_rows = [], list(rows)
        for row in all_rows:
            broken = next((rule for rule, breaks in self._rules if breaks(row, prompt)), None)
            if broken:
                self._removed.add(broken)
            else:
                kept.append(row)
        if len(kept) < len(all_rows):
            kept = [_with_number(row, len(kept)) for row in kept]
        return kept

    def _escaped(self, row: Row) -> Row:
        changed = alike(row, {name: value if name in _ABOUT else _escaped(value) for name, value in row.items()})
        self.escaped += changed != row
        return changed

    def _is_in_benchmark(self, row: Row, prompt: Prompt) -> bool:
        assert self._tools.benchmark
        return self._tools.benchmark.matches(_said_in(row, prompt))

    def _is_too_long(self, row: Row, prompt: Prompt) -> bool:
        assert self._policies.max_tokens is not None
        return tokens_in(row, self._tools.count) > self._policies.max_tokens

    def _is_repeated(self, row: Row, prompt: Prompt) -> bool:
        key = content_hash(row)
        if key in self._seen:
            return True
        self._seen.add(key)
        if self.fresh is not None:
            self.fresh.append(key)
        return False

    def knows(self, hashes: Iterable[bytes]) -> None:
        """Rows that stand in the file already, by the hashes that were `fresh` then."""
        self._seen.update(hashes)


def tokens_in(row: Row, count: tokens.Count) -> int:
    """How many tokens a trainer has to take in at once: everything but the metadata and, of a pair, the longer side."""
    shared, sides = _content(row)
    return _tokens(shared, count) + max((_tokens(side, count) for side in sides), default=0)


def _content(row: Row) -> tuple[dict[str, Any], list[Any]]:
    """What a trainer reads of a row: what stands in every case, and the sides, of which it sees one at a time."""
    shared: dict[str, Any] = {}
    sides = []
    for name, value in row.items():
        match value:
            case _ if name in _ABOUT or isinstance(value, int | float):
                continue
            case _ if name in SIDES:
                sides.append(value)
            case [{"completion": _}, *_]:
                sides += [ranked["completion"] for ranked in value]
            case {"replies": _}:
                shared[name] = _told(value)
            case _:
                shared[name] = value
    return shared, sides


def _told(node: dict[str, Any]) -> dict[str, Any]:
    """A message of a tree with the replies to it: of each who says what, and nothing that is known about it."""
    return {"role": node["role"], "text": node["text"], "replies": [_told(reply) for reply in node["replies"]]}


def _tokens(value: Any, count: tokens.Count) -> int:
    match value:
        case str():
            return count(value)
        case {"replies": replies, "text": text}:
            # Of a tree one thread is read at a time.
            return tokens.EACH_MESSAGE + count(text) + max((_tokens(reply, count) for reply in replies), default=0)
        case {"role": _, "content": text}:
            # The role is in what a template adds. Calls are there as JSON, near enough.
            calls = value.get("tool_calls")
            return tokens.EACH_MESSAGE + count(text) + (count(canonical_json(calls)) if calls else 0)
        case {"from": _, "value": text}:
            return tokens.EACH_MESSAGE + count(text)
        case dict():
            return sum(_tokens(inner, count) for inner in value.values())
        case list():
            return sum(_tokens(inner, count) for inner in value)
    return 0


def content_hash(row: Row) -> bytes:
    """16 bytes that two rows have in common where their texts are the same: whatever their labels and metadata, and
    whichever side of a pair is the better one. So no two prompts with the same texts contradict each other.
    """
    shared, sides = _content(row)
    content = canonical_json([shared, sorted(map(canonical_json, sides))])
    return hashlib.blake2b(content.encode(), digest_size=16).digest()


def _has_control_token(row: Row, prompt: Prompt) -> bool:
    return any(control_tokens.find(text) for text in _texts_of(row))


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return control_tokens.escape(value)
    if isinstance(value, dict):
        return {name: _escaped(inner) for name, inner in value.items()}
    return [_escaped(inner) for inner in value] if isinstance(value, list) else value


def _said_in(row: Row, prompt: Prompt) -> Iterator[str]:
    """Every text of a row, and each by itself of those that a row holds as one: a short question stands behind its
    documents there, and as plain text a response right behind both.
    """
    question = with_documents(prompt.messages[-1]["content"], prompt.context).rstrip()
    for text in _texts_of(row):
        yield text
        if text.startswith(question):
            yield text[len(question) :]
    yield from (message["content"] for message in prompt.messages)
    yield from (document["text"] for document in prompt.context)


def _texts_of(row: Row) -> Iterator[str]:
    """Every text of a row but those of its metadata and the roles of messages."""
    return _texts(list(_content(row)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in _WHO:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _with_number(row: Row, number: int) -> Row:
    """The row, saying that its prompt has so many, where it says how many."""
    metadata = row.get("metadata")
    if not isinstance(metadata, dict) or "n_pairs" not in metadata:
        return row
    return row | {"metadata": metadata | {"n_pairs": number}}
