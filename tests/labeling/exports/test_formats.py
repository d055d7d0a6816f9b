"""What a row of each format looks like. What all of them keep to is in `test_table`, other shapes in `test_shapes`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from labeling.errors import Invalid
from labeling.exports.formats import FORMATS, get_format
from labeling.exports.policies import Edits, Pairs, Policies, Responses
from labeling.exports.records import Annotation, Form, Row
from labeling.exports.removed import Removed
from tests.labeling.exports.pure import (
    COMPARE,
    NEW_PROMPT,
    REMARK,
    WRITE,
    answered,
    choice,
    compared,
    compared_and_edited,
    edited,
    example,
    form,
    ranked,
    rated,
    written,
)

EVERY_PAIR = Policies(pairs=Pairs.ALL)


def rows(
    kind: str, *annotations: Annotation, policies: Policies | None = None, removed: Removed | None = None, **fields: Any
) -> list[Row]:
    found = example(*annotations, **fields)
    return list(FORMATS[kind].rows(found, policies or Policies(), removed or Removed()))


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(Invalid) as refused:
        get_format("parquet")
    for name in FORMATS:
        assert name in refused.value.detail


# --- sft and prompt-completion ---------------------------------------------------------------------------------------


def test_sft_ends_the_conversation_with_what_was_written() -> None:
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    (row,) = rows("sft", written("  Because.\n"), messages=talk, external_id="q1")
    assert row["messages"] == [*talk, {"role": "assistant", "content": "Because."}]
    assert row["metadata"]["source"] == "written"
    assert row["metadata"]["external_id"] == "q1"
    assert row["metadata"]["prompt_id"] == "5"


def test_sft_gives_every_written_response_a_row() -> None:
    found = rows("sft", written("One."), written("Two."))
    assert [row["messages"][-1]["content"] for row in found] == ["One.", "Two."]


def test_sft_takes_the_best_candidate_where_nothing_was_written() -> None:
    (row,) = rows("sft", ranked("b a c"))
    assert row["messages"][-1] == {"role": "assistant", "content": "Answer 2"}
    assert row["metadata"]["source"] == "ranked_best"
    assert (row["metadata"]["candidate_id"], row["metadata"]["model"]) == ("2", "m2")


def test_what_people_wrote_comes_before_what_they_ranked() -> None:
    (row,) = rows("sft", ranked("b a"), written("Mine."))
    assert row["messages"][-1]["content"] == "Mine."


def test_responses_says_which_kind_is_wanted() -> None:
    both = (ranked("b a"), written("Mine."))
    human, best = Policies(responses=Responses.HUMAN), Policies(responses=Responses.BEST)
    assert [row["messages"][-1]["content"] for row in rows("sft", *both, policies=human)] == ["Mine."]
    assert [row["messages"][-1]["content"] for row in rows("sft", *both, policies=best)] == ["Answer 2"]
    removed = Removed()
    assert rows("sft", ranked("b a"), policies=human, removed=removed) == []
    assert rows("sft", written("Mine."), policies=best, removed=removed) == []
    assert removed.as_dict() == {"no_response": 2}


def test_a_tie_for_the_best_is_no_best() -> None:
    removed = Removed()
    assert rows("sft", ranked("ab c"), removed=removed) == []
    assert removed.as_dict() == {"no_single_best": 1}


def test_queues_that_disagree_on_the_best_give_none() -> None:
    removed = Removed()
    assert rows("sft", ranked("a b", queue="one"), ranked("b a", queue="two"), removed=removed) == []
    assert removed.as_dict() == {"no_single_best": 1}


def test_the_best_of_the_bad_is_not_taught() -> None:
    removed = Removed()
    assert rows("sft", ranked("a b", line=0), removed=removed) == []
    assert removed.as_dict() == {"not_acceptable": 1}
    assert len(rows("sft", ranked("a b", line=1))) == 1


def test_the_line_of_acceptability_is_put_to_the_vote() -> None:
    assert rows("sft", ranked("a b", line=1), ranked("a b", line=0)) == []
    assert len(rows("sft", ranked("a b", line=1), ranked("a b", line=0), ranked("a b", line=2))) == 1


def test_an_optional_remark_is_no_demonstration() -> None:
    removed = Removed()
    assert rows("sft", written("Nice prompt!", form=REMARK), removed=removed) == []
    assert removed.as_dict() == {"no_response": 1}


def test_a_corrected_version_replaces_the_one_before() -> None:
    found = rows("sft", written("Frist.", latest=False), written("First."))
    assert [row["messages"][-1]["content"] for row in found] == ["First."]


def test_a_blank_response_is_left_out_and_counted() -> None:
    removed = Removed()
    assert rows("sft", written(" \n "), removed=removed) == []
    assert removed.as_dict()["empty_text"] == 1


def test_context_documents_stand_before_the_question() -> None:
    context = ({"title": "Tides", "text": "The moon pulls."}, {"text": "So does the sun."})
    (row,) = rows("sft", written("The moon."), context=context)
    assert row["messages"][0]["content"] == "Tides\nThe moon pulls.\n\nSo does the sun.\n\nWhy?"


def test_tool_calls_are_kept_with_their_keys_in_a_fixed_order() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
    messages = [
        {"role": "user", "content": "How warm?"},
        {"tool_calls": [call], "content": "", "role": "assistant"},
        {"tool_call_id": "1", "name": "f", "content": "21", "role": "tool"},
    ]
    (row,) = rows("sft", written("21 degrees."), messages=messages)
    assert [list(message) for message in row["messages"]] == [
        ["role", "content"],
        ["role", "content", "tool_calls"],
        ["role", "content", "name", "tool_call_id"],
        ["role", "content"],
    ]
    assert row["messages"][1]["tool_calls"] == [call]


def test_prompt_completion_keeps_the_response_apart() -> None:
    (row,) = rows("prompt-completion", written("Because."))
    assert row["prompt"] == [{"role": "user", "content": "Why?"}]
    assert row["completion"] == [{"role": "assistant", "content": "Because."}]


# --- preference and reward -------------------------------------------------------------------------------------------


def test_preference_never_repeats_the_prompt_in_its_sides() -> None:
    (row,) = rows("preference", ranked("b a c"))
    assert row["prompt"] == [{"role": "user", "content": "Why?"}]
    assert row["chosen"] == [{"role": "assistant", "content": "Answer 2"}]
    assert row["rejected"] == [{"role": "assistant", "content": "Answer 3"}]
    assert (row["metadata"]["chosen_model"], row["metadata"]["rejected_model"]) == ("m2", "m3")


def test_reward_has_the_prompt_in_both_sides() -> None:
    (row,) = rows("reward", ranked("b a"))
    assert row["chosen"] == [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Answer 2"}]
    assert row["rejected"] == [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Answer 1"}]


def test_sides_that_read_the_same_are_no_pair() -> None:
    removed = Removed()
    assert rows("preference", ranked("a b"), texts=["Yes.", " Yes.\n"], removed=removed) == []
    assert removed.as_dict() == {"same_text": 1}


def test_an_empty_side_is_no_pair() -> None:
    removed = Removed()
    assert rows("preference", ranked("a b"), texts=["Yes.", " "], removed=removed) == []
    assert removed.as_dict() == {"empty_text": 1}


def test_queues_that_contradict_each_other_give_no_pair() -> None:
    removed = Removed()
    raters = (ranked("a b", queue="one"), ranked("b a", queue="two"))
    assert rows("preference", *raters, removed=removed) == []
    assert removed.as_dict() == {"contradiction": 2}


def test_twins_that_contradict_each_other_give_no_pair() -> None:
    removed = Removed()
    found = rows("preference", ranked("a b c"), texts=["Yes.", "No.", "Yes."], policies=EVERY_PAIR, removed=removed)
    assert found == []
    assert removed.as_dict() == {"same_text": 1, "contradiction": 2}


def test_twins_that_agree_give_their_pair_once() -> None:
    removed = Removed()
    found = rows("preference", ranked("ab c"), texts=["Yes.", "Yes.", "No."], policies=EVERY_PAIR, removed=removed)
    assert len(found) == 1
    assert removed.as_dict() == {"duplicate": 1}


def test_every_pair_says_how_many_its_prompt_has() -> None:
    found = rows("preference", ranked("a b c"), policies=EVERY_PAIR)
    assert [row["metadata"]["n_pairs"] for row in found] == [3, 3, 3]


# --- Edits -----------------------------------------------------------------------------------------------------------


def replies(found: list[Row]) -> list[str]:
    return [row["messages"][-1]["content"] for row in found]


def test_an_edited_response_is_a_demonstration() -> None:
    (row,) = rows("sft", edited("  Better than 2.\n", of="b"))
    assert row["messages"][-1] == {"role": "assistant", "content": "Better than 2."}
    known = row["metadata"]
    assert (known["source"], known["candidate_id"], known["model"]) == ("edited", "2", "m2")
    assert (known["question"], known["annotator"]) == ("edited", "person-1")


def test_an_edit_that_changes_nothing_approves_of_the_response() -> None:
    (row,) = rows("sft", edited("Answer 2 ", of="b"))
    assert replies([row]) == ["Answer 2"]
    assert row["metadata"]["source"] == "approved"


def test_a_response_that_several_approve_of_is_taught_once() -> None:
    removed = Removed()
    found = rows("sft", edited("Answer 1"), edited("Answer 1"), edited("Mine."), edited("Mine."), removed=removed)
    # Two people who write the same words made two responses; two who let one stand did not.
    assert replies(found) == ["Answer 1", "Mine.", "Mine."]
    assert removed.as_dict() == {"duplicate": 1}


def test_written_and_edited_responses_stand_together_and_before_the_best() -> None:
    given = (compared("b"), written("Written."), edited("Edited."))
    assert replies(rows("sft", *given)) == ["Written.", "Edited."]
    assert replies(rows("sft", *given, policies=Policies(responses=Responses.HUMAN))) == ["Written.", "Edited."]
    assert replies(rows("sft", *given, policies=Policies(responses=Responses.BEST))) == ["Answer 2"]


def test_an_edit_is_a_pair_over_its_original() -> None:
    (row,) = rows("preference", edited("Better.", of="b"))
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("Better.", "Answer 2")
    known = row["metadata"]
    assert (known["source"], known["chosen_candidate_id"], known["rejected_candidate_id"]) == ("edited", "", "2")
    assert (known["n_raters"], known["votes_chosen"], known["agreement"], known["rank_gap"]) == (1, 1, 1.0, 1.0)
    assert known["annotator"] == "person-1"


def test_ends_of_lines_that_a_field_turned_are_no_edit() -> None:
    removed = Removed()
    texts = ["One\r\ntwo", "Three\r\nfour"]
    assert rows("preference", edited("One\ntwo"), texts=texts, removed=removed) == []
    assert removed.as_dict() == {"same_text": 1}
    (shown,) = rows("sft", edited("One\ntwo"), texts=texts)
    assert shown["metadata"]["source"] == "approved"
    (pair,) = rows("preference", edited("One\ntwo\n3"), texts=texts)
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("One\ntwo\n3", "One\ntwo")
    # Whoever wrote such ends knows of them: they are the response's own.
    (pair,) = rows("preference", edited("1\r\n2"), texts=texts)
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("1\r\n2", "One\r\ntwo")


def test_an_edit_that_changes_nothing_is_no_pair() -> None:
    removed = Removed()
    assert rows("preference", edited(" Answer 1"), removed=removed) == []
    assert removed.as_dict() == {"same_text": 1}


def sides(*annotations: Annotation, edits: Edits, removed: Removed | None = None) -> list[tuple[str, str]]:
    found = rows("preference", *annotations, policies=Policies(edits=edits), removed=removed)
    return [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in found]


def test_edits_says_which_pairs_an_edit_gives() -> None:
    given = compared_and_edited("b", "Edited.", of="b")
    judged, over_original, over_worse = ("Answer 2", "Answer 1"), ("Edited.", "Answer 2"), ("Edited.", "Answer 1")
    assert sides(given, edits=Edits.OVER_ORIGINAL) == [judged, over_original]
    assert sides(given, edits=Edits.OVER_WORSE) == [judged, over_original, over_worse]
    assert sides(given, edits=Edits.ONLY) == [over_original]
    assert sides(given, edits=Edits.NONE) == [judged]


def test_an_edit_of_the_worse_one_says_nothing_of_the_better_one() -> None:
    given = compared_and_edited("b", "Edited.", of="a")
    assert sides(given, edits=Edits.OVER_WORSE) == [("Answer 2", "Answer 1"), ("Edited.", "Answer 1")]


def test_what_was_not_changed_is_above_nothing_by_that() -> None:
    removed = Removed()
    given = compared_and_edited("b", "Answer 2", of="b")
    assert sides(given, edits=Edits.OVER_WORSE, removed=removed) == [("Answer 2", "Answer 1")]
    assert removed.as_dict() == {"same_text": 1}


def test_the_same_edit_by_two_people_is_one_pair() -> None:
    removed = Removed()
    found = rows("preference", edited("Better."), edited("Better."), edited("Best."), removed=removed)
    assert [row["chosen"][0]["content"] for row in found] == ["Better.", "Best."]
    assert [row["metadata"]["n_pairs"] for row in found] == [2, 2]
    assert removed.as_dict() == {"duplicate": 1}


def test_an_edit_into_what_lies_below_teaches_neither() -> None:
    """Somebody prefers b to a, somebody else turns b into the very text of a."""
    removed = Removed()
    assert rows("preference", compared("b"), edited("Answer 1", of="b"), removed=removed) == []
    assert removed.as_dict() == {"contradiction": 2}


# --- Comparisons -----------------------------------------------------------------------------------------------------


def test_the_winner_of_a_comparison_is_taught_where_nothing_was_written() -> None:
    (row,) = rows("sft", compared("b"), compared("b"), compared("a"))
    assert replies([row]) == ["Answer 2"]
    known = row["metadata"]
    assert (known["source"], known["n_raters"], known["agreement"]) == ("compared_best", 3, pytest.approx(2 / 3))


def test_the_better_of_two_bad_ones_is_a_pair_and_no_demonstration() -> None:
    removed = Removed()
    bad = compared("b", 3, both_bad=True)
    assert rows("sft", bad, removed=removed) == []
    assert removed.as_dict() == {"not_acceptable": 1}
    (row,) = rows("preference", bad)
    assert row["chosen"][0]["content"] == "Answer 2"


def test_two_bad_ones_without_a_better_one_are_no_pair() -> None:
    removed = Removed()
    assert rows("preference", compared(both_bad=True), removed=removed) == []
    assert removed.as_dict() == {"no_preference": 1}


def test_whether_both_are_bad_is_put_to_the_vote() -> None:
    bad, fine = compared("b", both_bad=True), compared("b")
    assert len(rows("sft", bad, fine, fine)) == 1
    assert rows("sft", bad, fine) == []


def test_what_one_queue_calls_bad_another_queue_does_not_make_good() -> None:
    removed = Removed()
    assert rows("sft", ranked("b a c"), compared(both_bad=True), removed=removed) == []
    assert removed.as_dict() == {"not_acceptable": 1}


def test_reward_has_a_margin_on_every_row() -> None:
    found = rows("reward", compared("b", 3), ranked("b c", queue="rank"), edited("Edited.", of="b"))
    assert [row["margin"] for row in found] == [0.75, 0.0, 0.0]
    assert {type(row["margin"]) for row in found} == {float}
    assert [row["metadata"]["source"] for row in found] == ["compared", "ranked", "edited"]


# --- What is written where -------------------------------------------------------------------------------------------


def test_a_new_prompt_is_no_demonstration() -> None:
    removed = Removed()
    assert rows("sft", written("Why is grass green?", form=NEW_PROMPT), removed=removed) == []
    assert removed.as_dict() == {"no_response": 1}


def test_a_form_from_before_there_were_modes_asked_for_responses() -> None:
    (question,) = WRITE.questions
    old = Form(1, ({name: value for name, value in question.items() if name != "mode"},))
    assert replies(rows("sft", written("Mine.", form=old))) == ["Mine."]


def test_a_response_that_was_asked_for_under_a_condition_is_a_demonstration() -> None:
    bad_ones = {"question": "preference", "is": ["both_bad"]}
    asked = form(*COMPARE.questions, {"name": "response", "type": "write", "show_if": bad_ones})
    wrote = {"preference": choice(both_bad=True), "response": {"text": "Mine."}}
    found = rows("sft", answered(asked, {"preference": choice("a")}, shown="ab"), answered(asked, wrote, shown="ab"))
    assert replies(found) == ["Mine."]


# --- kto -------------------------------------------------------------------------------------------------------------


def labels(*annotations: Annotation, removed: Removed | None = None, **fields: Any) -> dict[str, bool]:
    found = rows("kto", *annotations, removed=removed, **fields)
    return {row["completion"][0]["content"]: row["label"] for row in found}


def test_kto_takes_thumbs() -> None:
    assert labels(rated(a=1, b=0, c=1)) == {"Answer 1": True, "Answer 2": False, "Answer 3": True}
    (row,) = rows("kto", rated(b=1), rated(b=1), rated(b=0))
    assert row["prompt"] == [{"role": "user", "content": "Why?"}]
    assert row["completion"] == [{"role": "assistant", "content": "Answer 2"}]
    known = row["metadata"]
    assert (known["source"], known["candidate_id"], known["model"]) == ("rated", "2", "m2")
    assert (known["n_raters"], known["votes_good"], known["votes_bad"]) == (3, 2, 1)
    assert known["agreement"] == pytest.approx(2 / 3)


def test_kto_takes_the_line_of_acceptability() -> None:
    assert labels(ranked("b ac d", line=2)) == {
        "Answer 1": True,
        "Answer 2": True,
        "Answer 3": True,
        "Answer 4": False,
    }
    assert labels(ranked("a b", line=0)) == {"Answer 1": False, "Answer 2": False}


def test_kto_takes_two_that_are_both_bad() -> None:
    assert labels(compared(both_bad=True)) == {"Answer 1": False, "Answer 2": False}
    assert labels(compared("a", both_bad=True)) == {"Answer 1": False, "Answer 2": False}


def test_kto_never_takes_the_sides_of_a_pair() -> None:
    removed = Removed()
    assert labels(ranked("a b"), compared("a", 4), edited("Edited."), written("Mine."), removed=removed) == {}
    assert removed.as_dict() == {}


def test_a_scale_of_more_than_two_steps_and_a_rating_of_the_whole_are_no_thumbs() -> None:
    likert = form(name="quality", type="rate", min=1, max=5)
    whole = form(name="quality", type="rate", min=0, max=1, per="task")
    assert labels(answered(likert, {"quality": {"a": 5, "b": 1}}, shown="ab")) == {}
    assert labels(answered(whole, {"quality": {"": 1}}, shown="ab")) == {}


def test_two_steps_may_have_any_numbers() -> None:
    signs = form(name="quality", type="rate", min=-1, max=0)
    assert labels(answered(signs, {"quality": {"a": 0, "b": -1}}, shown="ab")) == {"Answer 1": True, "Answer 2": False}


def test_raters_who_are_divided_give_no_label() -> None:
    removed = Removed()
    assert labels(rated(a=1, b=1), rated(a=0, b=1), removed=removed) == {"Answer 2": True}
    assert removed.as_dict() == {"undecided": 1}


def test_those_who_do_not_call_both_bad_count_against_it() -> None:
    removed = Removed()
    fine, bad = compared("a"), compared("a", both_bad=True)
    assert labels(fine, fine, bad, removed=removed) == {}
    assert removed.as_dict() == {"undecided": 2}
    assert labels(fine, bad, bad) == {"Answer 1": False, "Answer 2": False}


def test_questions_that_agree_give_one_row_and_those_that_contradict_none() -> None:
    removed = Removed()
    assert labels(rated(a=1, b=0), ranked("a b", line=2), removed=removed) == {"Answer 1": True}
    assert removed.as_dict() == {"duplicate": 1, "contradiction": 2}


def test_twins_have_one_label_or_none() -> None:
    removed = Removed()
    texts = ["Yes.", " Yes.", "No.", "No."]
    assert labels(rated(a=1, b=1, c=0, d=1), texts=texts, removed=removed) == {"Yes.": True}
    assert removed.as_dict() == {"duplicate": 1, "contradiction": 2}


def test_an_empty_response_has_no_label() -> None:
    removed = Removed()
    assert labels(rated(a=0, b=1), texts=[" ", "Yes."], removed=removed) == {"Yes.": True}
    assert removed.as_dict() == {"empty_text": 1}


def test_the_order_of_rows_does_not_tell_the_label() -> None:
    places = set()
    for number in range(20):
        made = example(rated(a=1, b=0, c=0), id=number)
        renamed = replace(made, candidates={c.id: replace(c, id=100 * number + c.id) for c in made.candidates.values()})
        found = list(FORMATS["kto"].rows(renamed, Policies(), Removed()))
        places.add([row["label"] for row in found].index(True))
    assert places == {0, 1, 2}


# --- prompts and raw -------------------------------------------------------------------------------------------------


def test_prompts_come_whether_answered_or_not() -> None:
    (row,) = rows("prompts", language="de")
    assert row["prompt"] == [{"role": "user", "content": "Why?"}]
    assert row["metadata"]["language"] == "de"
    assert FORMATS["prompts"].unanswered


def test_responses_beside_the_reference_are_counted() -> None:
    removed = Removed()
    given = example(written("One."), written("Two."), written(" "), edited("Three."))
    (row,) = FORMATS["prompts"].rows(given, Policies(), removed)
    assert row["reference"] == "One."
    assert removed.as_dict() == {"other_reference": 2, "empty_text": 1}
    removed = Removed()
    (row,) = FORMATS["prompts"].rows(example(), Policies(), removed)
    assert (row["reference"], removed.as_dict()) == ("", {})


def test_raw_has_a_row_for_every_version_of_every_annotation() -> None:
    found = rows("raw", written("Frist.", latest=False), written("First."), ranked("a b"))
    assert [row["latest"] for row in found] == [False, True, True]
    assert json.loads(found[1]["answers_json"]) == {"response": {"text": "First."}}
    assert [question["type"] for question in json.loads(found[2]["form_json"])] == ["rank"]


def test_raw_says_which_candidate_each_key_meant_and_where_it_stood() -> None:
    (row,) = rows("raw", ranked("b a"), texts=[" One ", "Two"])
    shown = [(c["key"], c["place"], c["candidate_id"], c["text"], c["model"]) for c in row["candidates"]]
    assert shown == [("a", 0, "1", " One ", "m1"), ("b", 1, "2", "Two", "m2")]


def test_raw_keeps_the_prompt_as_it_was_imported() -> None:
    (row,) = rows("raw", written("x"), context=({"text": "Document"},), metadata='{"k": 1.50}', tags='["t"]')
    assert row["messages"] == [{"role": "user", "content": "Why?"}]
    assert json.loads(row["context_json"]) == [{"text": "Document"}]
    assert (row["prompt_metadata_json"], row["tags_json"]) == ('{"k": 1.50}', '["t"]')


def test_raw_writes_a_time_that_was_not_measured_as_minus_one() -> None:
    (row,) = rows("raw", written("x"))
    assert repr(row["active_seconds"]) == "-1.0"


def test_raw_has_the_answers_of_every_type_with_what_their_keys_mean() -> None:
    asked = form(
        {"name": "preference", "type": "compare", "both_bad": True},
        {"name": "edited", "type": "edit"},
        {"name": "quality", "type": "rate", "min": 0, "max": 4},
        {"name": "flags", "type": "choose", "options": ["Safe", "Unsafe"]},
        {"name": "errors", "type": "spans", "labels": ["Error"]},
        {"name": "mood", "type": "rate", "per": "task"},
    )
    answers = {
        "preference": {"preferred": "b", "strength": 1},
        "edited": {"candidate": "b", "text": "Edited."},
        "quality": {"a": 0, "b": 4},
        "flags": {"a": ["Unsafe"], "b": ["Safe"]},
        "errors": {"a": [{"start": 2, "end": 5, "label": "Error", "comment": "Why?"}], "b": []},
        "mood": {"": 3},
    }
    (row,) = rows("raw", answered(asked, answers, shown="ab"), texts=[" 😀bad ", "Good."])
    assert json.loads(row["answers_json"]) == answers
    assert [question["type"] for question in json.loads(row["form_json"])] == [q["type"] for q in asked.questions]
    by_key = {candidate["key"]: candidate for candidate in row["candidates"]}
    assert {key: candidate["candidate_id"] for key, candidate in by_key.items()} == {"a": "1", "b": "2"}
    # Offsets count code points of the text as it stands here, its white space included.
    (mark,) = json.loads(row["answers_json"])["errors"]["a"]
    assert by_key["a"]["text"][mark["start"] : mark["end"]] == "bad"


def test_raw_leaves_nothing_out() -> None:
    removed = Removed()
    given = (written("", form=REMARK), written("x", form=NEW_PROMPT), compared(), edited("Answer 1"), rated(a=1))
    assert len(rows("raw", *given, removed=removed)) == len(given)
    assert removed.as_dict() == {}
