"""Trees of messages: what they hold, what they leave out, and that OpenAssistant's reader takes them."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest

from labeling.exports.policies import Policies
from labeling.exports.records import Annotation, Row
from labeling.exports.removed import Removed
from labeling.exports.stream import encode
from labeling.importing import SOURCES
from tests.labeling.exports.pure import TALK, TOOLS, edited, liked, marked, ranked, scored, written
from tests.labeling.exports.test_shapes import left_out, rows


def tree(*annotations: Annotation, **fields: Any) -> dict[str, Any]:
    (row,) = rows("oasst", *annotations, **fields)
    assert row["tree_state"] == "ready_for_export"
    assert row["message_tree_id"] == row["prompt"]["message_id"]
    return dict(row["prompt"])


def test_a_tree_has_the_replies_of_a_prompt_the_best_first() -> None:
    root = tree(ranked("b a c"), ranked("b c a"), written("Mine."), scored(b=[4, 1]), scored(b=[2, 1]), language="de")
    assert {name: root[name] for name in ("text", "role", "lang", "deleted", "synthetic")} == {
        "text": "Why?",
        "role": "prompter",
        "lang": "de",
        "deleted": False,
        "synthetic": False,
    }
    told = [
        (reply["text"], reply.get("rank"), reply["synthetic"], reply.get("model_name")) for reply in root["replies"]
    ]
    assert told == [
        ("Answer 2", 0, True, "m2"),
        ("Answer 1", 1, True, "m1"),
        ("Answer 3", 1, True, "m3"),
        ("Mine.", None, False, None),
    ]
    assert root["replies"][0]["labels"] == {
        "helpfulness": {"value": 0.75, "count": 2},
        "verbosity": {"value": 0.25, "count": 2},
    }
    assert root["replies"][-1]["user_id"] == "person-1"
    ids = [root["message_id"], *(reply["message_id"] for reply in root["replies"])]
    assert len(set(ids)) == 5
    assert {reply["parent_id"] for reply in root["replies"]} == {root["message_id"]}


def test_a_conversation_is_a_thread() -> None:
    root = tree(ranked("a b"), edited("Better."), edited("Answer 1"), messages=TALK[1:])
    (hi,) = root["replies"]
    (why,) = hi["replies"]
    assert [(node["text"], node["role"]) for node in (root, hi, why)] == [
        ("Hello", "prompter"),
        ("Hi.", "assistant"),
        ("Why?", "prompter"),
    ]
    assert [reply["text"] for reply in why["replies"]] == ["Answer 1", "Answer 2", "Better."]
    assert why["replies"][0]["parent_id"] == why["message_id"]


def test_a_tree_has_no_place_for_system_texts_and_tools() -> None:
    assert left_out("oasst", ranked("a b"), messages=TALK) == {"unfit_turns": 1}
    assert left_out("oasst", ranked("a b"), messages=TOOLS) == {"unfit_turns": 1}
    called = [TOOLS[0], TOOLS[1], TALK[3]]
    assert left_out("oasst", ranked("a b"), messages=called) == {"unfit_turns": 1}
    assert left_out("oasst", marked(a=[])) == {"no_response": 1}


def test_ranks_and_labels_of_a_tree_need_as_many_raters_and_as_much_agreement_as_asked() -> None:
    given = (ranked("a b c"), ranked("a c b"), ranked("a b c"), scored(a=[4, 1], b=[4, 1]), scored(a=[0, 1]))
    removed = Removed()
    (row,) = rows("oasst", *given, policies=Policies(min_agreement=0.7), removed=removed)
    told = [(reply["text"], reply.get("rank"), set(reply["labels"])) for reply in row["prompt"]["replies"][:2]]
    assert told == [("Answer 1", 0, {"verbosity"}), ("Answer 2", 1, {"helpfulness", "verbosity"})]
    # Two of three put B above C.
    assert row["prompt"]["replies"][2]["rank"] == 1
    assert removed.as_dict() == {"low_agreement": 2}
    removed = Removed()
    (row,) = rows("oasst", *given, policies=Policies(min_raters=4), removed=removed)
    assert len(row["prompt"]["replies"]) == 3
    assert all("rank" not in reply and "labels" not in reply for reply in row["prompt"]["replies"])
    assert removed.as_dict() == {"few_raters": 3 + 4}


def test_a_reply_of_which_nothing_clear_is_said_has_no_rank() -> None:
    given = (ranked("a b"), ranked("a b"), ranked("c d"))
    (row,) = rows("oasst", *given, policies=Policies(min_raters=2))
    assert [(reply["text"], reply.get("rank")) for reply in row["prompt"]["replies"]] == [
        ("Answer 1", 0),
        ("Answer 2", 1),
        ("Answer 3", None),
        ("Answer 4", None),
    ]


def test_a_circle_in_a_tree_is_counted() -> None:
    removed = Removed()
    (row,) = rows("oasst", ranked("a b c"), ranked("b c a"), ranked("c a b"), removed=removed)
    assert {reply["rank"] for reply in row["prompt"]["replies"]} == {0}
    assert removed.as_dict() == {"circle": 1}


@pytest.mark.parametrize("policies", [Policies(min_agreement=0.9), Policies(min_raters=3)])
def test_who_is_left_of_a_circle_has_a_rank_where_the_others_have_none(policies: Policies) -> None:
    (row,) = rows("oasst", ranked("a b c d"), ranked("b c d a"), ranked("c a b d"), policies=policies)
    assert len(row["prompt"]["replies"]) == 4


def threads_for_open_assistant(row: Row, lang: str = "en") -> list[list[str]]:
    """The threads that its `load_oasst_export` learns from: of trees that passed, in the languages asked for."""
    root = row["prompt"]
    passed = row["tree_state"] == "ready_for_export" and root.get("review_result")
    if not passed or root.get("lang") not in lang.split(","):
        return []

    def leaves(thread: list[dict[str, Any]]) -> list[list[str]]:
        last = thread[-1]
        if not last["replies"]:
            kept = len(thread) > 1 and last["role"] == "assistant" and not any(one["deleted"] for one in thread)
            return [[one["text"] for one in thread]] if kept else []
        return [found for reply in last["replies"] for found in leaves([*thread, reply])]

    return leaves([root])


def test_open_assistants_reader_takes_the_trees() -> None:
    (row,) = rows("oasst", ranked("a b"), written("Mine."), language="en")
    assert threads_for_open_assistant(row) == [["Why?", "Answer 1"], ["Why?", "Answer 2"], ["Why?", "Mine."]]
    (row,) = rows("oasst", ranked("a b"), messages=TALK[1:])
    assert threads_for_open_assistant(row) == []
    assert threads_for_open_assistant(row, "en,und") == [["Hello", "Hi.", "Why?", f"Answer {n}"] for n in (1, 2)]
    # Read here again, nobody knows the language either.
    (line, *_) = SOURCES["oasst"](BytesIO(encode(row)))
    assert line.language == ""  # type: ignore[union-attr]


def test_trees_say_nothing_of_ids_and_stay_the_same() -> None:
    given = (ranked("a b"), written("Mine."))
    assert tree(*given, id=123_456_789) == tree(*given, id=123_456_789)
    assert "123456789" not in json.dumps(tree(*given, id=123_456_789))
    assert tree(*given, id=1)["message_id"] != tree(*given, id=2)["message_id"]


def test_labels_are_of_every_question_in_whichever_queue() -> None:
    given = (scored(a=[4, 1], b=[2, 2]), scored(a=[2, 1], c=[1, 0], queue="again"), liked(a=3))
    labels = [reply["labels"] for reply in tree(*given)["replies"]]
    assert labels[0] == {
        "helpfulness": {"value": 0.75, "count": 2},
        "verbosity": {"value": 0.25, "count": 2},
        "quality": {"value": 0.5, "count": 1},
    }
    assert [set(one) for one in labels[1:]] == [{"helpfulness", "verbosity"}] * 2
