"""Every question type keeps the same contract, and each refuses what does not fit it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import Invalid, InvalidAnswers
from labeling.questions import PRESETS, QUESTION_TYPES, Shown, clean_answers, clean_form, form_candidates, preset_form
from labeling.questions.base import QuestionError

FOUR = Shown(candidates={key: f"text {key}" for key in "abcd"})
# An answer that fits each type's default configuration, and one that differs from it as much as can be.
SAMPLES: dict[str, tuple[Any, Any]] = {
    "write": ({"text": "one two"}, {"text": "three four"}),
    "comment": ({"text": "one"}, {"text": "two"}),
    "rank": ({"groups": [["a"], ["b"], ["c"], ["d"]]}, {"groups": [["d"], ["c"], ["b"], ["a"]]}),
}


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
    for junk in (None, 7, "text", [], {}, {"text": 1}, {"groups": "abcd"}, {"groups": [[["a"]]]}):
        with pytest.raises(QuestionError):
            kind.clean_answer(config, junk, FOUR)
    with pytest.raises(QuestionError) as unknown:
        kind.clean_config({"colour": "red"})
    assert unknown.value.path == "colour"


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
