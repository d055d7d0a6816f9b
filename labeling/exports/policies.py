"""From what several people said to what a file says: consensus, choice of pairs, splits. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import combinations

from labeling.exports.answers import Judged, Ranking
from labeling.exports.records import Prompt, value
from labeling.text import opening_key, sha256


class Pairs(StrEnum):
    """Which pairs of a ranking become rows."""

    BEST_VS_WORST = "best_vs_worst"
    ALL = "all"
    ADJACENT = "adjacent"
    BEST_VS_REST = "best_vs_rest"
    BEST_VS_RANDOM = "best_vs_random"


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


class Style(StrEnum):
    """How prompts and responses are written: as messages, or as plain text."""

    CONVERSATIONAL = "conversational"
    STANDARD = "standard"


class Consensus(StrEnum):
    """How several people's rankings become one order: by majorities of each pair, or by Borda's count."""

    MAJORITY = "majority"
    BORDA = "borda"


class Order(StrEnum):
    """In which order prompts stand: as they were imported, or drawn by a seed."""

    IMPORTED = "imported"
    SHUFFLED = "shuffled"


class Margin(StrEnum):
    """What the margin of a pair is taken from: the degree of comparisons, or the ratings of its two sides."""

    STRENGTH = "strength"
    RATINGS = "ratings"


class Ratings(StrEnum):
    """How several people's ratings of one response become one: the mean of the closest three, or of all."""

    CLOSEST = "closest"
    MEAN = "mean"


class Reviewed(StrEnum):
    """Which answers become rows by what a reviewer said of them."""

    ANY = "any"
    NOT_REJECTED = "not_rejected"
    ACCEPTED = "accepted"


class Dedupe(StrEnum):
    """Whether a row whose texts the file has already is left out."""

    NONE = "none"
    ROWS = "rows"


class ControlTokens(StrEnum):
    """What becomes of text that a tokenizer would read as a control token."""

    WARN = "warn"
    ESCAPE = "escape"
    DROP = "drop"


class SplitBy(StrEnum):
    """What decides the part that a prompt belongs to."""

    HASH = "hash"
    TAG = "tag"


class Split(StrEnum):
    """A part of the dataset, by prompt."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


# The percent of opening user turns that falls into train, validation and test where nothing else is asked for.
USUAL: tuple[int, int, int] = (80, 10, 10)


@dataclass(frozen=True)
class Policies:
    """How answers become rows. docs/exports.md says what each means; `settings` how each is written.

    `split` None: the whole dataset in one file. Shares are from 0 to 1, and None where a rule is off; lengths are in
    code points. `ratios` are the percent of train, validation and test.
    """

    pairs: Pairs = Pairs.BEST_VS_WORST
    responses: Responses = Responses.ANY
    edits: Edits = Edits.OVER_ORIGINAL
    style: Style = Style.CONVERSATIONAL
    consensus: Consensus = Consensus.MAJORITY
    order: Order = Order.IMPORTED
    seed: int = 0
    max_pairs: int | None = None
    min_strength: float | None = None
    margin: Margin = Margin.STRENGTH
    ratings: Ratings = Ratings.CLOSEST
    attributes: tuple[str, ...] = ()
    kto_good: float | None = None
    kto_bad: float | None = None
    min_raters: int | None = None
    min_agreement: float | None = None
    reviewed: Reviewed = Reviewed.NOT_REJECTED
    models: tuple[str, ...] = ()
    without_models: tuple[str, ...] = ()
    min_characters: int | None = None
    max_characters: int | None = None
    dedupe: Dedupe = Dedupe.NONE
    control_tokens: ControlTokens = ControlTokens.WARN
    max_tokens: int | None = None
    tokenizer: str = ""
    split_by: SplitBy = SplitBy.HASH
    ratios: tuple[int, int, int] = USUAL
    split: Split | None = None


def group_of(prompt: Prompt) -> bytes:
    """What all prompts have in common that must share a part, in 16 bytes.

    It is the opening user turn: prompts that open alike, whatever their case, white space and Unicode form, are one
    group, with those that were found to open nearly alike in time.
    """
    return prompt.group or opening_key(prompt.opening)


def split_of(group: bytes, ratios: tuple[int, int, int] = USUAL) -> Split:
    """The part that a group belongs to: by its key, which is a hash, so that it never changes as the project grows.

    `ratios` are the percent of train, validation and test, 100 in all. All rows of a prompt share its part, and so do
    all prompts of its group: what a model is tested on it has not been trained on.
    """
    point = int.from_bytes(group[:8], "big")
    edge = 0
    for split, percent in zip(Split, ratios, strict=True):
        edge += percent
        if 100 * point < edge * 2**64:
            return split
    raise ValueError(f"ratios must come to 100, not {edge}")


@value
class Preference:
    """`better` stands above `worse` for a strict majority of those who ranked both.

    `gap` is how many places lie between them, as a mean over the raters; ties count 0 and the other way round
    counts negative. `strength` is how much better those who agree call it, as a mean, of `strengths` degrees; `margin`
    is the same as a share of the strongest degree, so that the weakest is more than nothing; `degree` goes from 0 for
    the weakest to 1 for the strongest. All are 0 where no degree was asked.
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
    degree: float = 0.0

    @property
    def raters(self) -> int:
        return self.votes + self.against + self.tied

    @property
    def agreement(self) -> float:
        """The share of raters who put `better` above `worse`: over 0.5, up to 1; by Borda's count perhaps less."""
        return self.votes / self.raters


