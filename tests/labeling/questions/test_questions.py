"""Every question type keeps the same contract, and each refuses what does not fit it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import Invalid, InvalidAnswers
from labeling.questions import (
    PRESETS,
    QUESTION_TYPES,
    Config,
    Shown,
    clean_answers,
    clean_form,
    form_candidates,
    preset_form,
)
from labeling.questions.base import MAX_TEXT, QuestionError
from labeling.questions.spans import MAX_COMMENT

FOUR = Shown(candidates={key: f"text {key}" for key in "abcd"})
# An answer that fits each type's default configuration, and one that differs from it as much as can be.
SAMPLES: dict[str, tuple[Any, Any]] = {
    "write": ({"text": "one two"}, {"text": "three four"}),
    "comment": ({"text": "one"}, {"text": "two"}),
    "rank": ({"groups": [["a"], ["b"], ["c"], ["d"]]}, {"groups": [["d"], ["c"], ["b"], ["a"]]}),
    "compare": ({"preferred": "a", "strength": 1}, {"preferred": "d", "strength": 1}),
    "rate": (dict.fromkeys("abcd", 1), dict.fromkeys("abcd", 5)),
    "choose": ({key: ["Yes"] for key in "abcd"}, {key: ["No"] for key in "abcd"}),
    "edit": ({"candidate": "a", "text": "one two"}, {"candidate": "a", "text": "three four"}),
    "spans": (
        {"a": [{"start": 0, "end": 4, "label": "Error"}], "b": [], "c": [], "d": []},
        {"a": [], "b": [{"start": 0, "end": 4, "label": "Error", "comment": "why"}], "c": [], "d": []},
    ),
}
TWO = Shown(candidates={"a": "one", "b": "two"})


@pytest.mark.parametrize("name", QUESTION_TYPES)
def test_every_type_keeps_the_contract(name: str) -> None:
    kind = QUESTION_TYPES[name]
    config = kind.clean_config({})
    assert kind.name == name
    assert kind.title
    assert kind.clean_config(config) == config
    low, high = kind.candidates(config)
    assert 0 <= low <= high
    one, other = (kind.clean_answer(config, answer, FOUR) for answer in SAMPLES[name])
    assert kind.clean_answer(config, one, FOUR) == one
    assert kind.distance(config, one, one) == 0
    assert kind.distance(config, one, other) == kind.distance(config, other, one) == 1
    junk: Any
    for junk in (None, 7, "text", [], {}, {"text": 1}, {"groups": "abcd"}, {"groups": [[["a"]]]}, {"a": {}}, {"": 3}):
        with pytest.raises(QuestionError):
            kind.clean_answer(config, junk, FOUR)
    with pytest.raises(QuestionError) as unknown:
        kind.clean_config({"colour": "red"})
    assert unknown.value.path == "colour"
    for answer in (one, other):
        assert kind.outcome(config, answer) <= set(kind.outcomes(config))


@pytest.mark.parametrize("slug", PRESETS)
def test_every_preset_is_a_form_and_says_where_it_comes_from(slug: str) -> None:
    assert clean_form(preset_form(slug)) == preset_form(slug)
    assert PRESETS[slug].source


@pytest.mark.parametrize("name", QUESTION_TYPES)
def test_a_type_alone_makes_a_form(name: str) -> None:
    assert [question["type"] for question in preset_form(name)] == [name]


def test_a_form_shows_as_many_candidates_as_its_questions_allow() -> None:
    assert form_candidates(preset_form("ranking")) == (2, 9)
    assert form_candidates(preset_form("demonstrations")) == (0, 0)


def test_every_mistake_in_a_form_is_named_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        clean_form([{"name": "A", "type": "write"}, "text", {"name": "b", "type": "x"}, {"name": "c", "type": "rank"}])
    assert [fault.path for fault in refused.value.errors] == ["form[0].name", "form[1]", "form[2].type"]


def test_an_optional_question_may_stay_empty() -> None:
    form = clean_form([{"name": "why", "type": "comment", "required": False}])
    assert clean_answers(form, {}, FOUR) == {}
    assert clean_answers(form, {"why": {"text": "  "}}, FOUR) == {}
    with pytest.raises(InvalidAnswers):
        clean_answers(form, {"why": {"text": 3}}, FOUR)


@pytest.mark.parametrize(
    ("config", "groups", "words"),
    [
        ({}, [["a"], ["b"], ["c"]], "1 response has no place"),
        ({}, [["a"], ["b"], ["c"], ["d"], ["e"]], "not a response"),
        ({}, [["a"], ["b"], ["c"], ["d"], ["a"]], "twice"),
        ({}, [["a"], [], ["b", "c", "d"]], "none of them empty"),
        ({"ties": False}, [["a"], ["b", "c"], ["d"]], "ties are not allowed"),
    ],
)
def test_a_ranking_that_does_not_fit_is_refused_in_words(config: dict[str, Any], groups: Any, words: str) -> None:
    rank = QUESTION_TYPES["rank"]
    with pytest.raises(QuestionError, match=words):
        rank.clean_answer(rank.clean_config(config), {"groups": groups}, FOUR)


def test_a_line_of_acceptability_is_asked_for_only_where_the_form_has_one() -> None:
    rank = QUESTION_TYPES["rank"]
    groups = {"groups": [["a", "b"], ["c"], ["d"]]}
    with_line = rank.clean_config({"acceptable": True})
    assert rank.clean_answer(with_line, groups | {"acceptable": 0}, FOUR)["acceptable"] == 0
    for wrong in (groups, groups | {"acceptable": 4}, groups | {"acceptable": True}):
        with pytest.raises(QuestionError):
            rank.clean_answer(with_line, wrong, FOUR)
    with pytest.raises(QuestionError):
        rank.clean_answer(rank.clean_config({}), groups | {"acceptable": 1}, FOUR)


def test_lengths_are_checked_after_trimming() -> None:
    write = QUESTION_TYPES["write"]
    config = write.clean_config({"min_chars": 3, "max_chars": 5})
    assert write.clean_answer(config, {"text": "  four "}, FOUR) == {"text": "four"}
    for wrong in ("  ab  ", "abcdef", "", "a\x00bc", "\ud83dabc"):
        with pytest.raises(QuestionError):
            write.clean_answer(config, {"text": wrong}, FOUR)


def texts(name: str, text: str) -> Any:
    """An answer to each type that takes texts, with this one in it."""
    return {
        "write": {"text": text},
        "comment": {"text": text},
        "edit": {"candidate": "a", "text": text},
        "spans": {"a": [{"start": 0, "end": 4, "label": "Error", "comment": text}]},
    }[name]


@pytest.mark.parametrize(
    ("name", "most"), [("write", MAX_TEXT), ("comment", MAX_TEXT), ("edit", MAX_TEXT), ("spans", MAX_COMMENT)]
)
def test_a_text_has_a_limit_and_is_told_it(name: str, most: int) -> None:
    kind = QUESTION_TYPES[name]
    config = kind.clean_config({})
    longest = "👍" * most  # characters are counted, not what they take
    assert kind.clean_answer(config, texts(name, longest), FOUR)
    with pytest.raises(QuestionError, match=f"has {most + 1:,} characters; at most {most:,} fit here"):
        kind.clean_answer(config, texts(name, longest + "."), FOUR)
    for wrong, words in (("a\x00b", "NUL"), ("a\ud83d", "half of a character")):
        with pytest.raises(QuestionError, match=words):
            kind.clean_answer(config, texts(name, wrong), FOUR)


rankings = st.permutations("abcd").flatmap(
    lambda order: st.lists(st.booleans(), min_size=3, max_size=3).map(
        lambda cuts: {
            "groups": [
                list(group)
                for group in "".join(
                    key + ("|" if cut else "") for key, cut in zip(order, [*cuts, False], strict=True)
                ).split("|")
            ]
        }
    )
)


@given(rankings, rankings, rankings)
def test_the_distance_of_rankings_is_a_metric(one: Any, two: Any, three: Any) -> None:
    rank = QUESTION_TYPES["rank"]
    config = rank.clean_config({})
    a, b, c = (rank.clean_answer(config, answer, FOUR) for answer in (one, two, three))
    assert 0 <= rank.distance(config, a, b) <= 1
    assert rank.distance(config, a, b) == rank.distance(config, b, a)
    assert (rank.distance(config, a, b) == 0) == (a == b)
    assert rank.distance(config, a, c) <= rank.distance(config, a, b) + rank.distance(config, b, c) + 1e-12


def cleaned(kind: str, config: dict[str, Any], answer: Any, shown: Shown = TWO) -> Any:
    """An answer as a question of this type stores it."""
    return QUESTION_TYPES[kind].clean_answer(QUESTION_TYPES[kind].clean_config(config), answer, shown)


def apart(kind: str, config: dict[str, Any], one: Any, other: Any) -> float:
    """The distance of two answers; that it is the same from both sides is checked on the way."""
    asked = QUESTION_TYPES[kind].clean_config(config)
    distance = QUESTION_TYPES[kind].distance(asked, one, other)
    assert distance == QUESTION_TYPES[kind].distance(asked, other, one)
    return distance


def faults(form: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What is wrong with a form: paths and words."""
    with pytest.raises(Invalid) as refused:
        clean_form(form)
    return [(fault.path, fault.message) for fault in refused.value.errors]


