"""From several people's rankings to pairs and to a best response."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import example as known
from hypothesis import given
from hypothesis import strategies as st

from labeling.exports import consensus, policies
from labeling.exports.answers import Ranking, judged
from labeling.exports.policies import USUAL, Consensus, Edits, Pairs, Policies, Responses, Split, group_of, split_of
from labeling.exports.preferences import pairs
from labeling.exports.records import Annotation, Prompt
from labeling.exports.removed import Removed
from labeling.text import sha256
from tests.labeling.exports.pure import COMPARE_PLAINLY, DEGREES, compared, example, form, ranked

NAMES = "abcdefghi"


def preferred(*annotations: Annotation, kind: Pairs) -> list[str]:
    """The pairs of one prompt as text: `a>d` where candidate 1 is chosen over candidate 4."""
    found = pairs(example(*annotations), Policies(pairs=kind), Removed())
    return sorted(
        f"{NAMES[int(p.metadata['chosen_candidate_id']) - 1]}>{NAMES[int(p.metadata['rejected_candidate_id']) - 1]}"
        for p in found
    )


def best_of(*annotations: Annotation, texts: list[str] | None = None) -> str | None:
    made = example(*annotations, texts=texts or [])
    (group,) = judged(made)
    found = consensus.best_of(group, {c.id: c.text.strip() for c in made.candidates.values()}, Consensus.MAJORITY)
    return NAMES[found.candidate - 1] if found else None


def test_one_rating_gives_the_pairs_that_each_policy_asks_for() -> None:
    one = ranked("a b c d")
    assert preferred(one, kind=Pairs.BEST_VS_WORST) == ["a>d"]
    assert preferred(one, kind=Pairs.ADJACENT) == ["a>b", "b>c", "c>d"]
    assert preferred(one, kind=Pairs.BEST_VS_REST) == ["a>b", "a>c", "a>d"]
    assert preferred(one, kind=Pairs.ALL) == ["a>b", "a>c", "a>d", "b>c", "b>d", "c>d"]


def test_ties_give_no_pair() -> None:
    tied = ranked("a bc d")
    assert preferred(tied, kind=Pairs.ALL) == ["a>b", "a>c", "a>d", "b>d", "c>d"]
    assert preferred(tied, kind=Pairs.ADJACENT) == ["a>b", "a>c", "b>d", "c>d"]
    assert preferred(ranked("abcd"), kind=Pairs.ALL) == []


def test_all_tied_is_counted() -> None:
    removed = Removed()
    assert pairs(example(ranked("abcd")), Policies(), removed) == []
    assert removed.as_dict() == {"no_preference": 1}


def test_of_several_best_ones_exactly_one_meets_the_worst() -> None:
    (found,) = preferred(ranked("ab c d"), kind=Pairs.BEST_VS_WORST)
    assert found in {"a>d", "b>d"}


def test_which_of_the_tied_ones_is_taken_does_not_favour_the_first_made() -> None:
    picked = set()
    for first in range(1, 40, 2):
        rankings = (Ranking({first: 0, first + 1: 0, 99: 1}),)
        (pair,) = policies.choose(policies.majorities(rankings), [first, first + 1, 99], Pairs.BEST_VS_WORST)
        picked.add(pair.better - first)
    assert picked == {0, 1}


def test_the_pair_with_the_larger_majority_is_taken_among_equals() -> None:
    # a and b both beat c and d, but only a beats d in everybody's eyes.
    raters = [ranked("a b c d"), ranked("b a c d"), ranked("a c d b"), ranked("b a d c")]
    assert preferred(*raters, kind=Pairs.BEST_VS_WORST) == ["a>d"]


FITS: dict[Pairs, Callable[[int, int, int], bool]] = {
    Pairs.ALL: lambda better, worse, lowest: True,
    Pairs.ADJACENT: lambda better, worse, lowest: worse == better + 1,
    Pairs.BEST_VS_REST: lambda better, worse, lowest: better == 0 < worse,
    Pairs.BEST_VS_WORST: lambda better, worse, lowest: better == 0 < worse == lowest,
}


@known([{36: 0, 39: 1}, {39: 0, 36: 1, 32: 2, 27: 2}])
@given(st.lists(st.dictionaries(st.integers(20, 40), st.integers(0, 3), min_size=2), min_size=1, max_size=4))
def test_pairs_come_widest_first_and_a_hash_decides_among_equals(places: list[dict[int, int]]) -> None:
    rankings = [Ranking(one) for one in places]
    candidates = sorted({candidate for one in places for candidate in one})
    preferences = policies.majorities(rankings)
    at = policies.levels(candidates, preferences)
    in_order = sorted(
        preferences, key=lambda p: (p.votes - p.against, p.gap, sha256(f"{p.better} {p.worse}")), reverse=True
    )
    for kind, fits in FITS.items():
        expected = [p for p in in_order if fits(at[p.better], at[p.worse], max(at.values()))]
        found = policies.choose(preferences, candidates, kind)
        if kind is Pairs.BEST_VS_WORST:
            expected = expected[:1]
        assert found == expected
    rest = policies.choose(preferences, candidates, Pairs.BEST_VS_REST)
    drawn = policies.choose(preferences, candidates, Pairs.BEST_VS_RANDOM, seed=7)
    assert drawn == sorted(rest, key=lambda p: sha256(f"7 {p.better} {p.worse}"))[:1]


def test_two_raters_who_disagree_make_a_tie() -> None:
    assert preferred(ranked("a b"), ranked("b a"), kind=Pairs.ALL) == []
    assert preferred(ranked("a b c"), ranked("b a c"), kind=Pairs.ALL) == ["a>c", "b>c"]


def test_a_rater_who_ties_counts_against_a_majority() -> None:
    assert preferred(ranked("a b"), ranked("ab"), kind=Pairs.ALL) == []
    assert preferred(ranked("a b"), ranked("a b"), ranked("ab"), kind=Pairs.ALL) == ["a>b"]


def test_votes_agreement_and_gap_are_told() -> None:
    raters = [ranked("a b c"), ranked("a c b"), ranked("b a c")]
    (pair,) = pairs(example(*raters), Policies(), Removed())
    metadata = pair.metadata
    assert (pair.chosen, pair.rejected) == ("Answer 1", "Answer 3")
    assert (metadata["n_raters"], metadata["votes_chosen"], metadata["votes_rejected"]) == (3, 3, 0)
    assert metadata["votes_tied"] == 0
    assert metadata["agreement"] == 1.0
    assert metadata["rank_gap"] == pytest.approx((2 + 1 + 1) / 3)
    for number in ("agreement", "rank_gap"):
        assert type(metadata[number]) is float


def test_the_gap_is_a_float_for_one_rater_too() -> None:
    (pair,) = pairs(example(ranked("a b c")), Policies(), Removed())
    assert repr(pair.metadata["rank_gap"]) == "2.0"
    assert repr(pair.metadata["agreement"]) == "1.0"


# --- Comparisons -----------------------------------------------------------------------------------------------------


def test_a_comparison_is_a_ranking_of_two() -> None:
    for kind in Pairs:
        assert preferred(compared("b"), kind=kind) == ["b>a"]
        assert preferred(compared(), kind=kind) == []
    assert best_of(compared("b")) == "b"
    assert best_of(compared()) is None


def test_comparisons_are_put_to_the_vote() -> None:
    assert preferred(compared("a"), compared("a"), compared("b"), kind=Pairs.ALL) == ["a>b"]
    assert preferred(compared("a"), compared("b"), kind=Pairs.ALL) == []
    assert preferred(compared("a"), compared(), kind=Pairs.ALL) == []
    removed = Removed()
    assert pairs(example(compared("a"), compared("b")), Policies(), removed) == []
    assert removed.as_dict() == {"no_preference": 1}


def test_the_strength_is_the_mean_of_those_who_agree() -> None:
    raters = [compared("a", 4), compared("a", 3), compared("b", 4), compared("a", 2), compared()]
    (pair,) = pairs(example(*raters), Policies(), Removed())
    assert (pair.metadata["strength"], pair.metadata["strength_max"]) == (3.0, 4)
    assert (pair.metadata["votes_chosen"], pair.metadata["votes_rejected"], pair.metadata["votes_tied"]) == (3, 1, 1)
    assert pair.metadata["rank_gap"] == pytest.approx((3 - 1) / 5)
    assert pair.margin == pytest.approx((1 + 3 / 4 + 2 / 4) / 3)


@pytest.mark.parametrize(("strength", "margin"), [(1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)])
def test_the_margin_is_a_share_of_the_strongest_degree(strength: int, margin: float) -> None:
    assert len(DEGREES) == 4
    (pair,) = pairs(example(compared("b", strength)), Policies(), Removed())
    assert pair.margin == pytest.approx(margin)
    assert type(pair.margin) is float


def test_without_a_degree_there_is_no_margin() -> None:
    (pair,) = pairs(example(compared("b", form=COMPARE_PLAINLY)), Policies(), Removed())
    assert (repr(pair.margin), pair.metadata["strength"], pair.metadata["strength_max"]) == ("0.0", 1.0, 1)
    (pair,) = pairs(example(ranked("b a")), Policies(), Removed())
    assert (repr(pair.margin), repr(pair.metadata["strength"]), pair.metadata["strength_max"]) == ("0.0", "0.0", 0)


def test_a_form_that_changed_its_degrees_still_has_one_margin() -> None:
    three = form(name="preference", type="compare", strengths=["Slightly", "Better", "Much"])
    (pair,) = pairs(example(compared("a", 4), compared("a", 2, form=three)), Policies(), Removed())
    assert pair.margin == pytest.approx((1 + 2 / 3) / 2)
    assert pair.metadata["strength_max"] == 4


CIRCLE = ("a b c d", "b c a d", "c a b d")


def test_a_circle_has_no_best_and_each_of_its_members_may_meet_the_worst() -> None:
    raters = [ranked(order) for order in CIRCLE]
    assert best_of(*raters) is None
    (found,) = preferred(*raters, kind=Pairs.BEST_VS_WORST)
    assert found in {"a>d", "b>d", "c>d"}
    # Nothing in the circle stands above anything else in it.
    for kind in (Pairs.ADJACENT, Pairs.ALL, Pairs.BEST_VS_REST):
        removed = Removed()
        found_pairs = pairs(example(*raters), Policies(pairs=kind), removed)
        assert {p.metadata["rejected_candidate_id"] for p in found_pairs} == {"4"}
        assert len(found_pairs) == 3
        assert removed.as_dict() == {"circle": 1}


def test_members_of_a_circle_share_a_level_whatever_else_they_win_and_lose() -> None:
    """Of the circle A, B and C, only C does not stand above D; E is above and F below all of them."""
    raters = [ranked("e a b cd f"), ranked("e b d c a f"), ranked("e c a b d f")]
    order = consensus.relations(judged(example(*raters))[0], Consensus.MAJORITY)
    assert [set(circle) for circle in order.circles] == [{1, 2, 3}]
    assert sorted((p.better, p.worse) for p in order.preferences if p.worse == 4) == [(1, 4), (2, 4), (5, 4)]
    assert order.levels[5] == 0
    assert order.levels[6] == max(order.levels.values())
    assert len({order.levels[member] for member in (1, 2, 3)}) == 1
    assert not any({p.better, p.worse} <= {1, 2, 3} for p in order.preferences)


def test_two_circles_are_told_apart() -> None:
    raters = [
        ranked(f"{order} {order.translate(str.maketrans('abc', 'efg'))}") for order in ("a b c", "b c a", "c a b")
    ]
    order = consensus.relations(judged(example(*raters))[0], Consensus.MAJORITY)
    assert order.circles == [{1, 2, 3}, {5, 6, 7}]
    assert len(order.preferences) == 9
    assert sorted(set(order.levels.values())) == [0, 1]
    removed = Removed()
    assert len(pairs(example(*raters), Policies(pairs=Pairs.ALL), removed)) == 9
    assert removed.as_dict() == {"circle": 2}


def test_nothing_but_a_circle_gives_no_best_against_worst() -> None:
    raters = [ranked(order.replace(" d", "")) for order in CIRCLE]
    for kind in Pairs:
        removed = Removed()
        assert pairs(example(*raters), Policies(pairs=kind), removed) == []
        assert removed.as_dict() == {"circle": 1}


def test_straight_majorities_run_in_no_circle() -> None:
    straight = policies.majorities(judged(example(ranked("a b c d"), ranked("a c b d")))[0].rankings)
    assert not policies.circles_in(straight)
    assert not policies.circles_in([])


rankings = st.lists(
    st.permutations("abcd").flatmap(
        lambda order: st.lists(st.sampled_from(["", " "]), min_size=3, max_size=3).map(
            lambda gaps: "".join(f"{gap}{key}" for gap, key in zip(["", *gaps], order, strict=True))
        )
    ),
    min_size=1,
    max_size=6,
)


@given(rankings)
def test_no_policy_ever_says_both_a_over_b_and_b_over_a(orders: list[str]) -> None:
    raters = [ranked(order) for order in orders]
    everything = set(preferred(*raters, kind=Pairs.ALL))
    assert not {f"{pair[2]}>{pair[0]}" for pair in everything} & everything
    for kind in Pairs:
        assert set(preferred(*raters, kind=kind)) <= everything


@given(rankings)
@known(["ab c d", "bc d a", "db a c"])
def test_majorities_are_what_counting_by_hand_says(orders: list[str]) -> None:
    def place(order: str, key: str) -> int:
        return next(n for n, group in enumerate(order.split()) if key in group)

    by_hand = {
        f"{one}>{other}"
        for one, other in itertools.permutations("abcd", 2)
        if sum(place(order, one) < place(order, other) for order in orders) > len(orders) / 2
    }
    # What comes back to where it began, from one pair to the next, is a circle and gives none of its pairs.
    ways = set(by_hand)
    for _ in "abcd":
        ways |= {f"{one[0]}>{other[2]}" for one in ways for other in ways if one[2] == other[0]}
    straight = {way for way in by_hand if f"{way[2]}>{way[0]}" not in ways}
    raters = [ranked(order) for order in orders]
    assert set(preferred(*raters, kind=Pairs.ALL)) == straight


@given(rankings)
def test_the_best_is_above_each_of_the_others_for_a_majority(orders: list[str]) -> None:
    raters = [ranked(order) for order in orders]
    everything = set(preferred(*raters, kind=Pairs.ALL))
    winners = [key for key in "abcd" if all(f"{key}>{other}" in everything for other in "abcd" if other != key)]
    assert best_of(*raters) == (winners[0] if winners else None)


@given(rankings)
def test_the_order_in_which_people_answered_changes_nothing(orders: list[str]) -> None:
    forward = pairs(example(*(ranked(order) for order in orders)), Policies(), Removed())
    backward = pairs(example(*(ranked(order) for order in reversed(orders))), Policies(), Removed())
    assert forward == backward


def test_the_best_needs_to_be_alone() -> None:
    assert best_of(ranked("a b c")) == "a"
    assert best_of(ranked("ab c")) is None
    assert best_of(ranked("a b c"), ranked("b a c")) is None
    assert best_of(ranked("a b c"), ranked("a c b"), ranked("c a b")) == "a"


def test_two_candidates_with_one_text_do_not_stand_in_each_others_way() -> None:
    assert best_of(ranked("ab c"), texts=["Same", " Same\n", "Other"]) in {"a", "b"}
    assert best_of(ranked("abc"), texts=["Same", "Same", "Same"]) is None


def test_a_split_never_changes_and_reads_like_the_reader() -> None:
    def split(text: str) -> Split:
        return split_of(group_of(Prompt(1, ({"role": "user", "content": text},))))

    assert split("What is  love?\n") is split("WHAT IS LOVE?")
    # Fixed for ever: a prompt that changes its split leaks from training into tests. The first digits of
    # `printf 'question 4?' | sha256sum` are dc84: between 0.8 and 0.9 of ffff.
    assert split("Question 3?") is Split.TRAIN
    assert split("Question 4?") is Split.VALIDATION
    assert split("Question 24?") is Split.TEST


def test_a_split_goes_by_the_opening_turn_and_not_by_the_whole_conversation() -> None:
    opening = {"role": "user", "content": "Hello!"}
    longer = (opening, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "And?"})
    with_system = ({"role": "system", "content": "Be brief."}, opening)
    assert group_of(Prompt(1, (opening,))) == group_of(Prompt(2, longer)) == group_of(Prompt(3, with_system))


def test_splits_come_near_their_shares() -> None:
    openings = [({"role": "user", "content": f"Prompt number {n}"},) for n in range(4000)]
    found = [split_of(group_of(Prompt(n, messages))) for n, messages in enumerate(openings)]
    for split, percent in zip(Split, USUAL, strict=True):
        assert found.count(split) / 4000 == pytest.approx(percent / 100, abs=0.03)
    assert sum(USUAL) == 100


def test_defaults_are_those_of_the_contract() -> None:
    assert Policies() == Policies(
        pairs=Pairs.BEST_VS_WORST, responses=Responses.ANY, edits=Edits.OVER_ORIGINAL, split=None
    )


def test_who_was_not_asked_how_much_has_no_say_in_it() -> None:
    rankings = [Ranking({1: 0, 2: 1}, None, 1, 1), Ranking({1: 0, 2: 1}, None, 3, 3)]
    (found,) = policies.majorities(rankings)
    assert (found.votes, found.strength, found.strengths, found.margin) == (2, 3.0, 3, 1.0)
    (alone,) = policies.majorities(rankings[:1])
    assert (alone.strength, alone.strengths, alone.margin) == (1.0, 1, 0.0)
