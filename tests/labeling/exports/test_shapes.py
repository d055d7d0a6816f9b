"""The rows of formats that are no trainer's messages as they stand: exactly what they hold, and what they leave out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pytest

from labeling.exports.checks import Watch
from labeling.exports.formats import FORMATS
from labeling.exports.marks import steps
from labeling.exports.policies import Pairs, Policies, Ratings, Responses, Style
from labeling.exports.records import Annotation, Row
from labeling.exports.removed import Removed
from labeling.exports.stream import encode
from labeling.importing import SOURCES
from tests.labeling.exports.pure import (
    ATTRIBUTES,
    CALL,
    COMPARE_PLAINLY,
    TALK,
    TOOLS,
    answered,
    compared,
    edited,
    example,
    form,
    liked,
    mark,
    marked,
    plenty,
    ranked,
    rated,
    scored,
    written,
)

AS_TEXT = Policies(style=Style.STANDARD)
JAPANESE = [{"role": "user", "content": "空はなぜ青い？\n"}]


def rows(
    kind: str, *annotations: Annotation, policies: Policies | None = None, removed: Removed | None = None, **fields: Any
) -> list[Row]:
    """Rows without their metadata."""
    found = FORMATS[kind].rows(example(*annotations, **fields), policies or Policies(), removed or Removed())
    return [{name: value for name, value in row.items() if name != "metadata"} for row in found]


def metadata(kind: str, *annotations: Annotation, **fields: Any) -> list[dict[str, Any]]:
    return [row["metadata"] for row in FORMATS[kind].rows(example(*annotations, **fields), Policies(), Removed())]


def left_out(kind: str, *annotations: Annotation, **fields: Any) -> dict[str, int]:
    """What the rules counted, where no row came."""
    removed = Removed()
    assert rows(kind, *annotations, removed=removed, **fields) == []
    return removed.as_dict()


# --- Plain text ------------------------------------------------------------------------------------------------------


def test_plain_text_has_the_space_at_the_beginning_of_the_response() -> None:
    given = (written(" 散乱。\n"), ranked("a b"), rated(a=1))
    shared: dict[str, Any] = {"policies": AS_TEXT, "messages": JAPANESE}
    assert rows("sft", *given, **shared) == [{"text": "空はなぜ青い？ 散乱。"}]
    assert rows("prompt-completion", *given, **shared) == [{"prompt": "空はなぜ青い？", "completion": " 散乱。"}]
    sides = {"chosen": " Answer 1", "rejected": " Answer 2"}
    assert rows("preference", *given, **shared) == [{"prompt": "空はなぜ青い？", **sides}]
    assert rows("reward", *given, **shared) == [{"prompt": "空はなぜ青い？", **sides, "margin": 0.0}]
    assert rows("kto", *given, **shared) == [{"prompt": "空はなぜ青い？", "completion": " Answer 1", "label": True}]
    (asked,) = rows("prompts", *given, **shared)
    # A reference is no continuation of the prompt: it is what a reward function compares with.
    assert asked == {"prompt": "空はなぜ青い？", "reference": "散乱。", "reference_source": "written"}


def test_plain_text_has_the_documents_too() -> None:
    (row,) = rows("sft", written("The moon."), policies=AS_TEXT, context=({"title": "Tides", "text": "It pulls."},))
    assert row == {"text": "Tides\nIt pulls.\n\nWhy? The moon."}


@pytest.mark.parametrize("messages", [TALK, TOOLS, TALK[:2], [{"role": "user", "content": "Why?", "name": "Ann"}]])
def test_plain_text_invents_no_template(messages: list[dict[str, Any]]) -> None:
    shared: dict[str, Any] = {"policies": AS_TEXT, "messages": messages}
    assert left_out("prompt-completion", written("One."), written("Two."), **shared) == {"not_standard": 2}
    assert left_out("kto", rated(a=1, b=0), **shared) == {"not_standard": 2}
    assert left_out("prompts", **shared) == {"not_standard": 1}


# --- prompts ---------------------------------------------------------------------------------------------------------


def reference(*annotations: Annotation, responses: Responses = Responses.ANY) -> tuple[str, str]:
    (row,) = rows("prompts", *annotations, policies=Policies(responses=responses))
    return row["reference"], row["reference_source"]


def test_a_prompt_has_a_reference_where_there_is_one_and_text_in_any_case() -> None:
    assert reference() == ("", "")
    assert reference(written("Mine."), written("Another."), ranked("b a")) == ("Mine.", "written")
    assert reference(edited("Better.", of="b")) == ("Better.", "edited")
    assert reference(ranked("b a")) == ("Answer 2", "ranked_best")
    assert reference(ranked("ab")) == ("", "")
    assert reference(written("Mine."), ranked("b a"), responses=Responses.BEST) == ("Answer 2", "ranked_best")
    assert reference(ranked("b a"), responses=Responses.HUMAN) == ("", "")


def test_a_prompt_without_a_reference_is_not_left_out() -> None:
    removed = Removed()
    assert len(rows("prompts", ranked("ab"), removed=removed)) == 1
    assert removed.as_dict() == {}


# --- Hosted APIs -----------------------------------------------------------------------------------------------------


def test_openai_gets_nothing_but_its_own_keys() -> None:
    (row,) = FORMATS["openai-sft"].rows(example(written("Because."), messages=TALK), Policies(), Removed())
    assert row == {"messages": [*TALK, {"role": "assistant", "content": "Because."}]}
    (row,) = FORMATS["openai-preference"].rows(example(ranked("b a"), messages=TALK), Policies(), Removed())
    assert row == {
        "input": {"messages": TALK},
        "preferred_output": [{"role": "assistant", "content": "Answer 2"}],
        "non_preferred_output": [{"role": "assistant", "content": "Answer 1"}],
    }


def test_openai_gets_arguments_as_text_and_an_id_for_every_call() -> None:
    (row,) = rows("openai-sft", written("21 degrees."), messages=TOOLS)
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    assert row["messages"] == [
        TOOLS[0],
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "21", "name": "f", "tool_call_id": "call_1"},
        {"role": "assistant", "content": "21 degrees."},
    ]


def test_openai_keeps_ids_and_text_that_are_there() -> None:
    calls = [
        {"id": "x", "type": "function", "function": {"name": "f", "arguments": '{"x":"青"}'}},
        {"id": "y", "type": "function", "function": {"name": "g"}},
    ]
    results = [{"role": "tool", "content": content, "tool_call_id": content} for content in ("y", "x")]
    messages = [TOOLS[0], {"role": "assistant", "content": "I look.", "tool_calls": calls}, *results]
    (row,) = rows("openai-preference", ranked("a b"), messages=messages)
    told = row["input"]["messages"]
    assert [(call["id"], call["function"]["arguments"]) for call in told[1]["tool_calls"]] == [
        ("x", '{"x":"青"}'),
        ("y", "{}"),
    ]
    assert told[2:] == results


def test_openai_takes_ids_from_results_where_calls_have_none() -> None:
    calls = [CALL, CALL | {"id": "x"}, CALL, CALL]
    results = [TOOLS[2] | named for named in ({"tool_call_id": "z"}, {}, {"tool_call_id": "x"}, {})]
    again = [TALK[3], {"role": "assistant", "content": "", "tool_calls": [CALL]}, TOOLS[2]]
    turn = {"role": "assistant", "content": "", "tool_calls": calls}
    messages = [TOOLS[0], turn, *results, {"role": "assistant", "content": "So."}, *again]
    (row,) = rows("openai-sft", written("21."), messages=messages)
    ids = [[call["id"] for call in message.get("tool_calls", [])] for message in row["messages"]]
    assert ids[1] == ["z", "x", "call_1", "call_2"]
    assert ids[-3] == ["call_3"]
    answered_ids = [message["tool_call_id"] for message in row["messages"] if message["role"] == "tool"]
    assert answered_ids == ["z", "call_1", "x", "call_2", "call_3"]


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "assistant", "content": "Hm."}, {"role": "tool", "content": "A result without a call."}],
        [{"role": "assistant", "content": "", "tool_calls": [CALL, CALL]}, {"role": "tool", "content": "One of two."}],
        [{"role": "assistant", "content": "", "tool_calls": [CALL]}, {"role": "user", "content": "Never mind."}],
        [{"role": "assistant", "content": "", "tool_calls": [CALL | {"id": "x"}]}, TOOLS[2] | {"tool_call_id": "y"}],
        [{"role": "assistant", "content": "", "tool_calls": ["f(x=1)"]}, {"role": "tool", "content": "1"}],
        [{"role": "assistant", "content": "", "tool_calls": [CALL | {"id": "x"}] * 2}, TOOLS[2], TOOLS[2]],
    ],
)
def test_calls_that_openai_refuses_are_left_out_and_counted(turns: list[dict[str, Any]]) -> None:
    messages = [TOOLS[0], *turns]
    assert left_out("openai-sft", written("One."), written("Two."), messages=messages) == {"unfit_turns": 2}
    assert left_out("openai-preference", ranked("a b"), messages=messages) == {"unfit_turns": 1}


# --- Alpaca, ShareGPT, LLaMA-Factory ---------------------------------------------------------------------------------


def test_alpaca_puts_earlier_turns_into_the_history() -> None:
    assert rows("alpaca", written("Because."), messages=TALK) == [
        {
            "instruction": "Why?",
            "input": "",
            "output": "Because.",
            "system": "Be brief.",
            "history": [["Hello", "Hi."]],
        }
    ]
    (row,) = rows("alpaca", written("散乱。"), messages=JAPANESE, context=({"text": "Document"},))
    assert row == {
        "instruction": "Document\n\n空はなぜ青い？\n",
        "input": "",
        "output": "散乱。",
        "system": "",
        "history": [],
    }


def test_alpaca_has_no_place_for_tools() -> None:
    assert left_out("alpaca", written("21."), written("22."), messages=TOOLS) == {"unfit_turns": 2}


def test_sharegpt_is_turns_with_the_system_text_beside_them() -> None:
    assert rows("sharegpt", written("Because."), messages=TALK) == [
        {
            "conversations": [
                {"from": "human", "value": "Hello"},
                {"from": "gpt", "value": "Hi."},
                {"from": "human", "value": "Why?"},
                {"from": "gpt", "value": "Because."},
            ],
            "system": "Be brief.",
        }
    ]


def test_sharegpt_has_calls_as_json_and_results_as_observations() -> None:
    (row,) = rows("sharegpt", written("21."), messages=TOOLS)
    assert [turn["from"] for turn in row["conversations"]] == ["human", "function_call", "observation", "gpt"]
    assert json.loads(row["conversations"][1]["value"]) == {"name": "f", "arguments": {"x": 1}}
    as_text = {"type": "function", "function": {"name": "g", "arguments": '{"y": "青"}'}}
    several = [TOOLS[0], {"role": "assistant", "content": " ", "tool_calls": [CALL, as_text]}, TOOLS[2]]
    (row,) = rows("sharegpt", written("21."), messages=several)
    assert json.loads(row["conversations"][1]["value"]) == [
        {"name": "f", "arguments": {"x": 1}},
        {"name": "g", "arguments": {"y": "青"}},
    ]


BROKEN = [
    [TOOLS[0], TOOLS[1], TOOLS[2], TOOLS[2]],
    [TOOLS[0], {"role": "assistant", "content": "Words beside a call.", "tool_calls": [CALL]}, TOOLS[2]],
    [TOOLS[0], {"role": "assistant", "content": "", "tool_calls": [{"name": "f"}]}, TOOLS[2]],
    [TOOLS[0], TOOLS[1], TOOLS[2], TALK[1]],
]


@pytest.mark.parametrize("messages", BROKEN)
def test_turns_that_llama_factory_skips_are_left_out_and_counted(messages: list[dict[str, Any]]) -> None:
    for name in ("sharegpt", "llama-factory", "alpaca"):
        assert left_out(name, written("One."), written("Two."), messages=messages) == {"unfit_turns": 2}
    assert left_out("llama-factory-preference", ranked("a b"), messages=messages) == {"unfit_turns": 1}
    assert left_out("llama-factory-kto", rated(a=1, b=0), messages=messages) == {"unfit_turns": 2}


def test_llama_factory_has_messages_in_its_own_roles() -> None:
    (row,) = rows("llama-factory", written("Because."), messages=TALK)
    assert row == {"messages": [*TALK, {"role": "assistant", "content": "Because."}]}
    reasoning = [{"role": "developer", "content": "Be brief."}, *TALK[1:]]
    assert rows("llama-factory", written("Because."), messages=reasoning) == [row]
    (row,) = rows("llama-factory", written("21."), messages=TOOLS)
    assert [list(message.values()) for message in row["messages"]] == [
        ["user", "How warm is it?"],
        ["function_call", '{"name": "f", "arguments": {"x": 1}}'],
        ["observation", "21"],
        ["assistant", "21."],
    ]


def test_llama_factory_has_one_message_a_side_and_a_label_for_the_last() -> None:
    (row,) = rows("llama-factory-preference", ranked("b a"))
    assert row == {
        "messages": [{"role": "user", "content": "Why?"}],
        "chosen": {"role": "assistant", "content": "Answer 2"},
        "rejected": {"role": "assistant", "content": "Answer 1"},
    }
    found = rows("llama-factory-kto", rated(a=1, b=0))
    assert [(row["messages"][-1]["content"], row["label"]) for row in found] == [
        ("Answer 1", True),
        ("Answer 2", False),
    ]
    assert FORMATS["llama-factory-kto"].apart


@pytest.mark.parametrize("name", ["llama-factory", "llama-factory-preference", "llama-factory-kto"])
def test_every_row_passes_what_llama_factory_asks_of_it(name: str) -> None:
    """The conditions of its converter for messages, by the words that stand beside the data."""
    (entry,) = json.loads(FORMATS[name].beside({"": ["x.jsonl"]})["dataset_info.json"]).values()
    tags, columns = entry["tags"], entry["columns"]
    places = ((tags["user_tag"], tags["observation_tag"]), (tags["assistant_tag"], tags["function_tag"]))
    for made in plenty():
        for row in FORMATS[name].rows(made, Policies(), Removed()):
            turns = row[columns["messages"]]
            turns = turns[1:] if turns[0][tags["role_tag"]] == tags["system_tag"] else turns
            assert all(turn[tags["role_tag"]] in places[number % 2] for number, turn in enumerate(turns))
            assert len(turns) % 2 == int(entry.get("ranking", False))
            if entry.get("ranking"):
                assert {row[columns[side]][tags["role_tag"]] for side in ("chosen", "rejected")} == {"assistant"}
            if "kto_tag" in columns:
                assert isinstance(row[columns["kto_tag"]], bool)


# --- axolotl and NeMo-RL ---------------------------------------------------------------------------------------------


def test_axolotl_has_a_system_text_on_every_row() -> None:
    sides = {"chosen": "Answer 2", "rejected": "Answer 1"}
    assert rows("axolotl-bradley-terry", ranked("b a")) == [{"system": "", "input": "Why?", **sides}]
    asked = [TALK[0], TALK[3]]
    assert rows("axolotl-bradley-terry", ranked("b a"), messages=asked) == [
        {"system": "Be brief.", "input": "Why?", **sides}
    ]
    assert left_out("axolotl-bradley-terry", ranked("b a"), messages=TALK) == {"unfit_turns": 1}


def test_nemo_gets_exactly_two_with_the_better_first() -> None:
    found = rows("nemo-ranking", ranked("b ac d"), policies=Policies(pairs=Pairs.ALL), messages=TALK)
    assert len(found) == 5, "the tie of a and c is none"
    for row in found:
        assert row["context"] == TALK
        assert [one["rank"] for one in row["completions"]] == [0, 1]
    assert found[0]["completions"] == [
        {"rank": 0, "completion": [{"role": "assistant", "content": "Answer 2"}]},
        {"rank": 1, "completion": [{"role": "assistant", "content": "Answer 4"}]},
    ]


# --- Settings --------------------------------------------------------------------------------------------------------


def test_lengths_hold_for_every_format_of_responses() -> None:
    given = (marked(a=[mark(0, 3)], b=[]), scored(a=[1, 1], b=[2, 2]), compared("a"))
    longer = Policies(min_characters=9)
    for kind in ("helpsteer", "spans", "stepwise", "oasst"):
        removed = Removed()
        found = rows(kind, *given, texts=["Short", "Long enough"], policies=longer, removed=removed)
        assert "Short" not in json.dumps(found)
        assert "Long enough" in json.dumps(found)
        assert removed.as_dict()["length"] == 1
    assert left_out("helpsteer-preference", *given, texts=["Short", "Long enough"], policies=longer) == {"length": 1}


def test_rows_that_too_few_judged_are_left_out_of_every_format_of_judgements() -> None:
    three = Policies(min_raters=3)
    assert left_out("helpsteer", scored(a=[1, 1]), scored(a=[2, 1]), policies=three) == {"few_raters": 1}
    assert left_out("stepwise", marked(a=[]), marked(a=[]), policies=three) == {"few_raters": 1}
    assert left_out("helpsteer-preference", compared("a", 3), policies=three) == {"few_raters": 1}
    divided = (compared("a", 3), compared("a", 3), compared("b", 1))
    assert len(rows("helpsteer-preference", *divided, policies=Policies(min_agreement=0.66))) == 1
    assert left_out("helpsteer-preference", *divided, policies=Policies(min_agreement=0.67)) == {"low_agreement": 1}
    assert left_out("helpsteer-preference", *divided, policies=Policies(min_strength=0.9)) == {"weak": 1}
    assert len(rows("helpsteer-preference", *divided, policies=Policies(min_strength=0.6))) == 1
    # Whoever had one degree alone was not asked how much.
    plainly, strong = compared("a", form=COMPARE_PLAINLY), Policies(min_strength=0.9)
    assert len(rows("helpsteer-preference", plainly, plainly, compared("b", 1), policies=strong)) == 1
    assert len(rows("helpsteer-preference", plainly, compared("a", 4), policies=strong)) == 1
    assert left_out("helpsteer-preference", plainly, compared("a", 3), policies=strong) == {"weak": 1}


def test_ratings_are_put_together_as_asked() -> None:
    given = [scored(a=[number, 1]) for number in (0, 4, 4, 4)]
    (closest,) = rows("helpsteer", *given)
    (mean,) = rows("helpsteer", *given, policies=Policies(ratings=Ratings.MEAN))
    assert (closest["helpfulness"], mean["helpfulness"]) == (4.0, 3.0)


# --- Ratings ---------------------------------------------------------------------------------------------------------


def test_helpsteer_has_the_mean_of_the_raters_for_each_attribute() -> None:
    raters = (scored(a=[4, 1], b=[0, 2]), scored(a=[3, 1]))
    assert rows("helpsteer", *raters) == [
        {"prompt": "Why?", "response": "Answer 1", "helpfulness": 3.5, "verbosity": 1.0},
        {"prompt": "Why?", "response": "Answer 2", "helpfulness": 0.0, "verbosity": 2.0},
    ]
    assert [(known["candidate_id"], known["n_raters"]) for known in metadata("helpsteer", *raters)] == [
        ("1", 2),
        ("2", 1),
    ]
    (row, _) = rows("helpsteer", *raters)
    assert type(row["verbosity"]) is float, "also where the mean is whole"


def test_helpsteer_leaves_out_what_was_not_rated_on_every_column() -> None:
    optional = form(*({**question, "required": False} for question in ATTRIBUTES.questions))
    half = scored(a=[4, 1], form=optional)
    del half.answers["verbosity"]  # type: ignore[attr-defined]
    assert left_out("helpsteer", half) == {"unrated": 1}
    # Thumbs in another queue are other columns: the queue that asks the most decides.
    removed = Removed()
    (row,) = rows("helpsteer", scored(a=[4, 1]), rated(a=1, b=0), removed=removed)
    assert row["response"] == "Answer 1"
    assert "thumbs" not in row
    assert removed.as_dict() == {"unrated": 1, "other_rating": 1}


def test_a_rating_on_another_scale_has_no_part_in_the_mean() -> None:
    wider = form(*({**question, "max": 9} for question in ATTRIBUTES.questions))
    (row,) = rows("helpsteer", scored(a=[9, 9], form=wider), scored(a=[4, 2]))
    assert (row["helpfulness"], row["verbosity"]) == (4.0, 2.0)


def test_a_question_with_a_trainers_word_for_a_name_has_another_column() -> None:
    asked = form({"name": "label", "type": "rate"}, {"name": "labels", "type": "rate"})
    (row,) = rows("helpsteer", scored(a=[5, 1], form=asked))
    assert row == {"prompt": "Why?", "response": "Answer 1", "rating_label": 5.0, "rating_labels": 1.0}


def test_two_questions_never_share_a_column() -> None:
    names = ("label", "rating_label", "text")
    asked = form(*({"name": name, "type": "rate"} for name in names))
    (row,) = rows("helpsteer", scored(a=[5, 1, 2], form=asked))
    assert row == {
        "prompt": "Why?",
        "response": "Answer 1",
        "rating_rating_label": 5.0,
        "rating_label": 1.0,
        "rating_text": 2.0,
    }


def test_ratings_by_the_same_questions_count_together_whatever_the_queue() -> None:
    given = (scored(a=[4, 1], b=[2, 2]), scored(a=[2, 1], c=[1, 0], queue="again"), liked(a=3))
    removed = Removed()
    found = rows("helpsteer", *given, removed=removed)
    assert [(row["response"], row["helpfulness"], row["verbosity"]) for row in found] == [
        ("Answer 1", 3.0, 1.0),
        ("Answer 2", 2.0, 2.0),
        ("Answer 3", 1.0, 0.0),
    ]
    # What is rated by another question is in no column, and that is told.
    assert removed.as_dict() == {"other_rating": 1}
    known = metadata("helpsteer", *given)
    assert [(one["queue"], one["n_raters"]) for one in known] == [
        ("helpsteer+again", 2),
        ("helpsteer", 1),
        ("again", 1),
    ]


@pytest.mark.parametrize(
    ("numbers", "agreement"), [((4,), 1.0), ((4, 4), 1.0), ((4, 3), 0.75), ((4, 0), 0.0), ((0, 2, 4), 1 / 3)]
)
def test_raters_of_a_scale_agree_as_far_as_they_are_near(numbers: tuple[int, ...], agreement: float) -> None:
    given = [scored(a=[number, 1]) for number in numbers]
    (known,) = metadata("helpsteer", *given)
    assert known["agreement"] == pytest.approx(agreement)
    assert type(known["agreement"]) is float
    assert rows("helpsteer", *given, policies=Policies(min_agreement=agreement - 0.01))
    if agreement < 1:
        policies = Policies(min_agreement=agreement + 0.01)
        assert left_out("helpsteer", *given, policies=policies) == {"low_agreement": 1}


def test_helpsteer_holds_one_plain_text_a_side() -> None:
    assert left_out("helpsteer", scored(a=[1, 1]), messages=TALK) == {"not_standard": 1}
    assert left_out("helpsteer", scored(a=[1, 1]), texts=[" "]) == {"empty_text": 1}


def test_a_comparison_is_a_number_below_zero_for_the_first() -> None:
    (row,) = rows("helpsteer-preference", compared("a", 3), compared("b", 1), compared(), messages=TALK)
    better = 1 if row["response1"] == "Answer 1" else -1
    assert row["context"] == TALK
    assert {row["response1"], row["response2"]} == {"Answer 1", "Answer 2"}
    assert row["overall_preference"] == pytest.approx(-better * 2 / 3)
    assert [one["score"] for one in row["individual_preference"]] == [-3 * better, better, 0]
    (known,) = metadata("helpsteer-preference", compared("a", 3), compared("b", 1))
    assert (known["n_raters"], known["strength_max"]) == (2, 4)
    plainly = rows("helpsteer-preference", compared("b", form=COMPARE_PLAINLY))
    assert abs(plainly[0]["overall_preference"]) == 1.0


def test_a_comparison_has_the_reasons_that_people_gave() -> None:
    why = [{"name": name, "type": "comment", "required": False} for name in ("why", "more")]
    asked = form({"name": "preference", "type": "compare"}, *why)
    said = {
        "preference": {"preferred": "a", "strength": 1},
        "why": {"text": " 短い。 "},
        "more": {"text": "And so on."},
    }
    given = [answered(asked, said, shown="ab"), answered(asked, {"preference": said["preference"]}, shown="ab")]
    (row,) = rows("helpsteer-preference", *given)
    assert [one["reasoning"] for one in row["individual_preference"]] == ["短い。\nAnd so on.", ""]


def test_a_comparison_without_a_better_one_is_no_row() -> None:
    assert left_out("helpsteer-preference", compared()) == {"no_preference": 1}
    assert left_out("helpsteer-preference", compared("a", 2), compared("b", 2)) == {"no_preference": 1}
    assert left_out("helpsteer-preference", compared("a"), texts=["Yes.", "Yes. "]) == {"same_text": 1}
    assert left_out("helpsteer-preference", compared("a"), texts=["Yes.", " "]) == {"empty_text": 1}
    other = compared("b", queue="other")
    assert left_out("helpsteer-preference", compared("a"), other) == {"contradiction": 2}


# --- Steps and marks -------------------------------------------------------------------------------------------------

SOLUTION = "  First, 1 + 1 = 2.\n\n  Then 2 + 2 = 5.\r\nSo 青 = 5.  "


def labelled(*annotations: Annotation, texts: Sequence[str] = (SOLUTION,), **fields: Any) -> list[list[bool]]:
    return [row["labels"] for row in rows("stepwise", *annotations, texts=texts, **fields)]


def test_a_step_is_a_line_that_is_not_blank() -> None:
    found = steps(SOLUTION)
    assert [step.text for step in found] == ["First, 1 + 1 = 2.", "  Then 2 + 2 = 5.", "So 青 = 5."]
    for step in found:
        assert SOLUTION[step.start : step.end] == step.text


def test_a_step_is_good_unless_a_mark_touches_it() -> None:
    at = SOLUTION.index("= 5")
    (row,) = rows("stepwise", marked(a=[mark(at, at + 3)]), texts=[SOLUTION])
    assert row == {
        "prompt": "Why?",
        "completions": ["First, 1 + 1 = 2.", "  Then 2 + 2 = 5.", "So 青 = 5."],
        "labels": [True, False, True],
    }
    assert labelled(marked(a=[])) == [[True, True, True]]
    assert labelled(marked(a=[mark(0, len(SOLUTION))])) == [[False, False, False]]
    first_end = SOLUTION.index("\n")
    assert labelled(marked(a=[mark(first_end, first_end + 2)])) == [[True, True, True]], "a blank line is no step"


@pytest.mark.parametrize("praise", ["Good", "good ", "CORRECT", "Supported"])
def test_praise_is_no_fault(praise: str) -> None:
    asked = form(name="errors", type="spans", labels=[praise, "Wrong"])
    assert labelled(marked(a=[mark(0, 9, praise.strip())], form=asked)) == [[True, True, True]]
    assert labelled(marked(a=[mark(0, 9, "Wrong")], form=asked)) == [[False, True, True]]


def test_more_than_half_of_the_raters_decide_about_a_step() -> None:
    bad, fine = marked(a=[mark(0, 9)]), marked(a=[])
    assert labelled(bad, bad, fine) == [[False, True, True]]
    assert labelled(bad, fine, fine) == [[True, True, True]]
    assert left_out("stepwise", bad, fine, texts=[SOLUTION]) == {"undecided": 1}
    (known,) = metadata("stepwise", bad, bad, fine, texts=[SOLUTION])
    assert (known["n_raters"], known["questions"]) == (3, "mqm/errors")
    assert known["agreement"] == pytest.approx(2 / 3)


def test_a_step_is_good_where_every_question_finds_it_so() -> None:
    style = marked(a=[mark(0, 3)], queue="style")
    facts = marked(a=[mark(len(SOLUTION) - 5, len(SOLUTION))], queue="facts")
    assert labelled(style, facts) == [[False, True, False]]


def test_a_question_that_was_left_out_says_nothing() -> None:
    left = marked(a=[])
    left.answers.clear()  # type: ignore[attr-defined]
    assert rows("stepwise", left) == rows("spans", left) == []


def test_twins_have_the_same_steps_or_none() -> None:
    removed = Removed()
    assert labelled(marked(a=[], b=[]), texts=["Yes.", " Yes."], removed=removed) == [[True]]
    assert removed.as_dict() == {"duplicate": 1}
    twins = marked(a=[], b=[mark(0, 2)])
    assert left_out("stepwise", twins, texts=["Yes.", " Yes."]) == {"contradiction": 2}


def test_steps_answer_one_plain_text() -> None:
    assert left_out("stepwise", marked(a=[]), messages=TALK) == {"not_standard": 1}
    assert left_out("stepwise", marked(a=[]), texts=[" \n "]) == {"empty_text": 1}


def test_spans_are_every_persons_own_with_text_and_sources() -> None:
    text = " 👩‍🚀は空。 "
    context = ({"id": "d", "title": "T", "text": "青い", "url": "https://example.org/"}, {"text": "Second."})
    found = rows(
        "spans",
        marked(a=[mark(4, 6, "Major", comment="違う"), mark(1, 4)], b=[]),
        marked(a=[]),
        texts=[text],
        context=context,
    )
    assert found[0] == {
        "prompt": [{"role": "user", "content": "Why?"}],
        "response": text,
        "spans": [
            {"start": 4, "end": 6, "label": "Major", "text": text[4:6], "comment": "違う"},
            {"start": 1, "end": 4, "label": "Minor", "text": "👩‍🚀", "comment": ""},
        ],
        "sources": [
            {"id": "d", "title": "T", "text": "青い", "url": "https://example.org/"},
            {"id": "", "title": "", "text": "Second.", "url": ""},
        ],
    }
    assert [(row["response"], row["spans"]) for row in found[1:]] == [("Answer 2", []), (text, [])]


# --- What was written can be read again ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alpaca", "sharegpt", "oasst"])
def test_what_another_platform_reads_this_one_reads_too(name: str) -> None:
    asked = [JAPANESE, TALK[1:], TALK if name != "oasst" else JAPANESE]
    made = [example(written("散乱。"), messages=messages, id=number) for number, messages in enumerate(asked)]
    data = b"".join(encode(row) for one in made for row in FORMATS[name].rows(one, Policies(), Removed()))
    lines: list[Any] = list(SOURCES[name](BytesIO(data)))
    by_prompt = {json.dumps(line.messages): line for line in lines}
    for one in made:
        line = by_prompt[json.dumps(list(one.prompt.messages))]
        assert [candidate["text"] for candidate in line.candidates] == ["散乱。"]


def test_only_messages_with_more_than_a_text_are_warned_of() -> None:
    told = {}
    for name, kind in FORMATS.items():
        watch = Watch()
        for made in plenty():
            for row in kind.rows(made, Policies(), Removed()):
                watch.see(row, encode(row), before=0)
        told[name] = any("tool calls" in warning for warning in watch.warnings())
    without = {"alpaca", "sharegpt", "axolotl-bradley-terry", "helpsteer", "stepwise", "spans", "oasst"}
    without |= {name for name in FORMATS if name.startswith("llama-factory")}
    assert told == {name: name not in without for name in FORMATS}


def test_an_answer_that_is_a_date_is_told_in_every_shape() -> None:
    for name in ("alpaca", "sharegpt", "openai-sft", "llama-factory"):
        watch = Watch()
        (row,) = FORMATS[name].rows(example(written("2024-01-01")), Policies(), Removed())
        watch.see(row, encode(row), before=0)
        assert (name == "alpaca") is any("is a date" in warning for warning in watch.warnings())