BOTH_BAD = {"name": "better", "type": "compare", "both_bad": True}
WHY = {"name": "why", "type": "comment"}


@pytest.mark.parametrize(
    ("condition", "path", "words"),
    [
        ("better", "show_if", "must be"),
        ({"question": "better"}, "show_if", "must be"),
        ({"question": "better", "is": ["tie"], "not": []}, "show_if", "must be"),
        ({"question": "worse", "is": ["tie"]}, "show_if.question", "There are: better"),
        ({"question": "why", "is": ["answered"]}, "show_if.question", "before this one"),
        ({"question": ["better"], "is": ["tie"]}, "show_if.question", "before this one"),
        ({"question": "better", "is": []}, "show_if.is", "“both_bad”"),
        ({"question": "better", "is": ["tie", "2"]}, "show_if.is", "must list outcomes of “better”"),
        ({"question": "better", "is": [["tie"]]}, "show_if.is", "must list outcomes"),
        ({"question": "better", "is": 3}, "show_if.is", "must list outcomes"),
    ],
)
def test_a_mistake_in_a_condition_is_named_with_its_path(condition: Any, path: str, words: str) -> None:
    [(where, said)] = faults([BOTH_BAD, {**WHY, "show_if": condition}])
    assert where == f"form[1].{path}"
    assert words in said