def majorities(rankings: Sequence[Ranking]) -> list[Preference]:
    """Every pair of candidates that a strict majority of its raters puts in the same order.

    A rater who ties the two is counted among the raters, so a pair that one of two people ties is a tie. Never holds
    a pair in both directions. With three raters or more the pairs may run in a circle (Condorcet's paradox): see
    `circles_in`.
    """
    found = []
    candidates = sorted(set().union(*[ranking.places for ranking in rankings]))
    degrees = any(ranking.strengths for ranking in rankings)
    # Plain loops: most of the time of an export of pairs goes through them.
    for one, other in combinations(candidates, 2):
        both, above, below, apart = [], 0, 0, 0
        for ranking in rankings:
            places = ranking.places
            if one in places and other in places:
                both.append(ranking)
                distance = places[other] - places[one]
                apart += distance
                above += distance > 0
                below += distance < 0
        raters = len(both)
        if 2 * max(above, below) > raters:
            better, worse, gap = (one, other, apart) if above > below else (other, one, -apart)
            votes, against = max(above, below), min(above, below)
            degree = _degree(both, better) if degrees else ()
            found.append(Preference(better, worse, votes, against, raters - votes - against, gap / raters, *degree))
    return found


def preference_of(rankings: Sequence[Ranking], better: int, worse: int) -> Preference:
    """What these rankings, which all have both candidates, say of the one above the other."""
    votes = against = apart = 0
    for ranking in rankings:
        distance = ranking.places[worse] - ranking.places[better]
        votes += distance > 0
        against += distance < 0
        apart += distance
    tied = len(rankings) - votes - against
    return Preference(better, worse, votes, against, tied, apart / len(rankings), *_degree(rankings, better))


def _degree(rankings: Sequence[Ranking], better: int) -> tuple[float, int, float, float]:
    """How much better those who prefer a candidate call it: as the last four fields of a preference."""
    said = [ranking for ranking in rankings if ranking.strengths and ranking.places[better] == 0]
    # Whoever had one degree alone was not asked how much; with that alone there is nothing to tell a margin from.
    said = [ranking for ranking in said if ranking.strengths > 1] or said
    if not said:
        return 0.0, 0, 0.0, 0.0
    strength = sum(ranking.strength for ranking in said) / len(said)
    margin = sum(r.strength / r.strengths for r in said if r.strengths > 1) / len(said)
    degree = sum((r.strength - 1) / (r.strengths - 1) for r in said if r.strengths > 1) / len(said)
    return strength, max(ranking.strengths for ranking in said), margin, degree


def levels(
    candidates: Collection[int], preferences: Collection[Preference], circles: Collection[Collection[int]] = ()
) -> dict[int, int]:
    """Each candidate's level, 0 for the best: by Copeland's score, the pairs it wins less the pairs it loses.

    For one rater these are the places of the ranking. Candidates in a circle share a level, which is that of the mean
    of their scores; `preferences` hold none between them.
    """
    scores: dict[int, Fraction | int] = dict.fromkeys(candidates, 0)
    for preference in preferences:
        scores[preference.better] += 1
        scores[preference.worse] -= 1
    for circle in circles:
        scores |= dict.fromkeys(circle, Fraction(sum(scores[candidate] for candidate in circle), len(circle)))
    order = {score: level for level, score in enumerate(sorted(set(scores.values()), reverse=True))}
    return {candidate: order[score] for candidate, score in scores.items()}


