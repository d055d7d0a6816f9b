"""From what several people said to what a file says: consensus, choice of pairs, splits. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from labeling.exports.answers import Judged, Ranking
from labeling.exports.records import Prompt
from labeling.text import normalised, sha256


class Pairs(StrEnum):
    """Which pairs of a ranking become rows."""

    BEST_VS_WORST = "best_vs_worst"
    ALL = "all"
    ADJACENT = "adjacent"
    BEST_VS_REST = "best_vs_rest"


class Responses(StrEnum):
    """Which responses to a prompt become rows of demonstrations."""

    ANY = "any"
    HUMAN = "human"
    BEST = "best"


class Edits(StrEnum):
    """Which pairs an edited response becomes the better side of."""

    OVER_ORIGINAL = "over_original"
    OVER_WORSE = "over_worse"
    ONLY = "only"
    NONE = "none"


class Split(StrEnum):
    """A part of the dataset, by prompt."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


# The share of opening user turns that falls into each part, in this order.
SHARES: dict[Split, float] = {Split.TRAIN: 0.8, Split.VALIDATION: 0.1, Split.TEST: 0.1}


@dataclass(frozen=True)
class Policies:
    """How answers become rows. `split` None: the whole dataset in one file."""

    pairs: Pairs = Pairs.BEST_VS_WORST
    responses: Responses = Responses.ANY
    edits: Edits = Edits.OVER_ORIGINAL
    split: Split | None = None


def split_of(prompt: Prompt, ratios: tuple[int, int, int] = (80, 10, 10)) -> Split:
    """The part that a prompt belongs to: by a hash of its opening user turn, so that it never changes.

    Prompts that open alike (whatever their case, white space and Unicode form) share a part, and so do all rows of
    a prompt: what a model is tested on it has not been trained on. `ratios` are the percent of train, validation and
    test, 100 in all.
    """
    digest = hashlib.sha256(normalised(prompt.opening).encode()).digest()
    point = int.from_bytes(digest[:8], "big")
    edge = 0
    for split, percent in zip(Split, ratios, strict=True):
        edge += percent
        if 100 * point < edge * 2**64:
            return split
    raise ValueError(f"ratios must come to 100, not {edge}")


@dataclass(frozen=True)
class Preference:
    """`better` stands above `worse` for a strict majority of those who ranked both.

    `gap` is how many places lie between them, as a mean over the raters; ties count 0 and the other way round
    counts negative. `strength` is how much better those who agree call it, as a mean, of `strengths` degrees; `margin`
    is the same from 0 for the weakest degree to 1 for the strongest. All are 0 where no degree was asked.
    """

    better: int
    worse: int
    votes: int
    against: int
    tied: int
    gap: float
    strength: float = 0.0
    strengths: int = 0
    margin: float = 0.0

    @property
    def raters(self) -> int:
        return self.votes + self.against + self.tied

    @property
    def agreement(self) -> float:
        """The share of raters who put `better` above `worse`: over 0.5, up to 1."""
        return self.votes / self.raters


def majorities(rankings: Sequence[Ranking]) -> list[Preference]:
    """Every pair of candidates that a strict majority of its raters puts in the same order.

    A rater who ties the two is counted among the raters, so a pair that one of two people ties is a tie. Never holds
    a pair in both directions. With three raters or more the pairs may run in a circle (Condorcet's paradox).
    """
    found = []
    candidates = sorted({candidate for ranking in rankings for candidate in ranking.places})
    for one, other in combinations(candidates, 2):
        both = [ranking for ranking in rankings if one in ranking.places and other in ranking.places]
        distances = [ranking.places[other] - ranking.places[one] for ranking in both]
        above = sum(distance > 0 for distance in distances)
        below = sum(distance < 0 for distance in distances)
        tied = len(both) - above - below
        if 2 * above > len(both):
            found.append(Preference(one, other, above, below, tied, sum(distances) / len(both), *_degree(both, one)))
        elif 2 * below > len(both):
            found.append(Preference(other, one, below, above, tied, -sum(distances) / len(both), *_degree(both, other)))
    return found