def test_the_first_question_hangs_on_none() -> None:
    assert faults([{**WHY, "show_if": {"question": "why", "is": "answered"}}]) == [
        ("form[0].show_if.question", "It must name a question before this one. There are: none.")
    ]


def test_a_condition_is_kept_in_the_order_of_the_outcomes() -> None:
    form = clean_form([BOTH_BAD, {**WHY, "show_if": {"question": "better", "is": ["both_bad", "tie"]}}])
    assert form[1]["show_if"] == {"question": "better", "is": ["tie", "both_bad"]}
    assert clean_form(form) == form
    alone = clean_form([BOTH_BAD, {**WHY, "show_if": {"question": "better", "is": "tie"}}])
    assert alone[1]["show_if"]["is"] == ["tie"]


@pytest.fixture
def conditional() -> list[Config]:
    """Why neither is good is asked of who says so, and how bad the worse one is of who wrote why."""
    return clean_form(
        [
            BOTH_BAD,
            {**WHY, "show_if": {"question": "better", "is": ["both_bad"]}},
            {"name": "harm", "type": "rate", "per": "task", "show_if": {"question": "why", "is": ["answered"]}},
        ]
    )


def test_a_question_that_is_not_asked_needs_no_answer(conditional: list[Config]) -> None:
    better = {"preferred": "a", "strength": 1}
    assert clean_answers(conditional, {"better": better}, TWO) == {"better": better}
    assert clean_answers(conditional, {"better": better, "why": None, "harm": {}}, TWO) == {"better": better}


def test_a_question_that_is_not_asked_may_not_be_answered(conditional: list[Config]) -> None:
    better = {"preferred": "a", "strength": 1}
    for name, value in (("why", {"text": "because"}), ("harm", {"": 2})):
        with pytest.raises(InvalidAnswers) as refused:
            clean_answers(conditional, {"better": better, name: value}, TWO)
        assert [fault.path for fault in refused.value.errors] == [name]
        assert "not asked" in refused.value.errors[0].message


def test_a_question_that_is_asked_needs_its_answer(conditional: list[Config]) -> None:
    both_bad = {"preferred": None, "both_bad": True}
    with pytest.raises(InvalidAnswers) as refused:
        clean_answers(conditional, {"better": both_bad}, TWO)
    assert [fault.path for fault in refused.value.errors] == ["why"]
    answers = {"better": both_bad, "why": {"text": "because"}, "harm": {"": 2}}
    assert clean_answers(conditional, answers, TWO) == answers