def circles_in(preferences: Collection[Preference]) -> list[frozenset[int]]:
    """The candidates that majorities put above one another in a circle (A above B, B above C, and C above A).

    Each of a circle stands above each other one by way of some: the strongly connected components of more than one.
    """
    below: dict[int, set[int]] = {}
    for preference in preferences:
        below.setdefault(preference.better, set()).add(preference.worse)
    reached = {candidate: _reached(candidate, below) for candidate in _circling(preferences)}
    found: list[frozenset[int]] = []
    for candidate in sorted(reached):
        circle = frozenset(other for other in reached[candidate] if candidate in reached.get(other, ()))
        if circle and circle not in found:
            found.append(circle)
    return found


def _circling(preferences: Collection[Preference]) -> set[int]:
    """What is left once nothing is above all of the rest: nothing where no majorities contradict one another."""
    left = {p.better for p in preferences} | {p.worse for p in preferences}
    while left:
        unbeaten = left - {p.worse for p in preferences if p.better in left}
        if not unbeaten:
            break
        left -= unbeaten
    return left


def _reached(candidate: int, below: Mapping[int, Collection[int]]) -> set[int]:
    """All that stands below a candidate, by way of others too."""
    found: set[int] = set()
    waiting = [candidate]
    while waiting:
        new = set(below.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def choose(
    preferences: Sequence[Preference],
    candidates: Collection[int],
    pairs: Pairs,
    *,
    seed: int = 0,
    at: Mapping[int, int] | None = None,
) -> list[Preference]:
    """The pairs that a policy asks for, the widest first. Ties and pairs without a strict majority give none.

    `at` is the level of each candidate; without it `levels` says. Where several candidates share the best or the worst
    level, `best_vs_worst` takes the pair with the largest majority, then the widest gap; what is still equal is decided
    by a hash of the ids, so that no generator wins for having been first. `best_vs_random` draws one of the pairs of
    `best_vs_rest` by a hash of the ids and the seed: it stays the same as long as these candidates do.
    """
    at = levels(candidates, preferences) if at is None else at
    worst = max(at.values(), default=0)
    fit = [p for p in preferences if _fits(pairs, at[p.better], at[p.worse], worst)]
    if len(fit) < 2:
        return fit
    if pairs is Pairs.BEST_VS_WORST:  # one of the widest, and few need a hash
        most = max(map(_width, fit))
        return [max((p for p in fit if _width(p) == most), key=_hash_of)]
    fit = sorted(fit, key=lambda p: (_width(p), _hash_of(p)), reverse=True)
    if pairs is Pairs.BEST_VS_RANDOM:
        return sorted(fit, key=lambda p: sha256(f"{seed} {p.better} {p.worse}"))[:1]
    return fit


def _width(preference: Preference) -> tuple[int, float]:
    return preference.votes - preference.against, preference.gap


def _hash_of(preference: Preference) -> str:
    return sha256(f"{preference.better} {preference.worse}")


def _fits(pairs: Pairs, better: int, worse: int, lowest: int) -> bool:
    if pairs is Pairs.BEST_VS_WORST:
        return better == 0 and worse == lowest and lowest > 0
    if pairs is Pairs.ALL:
        return True
    if pairs is Pairs.ADJACENT:
        return worse - better == 1
    return better == 0 and worse > 0


@value
class Best:
    """The candidate that beats every other one.

    `raters` is how many people judged the pair with another one that the fewest judged, `agreement` the smallest share
    of raters who say so of a pair.
    """

    candidate: int
    raters: int
    agreement: float


def above_all(preferences: Sequence[Preference], judged_here: Judged, texts: Mapping[int, str]) -> Best | None:
    """The candidate that these preferences put above each of the others, or None: of majorities, Condorcet's winner.

    Candidates with the same text are one candidate here. Two that tie for the best place make none the best: which
    of them to train on is not for the export to guess.
    """
    won = {(p.better, p.worse): p for p in preferences}
    candidates = judged_here.candidates
    for candidate in sorted(candidates, key=lambda c: sha256(str(c))):
        others = [other for other in candidates if texts[other] != texts[candidate]]
        if others and all((candidate, other) in won for other in others):
            over = [won[candidate, other] for other in others]
            return Best(candidate, min(p.raters for p in over), min(p.agreement for p in over))
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
