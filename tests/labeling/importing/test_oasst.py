"""Trees of messages."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.importing import PromptLine, Rejected
from labeling.importing.oasst import MAX_TURNS
from tests.labeling.importing.reading import as_json_lines, found_in, outcome, prompts_in

ROLES = ("prompter", "assistant")


def message(name: str, *replies: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A message, named by its way from the root: its length says whose turn it is."""
    role = ROLES[(len(name) - 1) % 2]
    return {"message_id": name, "role": role, "text": f"Text {name}.", "replies": list(replies), **fields}


def tree(*replies: dict[str, Any], name: str = "a", **fields: Any) -> dict[str, Any]:
    root = message(name, *replies, lang="en", **fields)
    return {"message_tree_id": name, "tree_state": "ready_for_export", "prompt": root}


def one_by_one(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of a tree as OpenAssistant writes them on lines of their own."""
    found: list[dict[str, Any]] = []

    def walk(node: dict[str, Any], parent: str | None) -> None:
        own = {key: value for key, value in node.items() if key != "replies"}
        state = {"message_tree_id": whole["message_tree_id"], "tree_state": whole["tree_state"]}
        found.append({**own, "parent_id": parent, **state})
        for reply in node["replies"]:
            walk(reply, node["message_id"])

    walk(whole["prompt"], None)
    return found


TREE = tree(
    message("ab", message("abc", message("abcd", rank=0), lang="de")),
    message("aB", rank=1, synthetic=True, model_name="m"),
    message("aβ", message("aβc")),
)


def test_every_turn_that_was_answered_becomes_a_prompt_with_its_answers() -> None:
    assert prompts_in("oasst", as_json_lines([TREE])) == [
        PromptLine(
            line=1,
            messages=[{"role": "user", "content": "Text a."}],
            external_id="a",
            language="en",
            metadata={
                "oasst": {
                    "message_tree_id": "a",
                    "replies": [
                        {"message_id": "ab", "rank": None},
                        {"message_id": "aB", "rank": 1},
                        {"message_id": "aβ", "rank": None},
                    ],
                }
            },
            candidates=[
                {"text": "Text ab.", "model": ""},
                {"text": "Text aB.", "model": "m"},
                {"text": "Text aβ.", "model": ""},
            ],
        ),
        PromptLine(
            line=1,
            messages=[
                {"role": "user", "content": "Text a."},
                {"role": "assistant", "content": "Text ab."},
                {"role": "user", "content": "Text abc."},
            ],
            external_id="abc",
            language="de",
            metadata={"oasst": {"message_tree_id": "a", "replies": [{"message_id": "abcd", "rank": 0}]}},
            candidates=[{"text": "Text abcd.", "model": ""}],
        ),
    ]


def test_a_tree_may_be_its_opening_message_itself() -> None:
    assert prompts_in("oasst", as_json_lines([TREE["prompt"]])) == prompts_in("oasst", as_json_lines([TREE]))


def test_messages_one_by_one_make_the_same_prompts() -> None:
    other = tree(message("xy"), name="x")
    lines = prompts_in("oasst", as_json_lines([*one_by_one(TREE), *one_by_one(other), *one_by_one(tree(name="z"))]))
    together = prompts_in("oasst", as_json_lines([TREE, other, tree(name="z")]))
    assert [line.line_hash for line in lines] == [line.line_hash for line in together]
    assert [line.external_id for line in lines] == ["a", "abc", "x", "z"]
    assert [line.line for line in lines] == [1, 3, 8, 10]


def test_an_opening_turn_that_nobody_answered_is_a_prompt() -> None:
    (line,) = prompts_in("oasst", as_json_lines([tree()]))
    assert (line.external_id, line.candidates) == ("a", [])


LEFT_OUT = [
    ({"deleted": True}, "deleted"),
    ({"review_result": False}, "turned down in review"),
    ({"labels": {"spam": {"value": 0.7, "count": 3}}}, "marked as spam"),
    ({"labels": {"name": ["lang", "spam"], "value": [0.0, 1.0], "count": [3, 3]}}, "marked as spam"),
    ({"role": "prompter"}, "out of turn"),
    ({"text": " "}, "without a text"),
]


@pytest.mark.parametrize(("fields", "why"), LEFT_OUT)
def test_messages_that_were_turned_down_are_counted_and_left_out(fields: dict[str, Any], why: str) -> None:
    whole = tree(message("ab"), message("aB", message("aBc", message("aBcd")), **fields))
    lines, said = outcome("oasst", as_json_lines([whole]))
    assert [[candidate["text"] for candidate in line.candidates] for line in lines] == [["Text ab."]]
    assert said == {1: f"Messages left out: 1 {why}, 2 below those."}
    lines, said = outcome("oasst", as_json_lines(one_by_one(whole)))
    assert len(lines) == 1
    assert said == {
        3: f"Messages left out: 1 {why}.",
        4: "Messages left out: 1 below those.",
        5: "Messages left out: 1 below those.",
    }


@pytest.mark.parametrize(
    "labels",
    [None, {}, [], {"spam": None}, {"spam": {"value": None}}, {"name": ["x"], "value": []}, {"name": ["spam"]}],
)
def test_labels_that_say_nothing_of_spam_are_no_fault(labels: Any) -> None:
    assert len(prompts_in("oasst", as_json_lines([tree(message("ab", labels=labels))]))) == 1


def test_a_tree_that_was_given_up_is_left_out() -> None:
    whole = tree(message("ab")) | {"tree_state": "aborted_low_grade"}
    for rows in ([whole], one_by_one(whole)):
        lines, said = outcome("oasst", as_json_lines(rows))
        assert lines == []
        assert "of a tree that was given up" in said[1]


def test_bad_lines_among_the_messages_of_a_tree_are_said_in_order() -> None:
    rows: list[Any] = one_by_one(tree(message("ab", message("abc", message("abcd")))))
    rows.insert(2, {"message_id": "lost", "parent_id": "nobody", "role": "assistant", "text": "x"})
    rows.insert(4, 5)
    rows.append(rows[1])
    found = found_in("oasst", as_json_lines(rows) + b"{\n")
    assert [(item.line, isinstance(item, Rejected)) for item in found] == [
        (1, False), (3, True), (4, False), (5, True), (7, True), (8, True)
    ]  # fmt: skip
    said = {item.line: item.message for item in found if isinstance(item, Rejected)}
    assert "The message that it answers does not stand before it." in said[3]
    assert "no JSON object" in said[5]
    assert "stands twice" in said[7]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hello?"},
        {"prompt": {"text": "x", "role": "prompter"}},
        {"instruction": "x", "output": "y"},
        {"message_id": 5, "role": "prompter", "text": "x"},
        {"message_id": "a", "text": "x"},
        {"replies": []},
    ],
)
def test_other_objects_are_said_to_be_no_messages(row: dict[str, Any]) -> None:
    (refused,) = found_in("oasst", as_json_lines([row]))
    assert isinstance(refused, Rejected)
    assert "neither a tree" in refused.message


def test_replies_that_are_no_messages_do_no_harm() -> None:
    whole = tree(message("ab"))
    whole["prompt"]["replies"] += [None, 5, "x", [], {"replies": 7}, {"role": ["assistant"], "text": 5}]
    lines, said = outcome("oasst", as_json_lines([whole]))
    assert len(lines[0].candidates) == 1
    assert said == {1: "Messages left out: 6 out of turn."}
    bare = tree(message("ab"))
    bare["prompt"]["replies"] = {"a": 1}
    assert prompts_in("oasst", as_json_lines([bare]))[0].candidates == []


def test_a_thread_without_end_is_cut() -> None:
    names = ["x" * length for length in range(1, MAX_TURNS + 11)]
    rows = [
        message(name, parent_id=names[index - 1] if index else None) for index, name in enumerate(names)
    ]  # fmt: skip
    for row in rows:
        del row["replies"]
    lines, said = outcome("oasst", as_json_lines(rows))
    assert len(lines) == MAX_TURNS // 2
    assert len(lines[-1].messages) == MAX_TURNS - 1
    assert said[MAX_TURNS + 1] == f"Messages left out: 1 after {MAX_TURNS} turns."


def test_what_waits_for_the_end_of_a_tree_has_an_end() -> None:
    rows = [*one_by_one(tree()), *([5] * 3000)]
    found = found_in("oasst", as_json_lines(rows))
    assert len(found) == 3001
    assert [item.line for item in found] == list(range(1, 3002))


@pytest.mark.parametrize("state", [[], {}, 5, None, True])
def test_a_state_that_is_none_says_nothing(state: Any) -> None:
    whole = tree(message("ab"))
    assert len(prompts_in("oasst", as_json_lines([whole | {"tree_state": state}]))) == 1