def test_nothing_is_said_of_a_question_whose_condition_is_answered_wrongly(conditional: list[Config]) -> None:
    with pytest.raises(InvalidAnswers) as refused:
        clean_answers(conditional, {"better": {"preferred": "c", "strength": 1}, "why": {"text": "because"}}, TWO)
    assert [fault.path for fault in refused.value.errors] == ["better"]


@pytest.mark.parametrize(
    ("config", "answer", "words"),
    [
        ({}, {"strength": 1}, "must be"),
        ({}, {"preferred": "a", "strength": 1, "why": "x"}, "must be"),
        ({}, {"preferred": "a"}, "1 to 1"),
        ({}, {"preferred": "a", "strength": 2}, "1 to 1"),
        ({}, {"preferred": "a", "strength": True}, "1 to 1"),
        ({}, {"preferred": "c", "strength": 1}, "not a response"),
        ({}, {"preferred": ["a"], "strength": 1}, "not a response"),
        ({}, {"preferred": None, "strength": 1}, "no strength"),
        ({}, {"preferred": "a", "strength": 1, "both_bad": True}, "does not ask"),
        ({"both_bad": True}, {"preferred": "a", "strength": 1, "both_bad": 1}, "true or false"),
        ({"ties": False}, {"preferred": None}, "ties are not allowed"),
    ],
)
def test_a_comparison_that_does_not_fit_is_refused_in_words(config: dict[str, Any], answer: Any, words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        cleaned("compare", config, answer)


def test_both_may_be_bad_where_neither_is_better() -> None:
    both_bad = {"preferred": None, "both_bad": True}
    assert cleaned("compare", {"both_bad": True, "ties": False}, both_bad) == both_bad
    assert cleaned("compare", {}, {"preferred": None, "both_bad": False}) == {"preferred": None}


@pytest.mark.parametrize(
    ("config", "answer", "words"),
    [
        ({}, {"a": 1}, "Response B: give a rating"),
        ({}, {"a": 1, "b": 6}, "Response B: give a whole number from 1 to 5"),
        ({}, {"a": 1, "b": 2.0}, "whole number"),
        ({}, {"a": 1, "b": True}, "whole number"),
        ({}, {"a": 1, "b": 2, "c": 3}, "not a response"),
        ({"per": "task"}, {"a": 1}, "must be"),
        ({"per": "task"}, {"": 0}, "Give a whole number"),
    ],
)
def test_a_rating_that_does_not_fit_is_refused_in_words(config: dict[str, Any], answer: Any, words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        cleaned("rate", config, answer)


@pytest.mark.parametrize(
    ("config", "answer", "words"),
    [
        ({}, {"a": ["Yes"], "b": []}, "Response B: give an option"),
        ({}, {"a": ["Yes"], "b": ["Maybe"]}, "Response B: There is no option “Maybe”"),
        ({}, {"a": ["Yes"], "b": "Yes"}, "must be a list"),
        ({}, {"a": ["Yes"], "b": [["Yes"]]}, "must be a list"),
        ({}, {"a": ["Yes"], "b": ["Yes", "No"]}, "Only one"),
        ({"per": "task"}, {"": []}, "Give an option"),
    ],
)
def test_a_choice_that_does_not_fit_is_refused_in_words(config: dict[str, Any], answer: Any, words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        cleaned("choose", config, answer)


def test_an_optional_question_may_be_answered_for_some_responses() -> None:
    form = clean_form(
        [
            {"name": "quality", "type": "rate", "required": False},
            {"name": "flags", "type": "choose", "multiple": True, "required": False, "options": ["One", "Two"]},
        ]
    )
    answers = {"quality": {"b": 2}, "flags": {"a": ["Two", "One", "Two"], "b": []}}
    assert clean_answers(form, answers, TWO) == {"quality": {"b": 2}, "flags": {"a": ["One", "Two"], "b": []}}


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ({"start": 0, "end": 0, "label": "Error"}, "not a part of the text"),
        ({"start": 2, "end": 4, "label": "Error"}, "which has 3 characters"),
        ({"start": -1, "end": 2, "label": "Error"}, "not a part of the text"),
        ({"start": 0, "end": True, "label": "Error"}, "whole numbers"),
        ({"start": 0, "end": 2, "label": "Typo"}, "must be one of “Error”"),
        ({"start": 0, "end": 2}, "it must be"),
        ({"start": 0, "end": 2, "label": "Error", "colour": "red"}, "it must be"),
        ({"start": 0, "end": 2, "label": "Error", "comment": 3}, "must be text"),
    ],
)
def test_a_mark_that_does_not_fit_is_refused_in_words(mark: Any, words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        cleaned("spans", {}, {"a": [mark]})


def test_marks_are_kept_in_order_and_blank_comments_are_dropped() -> None:
    late, early = {"start": 2, "end": 3, "label": "Error"}, {"start": 0, "end": 2, "label": "Good", "comment": "  "}
    assert cleaned("spans", {}, {"a": [late, early]}) == {
        "a": [{"start": 0, "end": 2, "label": "Good"}, late],
        "b": [],
    }
    with pytest.raises(QuestionError, match="twice"):
        cleaned("spans", {}, {"a": [late, late]})


def test_an_edit_says_which_response_was_edited() -> None:
    with pytest.raises(QuestionError, match="Choose the response"):
        cleaned("edit", {}, {"candidate": "c", "text": "better"})
    with pytest.raises(QuestionError, match="is empty"):
        cleaned("edit", {}, {"candidate": "a", "text": "  "})
    assert cleaned("edit", {}, {"candidate": "a", "text": " better "}) == {"candidate": "a", "text": "better"}


@pytest.mark.parametrize(
    ("kind", "config", "path", "words"),
    [
        ("compare", {"strengths": []}, "strengths", "1 to 4"),
        ("compare", {"strengths": list("abcde")}, "strengths", "1 to 4"),
        ("compare", {"strengths": ["Better", " better "]}, "strengths[1]", "twice"),
        ("compare", {"ties": "no"}, "ties", "true or false"),
        ("rate", {"min": 5, "max": 5}, "max", "above"),
        ("rate", {"min": 0, "max": 21}, "max", "1 to 20"),
        ("rate", {"min": 0.5}, "min", "whole number"),
        ("rate", {"labels": ["Low", "Middle", "High"]}, "labels", "2 or 5"),
        ("rate", {"labels": ["Low", ""]}, "labels[1]", "1 to 200"),
        ("rate", {"per": "person"}, "per", "candidate, task"),
        ("choose", {"options": ["One"]}, "options", "2 to 50"),
        ("choose", {"options": [f"option {n}" for n in range(51)]}, "options", "2 to 50"),
        ("choose", {"options": ["One", "x" * 201]}, "options[1]", "1 to 200"),
        ("choose", {"options": ["One", "a\x00b"]}, "options[1]", "label"),
        ("spans", {"labels": []}, "labels", "1 to 30"),
        ("edit", {"min_chars": 9, "max_chars": 8}, "min_chars", "larger"),
    ],
)
def test_a_setting_beyond_its_limits_is_named(kind: str, config: dict[str, Any], path: str, words: str) -> None:
    [(where, said)] = faults([{"name": "one", "type": kind, **config}])
    assert where == f"form[0].{path}"
    assert words in said


def test_limits_themselves_are_allowed() -> None:
    form = clean_form(
        [
            {"name": "one", "type": "compare", "strengths": list("abcd")},
            {"name": "two", "type": "rate", "min": -10, "max": 10},
            {"name": "three", "type": "choose", "options": [f"option {n}" for n in range(50)]},
            {"name": "four", "type": "rate", "per": "task", "labels": ["Low", "High"]},
        ]
    )
    assert form_candidates(form) == (2, 2)


def test_a_form_is_at_most_so_long() -> None:
    form = [{"name": f"q{n}", "type": "comment"} for n in range(51)]
    assert faults(form) == [("form", "At most 50 questions.")]
    assert len(clean_form(form[:50])) == 50


def test_questions_for_different_numbers_of_responses_do_not_fit_together() -> None:
    shown = {key: Shown(candidates=dict.fromkeys(key, "text")) for key in ("a", "ab")}
    assert cleaned("rate", {}, {"a": 1}, shown["a"]) == {"a": 1}
    assert form_candidates(clean_form([{"name": "rate", "type": "rate"}])) == (1, 9)
    assert form_candidates(clean_form([{"name": "rate", "type": "rate", "per": "task"}])) == (0, 0)
    assert form_candidates(clean_form([{"name": "rate", "type": "rate"}, BOTH_BAD])) == (2, 2)


def test_what_an_answer_comes_to() -> None:
    def outcome(kind: str, config: dict[str, Any], answer: Any) -> set[str]:
        asked = QUESTION_TYPES[kind].clean_config(config)
        return QUESTION_TYPES[kind].outcome(asked, answer)

    three = {"strengths": ["Slightly", "Better", "Much"], "both_bad": True}
    assert outcome("compare", three, {"preferred": "b", "strength": 3}) == {"answered", "preferred", "3"}
    assert outcome("compare", three, {"preferred": None}) == {"answered", "tie"}
    assert outcome("compare", {**three, "ties": False}, {"preferred": None, "both_bad": True}) == {
        "answered",
        "both_bad",
    }
    assert outcome("rate", {}, {"a": 2, "b": 5, "c": 2}) == {"answered", "2", "5"}
    assert outcome("choose", {"multiple": True}, {"a": ["Yes", "No"], "b": []}) == {"Yes", "No"}
    assert outcome("spans", {}, {"a": [], "b": [{"start": 0, "end": 1, "label": "Good"}]}) == {"label:Good"}
    assert outcome("spans", {}, {"a": [], "b": []}) == {"none"}


THREE = {"strengths": ["Slightly", "Better", "Much"], "both_bad": True}


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ({"preferred": "a", "strength": 3}, {"preferred": "b", "strength": 3}, 1),
        ({"preferred": "a", "strength": 1}, {"preferred": "a", "strength": 3}, 2 / 6),
        ({"preferred": "a", "strength": 1}, {"preferred": "b", "strength": 1}, 2 / 6),
        ({"preferred": "a", "strength": 2}, {"preferred": None}, 2 / 6),
        ({"preferred": None}, {"preferred": None}, 0),
        ({"preferred": None}, {"preferred": None, "both_bad": True}, 0.5),
        ({"preferred": "a", "strength": 3, "both_bad": True}, {"preferred": "b", "strength": 3}, 1),
        ({"preferred": None, "both_bad": True}, {"preferred": None, "both_bad": True}, 0),
    ],
)
def test_comparisons_are_as_far_apart_as_their_steps_on_the_scale(one: Any, other: Any, distance: float) -> None:
    assert apart("compare", THREE, one, other) == pytest.approx(distance)


