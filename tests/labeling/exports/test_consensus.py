"""Borda's count, means of ratings, drawn pairs, floors and caps: the policies that are off until somebody asks."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.exports.answers import Ranking
from labeling.exports.consensus import borda, closest, rating_of
from labeling.exports.formats import FORMATS
from labeling.exports.policies import Consensus, Edits, Margin, Pairs, Policies, Ratings, Responses
from labeling.exports.preferences import pairs
from labeling.exports.records import Annotation, Row
from labeling.exports.removed import Removed
from tests.labeling.exports.pure import (
    answered,
    compared,
    compared_and_edited,
    edited,
    example,
    form,
    liked,
    ranked,
    rated,
    scored,
    written,
)
from tests.labeling.exports.test_policies import NAMES, rankings


def preferred(*annotations: Annotation, removed: Removed | None = None, **policies: Any) -> list[str]:
    """The pairs of one prompt as text, in their order: `a>d` where candidate 1 is chosen over candidate 4."""
    found = pairs(example(*annotations), Policies(**policies), removed or Removed())
    return [
        f"{_name(pair.metadata['chosen_candidate_id'])}>{_name(pair.metadata['rejected_candidate_id'])}"
        for pair in found
    ]


def _name(candidate: str) -> str:
    return NAMES[int(candidate) - 1] if candidate else "edit"


def rows(kind: str, *annotations: Annotation, removed: Removed | None = None, **policies: Any) -> list[Row]:
    texts = policies.pop("texts", [])
    made = example(*annotations, texts=texts)
    return list(FORMATS[kind].rows(made, Policies(**policies), removed or Removed()))


def labels(*annotations: Annotation, removed: Removed | None = None, **policies: Any) -> dict[str, bool]:
    found = rows("kto", *annotations, removed=removed, **policies)
    return {_name(row["metadata"]["candidate_id"]): row["label"] for row in found}


# --- Borda -----------------------------------------------------------------------------------------------------------


def scores(*orders: str) -> dict[str, Fraction]:
    made = [
        Ranking({NAMES.index(key) + 1: place for place, group in enumerate(order.split()) for key in group})
        for order in orders
    ]
    return {NAMES[candidate - 1]: score for candidate, score in borda(made).items()}


def test_a_borda_score_is_the_share_of_the_others_below() -> None:
    assert scores("a b c") == {"a": 1, "b": Fraction(1, 2), "c": 0}
    assert scores("ab c") == {"a": Fraction(3, 4), "b": Fraction(3, 4), "c": 0}
    assert scores("a b", "b a") == {"a": Fraction(1, 2), "b": Fraction(1, 2)}
    # Unequal sets weigh alike: to be first of two is to be first.
    assert scores("a b", "c a d b")["a"] == Fraction(1 + Fraction(2, 3), 2)
    assert scores("a") == {"a": Fraction(1, 2)}, "one alone says nothing"


def test_borda_has_an_order_where_majorities_run_in_a_circle() -> None:
    circle = [ranked("a b c"), ranked("a b c"), ranked("b c a"), ranked("b c a"), ranked("c a b")]
    removed = Removed()
    assert preferred(*circle, removed=removed) == []
    assert removed.as_dict() == {"circle": 1}
    # a: (1 + 1 + 0 + 0 + ½) / 5, b: (½ + ½ + 1 + 1 + 0) / 5, c: (0 + 0 + ½ + ½ + 1) / 5.
    assert sorted(preferred(*circle, consensus=Consensus.BORDA, pairs=Pairs.ALL)) == ["a>c", "b>a", "b>c"]
    assert preferred(*circle, consensus=Consensus.BORDA) == ["b>c"]
    (row,) = rows("sft", *circle, consensus=Consensus.BORDA)
    assert row["messages"][-1]["content"] == "Answer 2"
    assert rows("sft", *circle) == []


def test_borda_may_go_against_the_majority_of_a_pair_and_says_so() -> None:
    raters = [ranked("a b c"), ranked("a b c"), ranked("a b c"), ranked("b c a"), ranked("b c a")]
    assert preferred(*raters) == ["a>c"]
    (pair,) = pairs(example(*raters), Policies(consensus=Consensus.BORDA), Removed())
    assert (pair.metadata["chosen_candidate_id"], pair.metadata["rejected_candidate_id"]) == ("2", "3")
    found = pairs(example(*raters), Policies(consensus=Consensus.BORDA, pairs=Pairs.ALL), Removed())
    (against,) = [pair for pair in found if (pair.chosen, pair.rejected) == ("Answer 2", "Answer 1")]
    assert (against.metadata["votes_chosen"], against.metadata["votes_rejected"]) == (2, 3)
    assert against.metadata["agreement"] == 0.4
    assert against.metadata["rank_gap"] == pytest.approx(-1 / 5 * 3 + 2 / 5 * 2)
    removed = Removed()
    kept = preferred(*raters, consensus=Consensus.BORDA, pairs=Pairs.ALL, min_agreement=0.5, removed=removed)
    assert "b>a" not in kept
    assert removed.as_dict() == {"low_agreement": 1}


def test_equal_scores_are_a_tie() -> None:
    removed = Removed()
    assert preferred(ranked("a b"), ranked("b a"), consensus=Consensus.BORDA, removed=removed) == []
    assert removed.as_dict() == {"no_preference": 1}


@given(rankings)
def test_borda_never_says_both_a_over_b_and_b_over_a(orders: list[str]) -> None:
    raters = [ranked(order) for order in orders]
    everything = preferred(*raters, consensus=Consensus.BORDA, pairs=Pairs.ALL)
    assert len(everything) == len(set(everything))
    assert not {f"{pair[2]}>{pair[0]}" for pair in everything} & set(everything)
    for kind in Pairs:
        assert set(preferred(*raters, consensus=Consensus.BORDA, pairs=kind)) <= set(everything)


@given(rankings)
def test_by_borda_too_the_order_of_answers_changes_nothing(orders: list[str]) -> None:
    policies = Policies(consensus=Consensus.BORDA, pairs=Pairs.ALL)
    forward = pairs(example(*(ranked(order) for order in orders)), policies, Removed())
    backward = pairs(example(*(ranked(order) for order in reversed(orders))), policies, Removed())
    assert forward == backward


@given(rankings)
def test_for_one_rater_both_ways_are_the_ranking(orders: list[str]) -> None:
    for kind in Pairs:
        one, other = (set(preferred(ranked(orders[0]), consensus=how, pairs=kind)) for how in Consensus)
        assert one == other


# --- Drawn pairs, caps and floors ------------------------------------------------------------------------------------


def test_a_drawn_pair_has_the_best_and_any_other_one() -> None:
    one = ranked("a b c d")
    found = {preferred(one, pairs=Pairs.BEST_VS_RANDOM, seed=seed)[0] for seed in range(40)}
    assert found == {"a>b", "a>c", "a>d"}
    for seed in range(5):
        drawn = preferred(one, pairs=Pairs.BEST_VS_RANDOM, seed=seed)
        assert drawn == preferred(ranked("a b c d"), pairs=Pairs.BEST_VS_RANDOM, seed=seed)
        assert len(drawn) == 1
    assert preferred(ranked("abc"), pairs=Pairs.BEST_VS_RANDOM) == []


@given(rankings, st.integers(0, 9))
def test_a_drawn_pair_is_one_of_the_best_against_the_rest(orders: list[str], seed: int) -> None:
    raters = [ranked(order) for order in orders]
    drawn = preferred(*raters, pairs=Pairs.BEST_VS_RANDOM, seed=seed)
    rest = preferred(*raters, pairs=Pairs.BEST_VS_REST)
    assert set(drawn) <= set(rest)
    assert len(drawn) == min(1, len(rest))


def test_a_prompt_gives_no_more_pairs_than_it_may() -> None:
    given = (ranked("a b c d"), edited("Edited.", of="a"))
    every = preferred(*given, pairs=Pairs.ALL)
    assert len(every) == 7
    removed = Removed()
    found = pairs(example(*given), Policies(pairs=Pairs.ALL, max_pairs=2), removed)
    assert [pair.metadata["n_pairs"] for pair in found] == [2, 2]
    assert preferred(*given, pairs=Pairs.ALL, max_pairs=2) == every[:2]
    assert every[0] == "a>d", "the widest stays"
    assert every[-1] == "edit>a"
    assert removed.as_dict() == {"over_cap": 5}
    assert preferred(*given, pairs=Pairs.ALL, max_pairs=7) == every


def test_a_comparison_that_is_too_weak_is_left_out() -> None:
    removed = Removed()
    assert preferred(compared("a", 2), min_strength=0.5, removed=removed) == []
    assert removed.as_dict() == {"weak": 1}
    assert preferred(compared("a", 3), min_strength=0.666666) == ["a>b"]
    assert preferred(compared("a", 4), compared("a", 2), min_strength=0.666667) == [], "the mean is ⅔"
    # Who was not asked how much cannot be below it.
    plain = compared("a", form=form(name="preference", type="compare"))
    assert preferred(plain, ranked("a b"), edited("Edited."), min_strength=1.0) == ["a>b", "a>b", "edit>a"]


def test_too_few_raters_are_no_raters() -> None:
    removed = Removed()
    two = [ranked("a b"), ranked("a b")]
    assert preferred(*two, min_raters=3, removed=removed) == []
    assert rows("sft", *two, min_raters=3, removed=removed) == []
    assert labels(rated(a=1), min_raters=2, removed=removed) == {}
    assert removed.as_dict() == {"few_raters": 3}
    assert preferred(*two, min_raters=2) == ["a>b"]
    # Of three who judged here, one alone was shown both of those that are left.
    three, known = [ranked("a b c"), ranked("b c"), ranked("b c")], Removed()
    (row,) = rows("sft", *three, models=("m1", "m2"))
    assert (row["metadata"]["candidate_id"], row["metadata"]["n_raters"]) == ("1", 1)
    assert rows("sft", *three, models=("m1", "m2"), min_raters=2, removed=known) == []
    assert known.as_dict() == {"model": 1, "few_raters": 1}
    assert labels(rated(a=1), rated(a=1), min_raters=2) == {"a": True}


def test_too_little_agreement_is_none() -> None:
    raters = [ranked("a b"), ranked("a b"), ranked("b a")]
    thumbs = [rated(a=1), rated(a=1), rated(a=0)]
    removed = Removed()
    assert preferred(*raters, min_agreement=0.7, removed=removed) == []
    assert rows("sft", *raters, min_agreement=0.7, removed=removed) == []
    assert labels(*thumbs, min_agreement=0.7, removed=removed) == {}
    assert removed.as_dict() == {"low_agreement": 3}
    assert preferred(*raters, min_agreement=0.666666) == ["a>b"]
    assert labels(*thumbs, min_agreement=0.666666) == {"a": True}


def test_what_people_wrote_is_nobodys_judgement() -> None:
    found = rows("sft", written("Mine."), edited("Edited."), min_raters=5, min_agreement=1.0)
    assert [row["messages"][-1]["content"] for row in found] == ["Mine.", "Edited."]
    assert preferred(edited("Edited."), min_raters=5, min_agreement=1.0) == ["edit>a"]


def test_edited_stands_above_chosen_and_chosen_above_rejected() -> None:
    found = pairs(example(compared_and_edited("b", "Edited.", of="b")), Policies(edits=Edits.OVER_WORSE), Removed())
    assert [(pair.chosen, pair.rejected) for pair in found] == [
        ("Answer 2", "Answer 1"),
        ("Edited.", "Answer 2"),
        ("Edited.", "Answer 1"),
    ]


# --- Ratings ---------------------------------------------------------------------------------------------------------


def fractions(*numbers: int) -> list[Fraction]:
    return [Fraction(number, 4) for number in numbers]


def test_the_closest_three_count() -> None:
    assert closest(fractions(0, 3, 4)) == fractions(0, 3, 4)
    assert closest(fractions(4, 0, 3, 3)) == fractions(3, 3, 4)
    assert closest(fractions(0, 0, 1, 4, 4)) == fractions(0, 0, 1)
    # Neither end wins for where it stands.
    assert rating_of(fractions(0, 1, 2, 3), Ratings.CLOSEST) == 1.5 / 4
    assert rating_of(fractions(0, 0, 0, 4, 4, 4), Ratings.CLOSEST) == 0.5
    assert rating_of(fractions(0, 3, 3, 4), Ratings.CLOSEST) == pytest.approx(10 / 12)
    assert rating_of(fractions(0, 3, 3, 4), Ratings.MEAN) == 10 / 16
    # The mean of 1/3, 2/3 and 4/3 steps, of four.
    assert rating_of(fractions(0, 0, 1, 1, 2), Ratings.CLOSEST) == pytest.approx(7 / 36)


@given(st.lists(st.fractions(0, 1, max_denominator=4), min_size=1, max_size=7), st.randoms())
def test_a_rating_lies_among_those_given_in_any_order(given: list[Fraction], chance: Any) -> None:
    mixed = list(given)
    chance.shuffle(mixed)
    for how in Ratings:
        rating = rating_of(given, how)
        assert rating == rating_of(mixed, how)
        assert float(min(given)) <= rating <= float(max(given))


def test_ratings_become_labels_between_thresholds() -> None:
    given = liked(a=5, b=4, c=3, d=2, e=1)
    assert labels(given) == {}, "off by default"
    removed = Removed()
    assert labels(given, kto_good=0.75, kto_bad=0.25, removed=removed) == {"a": True, "b": True, "d": False, "e": False}
    assert removed.as_dict() == {"between": 1}
    assert labels(given, kto_good=1.0) == {"a": True}
    assert labels(given, kto_bad=0.0) == {"e": False}


def test_the_rating_of_all_decides_and_each_persons_is_a_vote() -> None:
    three = [liked(a=5), liked(a=5), liked(a=3)]
    (row,) = rows("kto", *three, kto_good=0.75, kto_bad=0.25)
    known = row["metadata"]
    assert (row["label"], known["source"], known["question"], known["queue"]) == (True, "rated", "quality", "score")
    assert (known["n_raters"], known["votes_good"], known["votes_bad"]) == (3, 2, 0)
    assert known["agreement"] == pytest.approx(2 / 3)
    assert labels(*three, liked(a=1), kto_good=0.75, kto_bad=0.25) == {"a": True}, "the closest three"
    assert labels(*three, liked(a=1), kto_good=0.75, kto_bad=0.25, ratings=Ratings.MEAN) == {}


def test_attributes_say_which_questions_count() -> None:
    given = scored(a=[4, 0], b=[0, 4])
    both: dict[str, Any] = {"kto_good": 0.75, "kto_bad": 0.25}
    assert labels(given, **both) == {}, "helpful and brief is neither, all in all"
    assert labels(given, **both, attributes=("helpfulness",)) == {"a": True, "b": False}
    assert labels(given, **both, attributes=("tone",)) == {}
    (row, _) = rows("kto", given, attributes=("helpfulness", "verbosity"), kto_good=0.5)
    assert row["metadata"]["question"] == "helpfulness+verbosity"


def test_thumbs_and_ratings_of_the_whole_are_no_ratings() -> None:
    whole = answered(form(name="quality", type="rate", per="task"), {"quality": {"": 5}}, shown="ab")
    assert labels(rated(a=1, b=0), whole, kto_good=0.1) == {"a": True, "b": False}


def margins(*annotations: Annotation, **policies: Any) -> list[float]:
    return [row["margin"] for row in rows("reward", *annotations, margin=Margin.RATINGS, **policies)]


def test_a_margin_can_be_the_difference_of_ratings() -> None:
    judged = (compared("a", 4), liked(a=5, b=2), liked(a=4, b=2))
    assert margins(*judged) == [0.875 - 0.25]
    assert [row["margin"] for row in rows("reward", *judged)] == [1.0]
    assert margins(compared("a", 4)) == [0.0], "nobody rated"
    assert margins(compared("b", 4), *judged[1:]) == [0.0], "ratings that say the opposite say nothing of how much"
    assert margins(edited("Edited."), *judged[1:]) == [0.0]
    assert margins(compared("a"), scored(a=[4, 0], b=[3, 4]), attributes=("helpfulness",)) == [0.25]
    assert {type(margin) for margin in margins(*judged, edited("Edited."))} == {float}


# --- Whose responses, and how long -----------------------------------------------------------------------------------


def test_only_responses_of_the_models_asked_for() -> None:
    removed = Removed()
    assert preferred(ranked("a b c d"), models=("m2", "m4"), removed=removed) == ["b>d"]
    assert removed.as_dict() == {"model": 2}
    assert preferred(ranked("a b c d"), without_models=("m1",)) == ["b>d"]
    assert preferred(ranked("a b"), models=("m1",)) == []
    assert labels(rated(a=1, b=1), without_models=("m1",)) == {"b": True}
    (row,) = rows("sft", ranked("a b c"), without_models=("m1",))
    assert row["messages"][-1]["content"] == "Answer 2"


def test_an_edit_is_of_the_model_it_was_made_from_and_writing_of_none() -> None:
    given = (edited("One", of="a"), edited("Two", of="b"), written("Mine."))
    removed = Removed()
    found = rows("sft", *given, models=("m2",), removed=removed)
    assert [row["messages"][-1]["content"] for row in found] == ["Two"]
    assert removed.as_dict() == {"model": 2}
    found = rows("sft", *given, without_models=("m2",))
    assert [row["messages"][-1]["content"] for row in found] == ["Mine.", "One"]
    assert preferred(*given, models=("m2",)) == ["edit>b"]


def test_only_responses_as_long_as_asked_for() -> None:
    texts = ["x" * 5, " " + "x" * 10 + "\n", "x" * 15, "x" * 20]
    removed = Removed()
    (row,) = rows("preference", ranked("a b c d"), texts=texts, min_characters=10, max_characters=15, removed=removed)
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("x" * 10, "x" * 15)
    assert removed.as_dict() == {"length": 2}
    assert len(rows("kto", rated(a=1, b=1, c=0, d=0), texts=texts, max_characters=10)) == 2
    (row,) = rows("sft", ranked("a b c"), texts=texts, min_characters=6)
    assert row["messages"][-1]["content"] == "x" * 10


def test_an_edit_may_make_a_response_fit() -> None:
    texts = ["x" * 50, "x"]
    removed = Removed()
    given = (edited("Short.", of="a"), edited("y" * 50, of="b"))
    found = rows("sft", *given, texts=texts, max_characters=10, responses=Responses.HUMAN, removed=removed)
    assert [row["messages"][-1]["content"] for row in found] == ["Short."]
    assert removed.as_dict() == {"length": 1}
    assert rows("preference", *given, texts=texts, max_characters=10) == [], "its other side does not fit"


def test_a_letter_is_a_character_however_many_bytes_it_has() -> None:
    assert len(rows("sft", written("日本語😀"), max_characters=4)) == 1
    assert rows("sft", written("日本語😀"), max_characters=3) == []
