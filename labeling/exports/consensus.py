"""Other ways than majorities to put several people's answers together: Borda's count, and means of ratings.

Numbers are exact fractions until they are written, so that the order in which people answered changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from itertools import combinations

from labeling.exports.answers import Judged, Ranking, Shares
from labeling.exports.policies import (
    Best,
    Consensus,
    Preference,
    Ratings,
    above_all,
    circles_in,
    levels,
    majorities,
    preference_of,
)
from labeling.exports.records import value

# How many ratings of one response are kept where people differ.
CLOSEST = 3


@value
class Order:
    """Which candidate stands above which, and the level of each, 0 for the best.

    `circles` are the candidates that majorities put above one another in a circle: nothing stands above another there.
    """

    preferences: list[Preference]
    levels: dict[int, int]
    circles: list[frozenset[int]] = field(default_factory=list)


def relations(judged: Judged, consensus: Consensus) -> Order:
    """What the rankings of one prompt come to together."""
    if consensus is Consensus.MAJORITY:
        preferences = majorities(judged.rankings)
        # Two people cannot contradict each other in a circle: where they differ there is no majority.
        circles = circles_in(preferences) if len(judged.rankings) > 2 else []
        if circles:
            within = {candidate: number for number, circle in enumerate(circles) for candidate in circle}
            preferences = [p for p in preferences if within.get(p.better, -1) != within.get(p.worse, -2)]
        return Order(preferences, levels(judged.candidates, preferences, circles), circles)
    scores = borda(judged.rankings)
    order = {score: level for level, score in enumerate(sorted(set(scores.values()), reverse=True))}
    return Order(_by_score(judged.rankings, scores), {candidate: order[score] for candidate, score in scores.items()})


def best_of(judged: Judged, texts: Mapping[int, str], consensus: Consensus) -> Best | None:
    """The candidate above each of the others: Condorcet's winner, or the one that alone has the highest Borda score."""
    return above_all(relations(judged, consensus).preferences, judged, texts)


def borda(rankings: Sequence[Ranking]) -> dict[int, Fraction]:
    """Each candidate's Borda score, from 0 to 1: the share of the others that it stands above, as a mean over raters.

    One that shares a place counts as half above. A share and not a number of points, so that people who were shown more
    responses have no more say (de Borda 1781; ties and unequal sets as in Emerson 2013, “The original Borda count and
    partial voting”). Whoever ranked one candidate alone said nothing.
    """
    given: dict[int, list[Fraction]] = {}
    for ranking in rankings:
        others = len(ranking.places) - 1
        for candidate, place in ranking.places.items():
            below = sum(place < other for other in ranking.places.values())
            level = sum(place == other for other in ranking.places.values()) - 1
            # A lone candidate has no score from this ranking, but it must have one.
            given.setdefault(candidate, []).extend([(below + Fraction(level, 2)) / others] if others else [])
    return {candidate: _mean(shares) if shares else Fraction(1, 2) for candidate, shares in given.items()}


def _by_score(rankings: Sequence[Ranking], scores: Mapping[int, Fraction]) -> list[Preference]:
    """Every pair that somebody ranked and whose scores differ, the higher score above."""
    found = []
    for one, other in combinations(sorted(scores), 2):
        both = [ranking for ranking in rankings if one in ranking.places and other in ranking.places]
        if both and scores[one] != scores[other]:
            found.append(preference_of(both, *((one, other) if scores[one] > scores[other] else (other, one))))
    return found


def rating_of(given: Sequence[Fraction], ratings: Ratings) -> float:
    """One rating of what several people gave, on the scale that they gave it on."""
    return float(_mean(closest(given)) if ratings is Ratings.CLOSEST else _mean(given))


def closest(given: Sequence[Fraction], number: int = CLOSEST) -> list[Fraction]:
    """The ratings that lie closest together, so many of them; all where there are no more.

    Where several such groups lie equally close, the mean of their means counts: a rating stands here as often as it is
    in one of them, and neither the higher nor the lower group wins for where it stands. HelpSteer2 (Wang et al. 2024,
    section 2) keeps three of up to five ratings so, and takes their mean.
    """
    in_order = sorted(given)
    if len(in_order) <= number:
        return in_order
    groups = [in_order[start : start + number] for start in range(len(in_order) - number + 1)]
    spread = min(group[-1] - group[0] for group in groups)
    return [rating for group in groups if group[-1] - group[0] == spread for rating in group]


def candidates_rated(shares: Sequence[Shares], ratings: Ratings) -> dict[int, float]:
    """The rating of each candidate, from 0 to 1, over all queues."""
    given: dict[int, list[Fraction]] = {}
    for group in shares:
        for candidate, numbers in group.ratings.items():
            given.setdefault(candidate, []).extend(numbers)
    return {candidate: rating_of(numbers, ratings) for candidate, numbers in given.items()}


def _mean(numbers: Sequence[Fraction]) -> Fraction:
    return sum(numbers, Fraction()) / len(numbers)