def test_ratings_are_as_far_apart_as_their_numbers_on_the_scale() -> None:
    scale = {"min": 0, "max": 4}
    assert apart("rate", scale, {"a": 0, "b": 4}, {"a": 4, "b": 4}) == pytest.approx(0.5)
    assert apart("rate", scale, {"a": 1, "b": 2, "c": 3}, {"a": 2, "b": 2, "c": 1}) == pytest.approx(3 / 12)
    assert apart("rate", scale, {"a": 0}, {"a": 1, "b": 4}) == pytest.approx(0.25)  # only a was rated by both
    assert apart("rate", scale, {"a": 0}, {"b": 4}) == 0


def test_choices_are_as_far_apart_as_the_options_they_do_not_share() -> None:
    several = {"options": ["One", "Two", "Three"], "multiple": True}
    assert apart("choose", several, {"": ["One", "Two"]}, {"": ["Two", "Three"]}) == pytest.approx(2 / 3)
    assert apart("choose", several, {"a": ["One"], "b": []}, {"a": ["One"], "b": []}) == 0
    assert apart("choose", several, {"a": ["One"]}, {"a": ["One"], "b": ["Two"]}) == pytest.approx(0.5)


def test_marks_are_as_far_apart_as_the_characters_they_do_not_share() -> None:
    def marks(*parts: tuple[int, int, str]) -> dict[str, Any]:
        return {"a": [{"start": start, "end": end, "label": label} for start, end, label in parts]}

    assert apart("spans", {}, marks((0, 4, "Error")), marks((2, 6, "Error"))) == pytest.approx(0.5)
    assert apart("spans", {}, marks((0, 4, "Error")), marks((0, 4, "Good"))) == 1
    # The same stretch, marked in two pieces that overlap.
    assert apart("spans", {}, marks((0, 6, "Error")), marks((0, 4, "Error"), (2, 6, "Error"))) == 0
    assert apart("spans", {}, marks((0, 2, "Error")), marks((0, 2, "Error"), (4, 6, "Error"))) == pytest.approx(1 / 3)
    assert apart("spans", {}, marks(), marks()) == 0


def test_edits_are_as_far_apart_as_their_words() -> None:
    one, other = {"candidate": "a", "text": "one two three four"}, {"candidate": "b", "text": "one two 3 4"}
    assert apart("edit", {}, one, other) == pytest.approx(0.5)
    assert apart("edit", {}, one, {**one, "candidate": "b"}) == 0