def _degree(rankings: Sequence[Ranking], better: int) -> tuple[float, int, float]:
    """How much better those who prefer a candidate call it: the mean degree, the number of degrees, the margin."""
    said = [ranking for ranking in rankings if ranking.strengths and ranking.places[better] == 0]
    # Whoever had one degree alone was not asked how much; with that alone there is nothing to tell a margin from.
    said = [ranking for ranking in said if ranking.strengths > 1] or said
    if not said:
        return 0.0, 0, 0.0
    strength = sum(ranking.strength for ranking in said) / len(said)
    margin = sum((r.strength - 1) / (r.strengths - 1) for r in said if r.strengths > 1) / len(said)
    return strength, max(ranking.strengths for ranking in said), margin


def levels(candidates: Collection[int], preferences: Collection[Preference]) -> dict[int, int]:
    """Each candidate's level, 0 for the best: by Copeland's score, the pairs it wins less the pairs it loses.

    For one rater these are the places of the ranking. Candidates in a circle share a level.
    """
    scores = dict.fromkeys(candidates, 0)
    for preference in preferences:
        scores[preference.better] += 1
        scores[preference.worse] -= 1
    order = {score: level for level, score in enumerate(sorted(set(scores.values()), reverse=True))}
    return {candidate: order[score] for candidate, score in scores.items()}


def runs_in_circle(preferences: Collection[Preference]) -> bool:
    """Whether majorities contradict one another: A above B, B above C, and C above A."""
    left = {p.better for p in preferences} | {p.worse for p in preferences}
    while left:
        unbeaten = left - {p.worse for p in preferences if p.better in left}
        if not unbeaten:
            return True
        left -= unbeaten
    return False


def choose(preferences: Sequence[Preference], candidates: Collection[int], pairs: Pairs) -> list[Preference]:
    """The pairs that a policy asks for, the widest first. Ties and pairs without a strict majority give none.

    Where several candidates share the best or the worst level, `best_vs_worst` takes the pair with the largest
    majority, then the widest gap; what is still equal is decided by a hash of the ids, so that no generator wins
    for having been first.
    """
    at = levels(candidates, preferences)
    worst = max(at.values(), default=0)
    chosen = sorted(
        (p for p in preferences if _fits(pairs, at[p.better], at[p.worse], worst)),
        key=lambda p: (p.votes - p.against, p.gap, sha256(f"{p.better} {p.worse}")),
        reverse=True,
    )
    return chosen[:1] if pairs is Pairs.BEST_VS_WORST else chosen


def _fits(pairs: Pairs, better: int, worse: int, lowest: int) -> bool:
    match pairs:
        case Pairs.ALL:
            return True
        case Pairs.ADJACENT:
            return worse - better == 1
        case Pairs.BEST_VS_REST:
            return better == 0 and worse > 0
        case Pairs.BEST_VS_WORST:
            return better == 0 and worse == lowest and lowest > 0


@dataclass(frozen=True)
class Best:
    """The candidate that beats every other one. `agreement` is the smallest majority it does so with."""

    candidate: int
    raters: int
    agreement: float


def best(judged_here: Judged, texts: Mapping[int, str]) -> Best | None:
    """The candidate that a strict majority puts above each of the others (Condorcet's winner), or None.

    Candidates with the same text are one candidate here. Two that tie for the best place make none the best: which
    of them to train on is not for the export to guess.
    """
    preferences = majorities(judged_here.rankings)
    won = {(p.better, p.worse): p.agreement for p in preferences}
    candidates = judged_here.candidates
    for candidate in sorted(candidates, key=lambda c: sha256(str(c))):
        others = [other for other in candidates if texts[other] != texts[candidate]]
        if others and all((candidate, other) in won for other in others):
            agreement = min(won[candidate, other] for other in others)
            return Best(candidate, len(judged_here.rankings), agreement)
    return None


def accepted(candidate: int, judged_here: Judged) -> bool:
    """Whether a strict majority of those who were asked did not turn a candidate down. True where nobody was asked."""
    asked = [r.acceptable for r in judged_here.rankings if r.acceptable is not None and candidate in r.places]
    return not asked or 2 * sum(candidate in acceptable for acceptable in asked) > len(asked)


def label_of(votes: Sequence[bool | None]) -> bool | None:
    """What a strict majority of the people who were asked says of a response: good, bad, or None for neither."""
    if 2 * votes.count(True) > len(votes):
        return True
    if 2 * votes.count(False) > len(votes):
        return False
    return None
