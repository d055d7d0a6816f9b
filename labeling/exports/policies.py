"""From what several people said to what a file says: consensus of rankings, choice of pairs, splits. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from labeling.exports.records import Annotation, Example, Prompt
from labeling.questions.rank import places
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
    split: Split | None = None


def split_of(prompt: Prompt) -> Split:
    """The part that a prompt belongs to: by a hash of its opening user turn, so that it never changes.

    Prompts that open alike (whatever their case, white space and Unicode form) share a part, and so do all rows of
    a prompt: what a model is tested on it has not been trained on.
    """
    digest = hashlib.sha256(normalised(prompt.opening).encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    edge = 0.0
    for split, share in SHARES.items():
        edge += share
        if point < edge:
            return split
    return Split.TEST


@dataclass(frozen=True)
class Ranking:
    """One person's order of candidates: the place of each id, 0 for the best, ties sharing one.

    `acceptable` holds the ids that the person called good enough; None where that was not asked.
    """

    places: Mapping[int, int]
    acceptable: frozenset[int] | None = None


@dataclass(frozen=True)
class Judged:
    """All rankings of one prompt under one question of one queue."""

    queue: str
    question: str
    task_id: int
    rankings: tuple[Ranking, ...]

    @property
    def candidates(self) -> list[int]:
        """The ids that were ranked, in ascending order."""
        return sorted({candidate for ranking in self.rankings for candidate in ranking.places})


@dataclass(frozen=True)
class Preference:
    """`better` stands above `worse` for a strict majority of those who ranked both.

    `gap` is how many places lie between them, as a mean over the raters; ties count 0 and the other way round
    counts negative.
    """

    better: int
    worse: int
    votes: int
    against: int
    tied: int
    gap: float

    @property
    def raters(self) -> int:
        return self.votes + self.against + self.tied

    @property
    def agreement(self) -> float:
        """The share of raters who put `better` above `worse`: over 0.5, up to 1."""
        return self.votes / self.raters


def ranking_of(annotation: Annotation, question: str) -> Ranking:
    """The answer to a `rank` question, with candidates' ids in place of the keys that the annotator saw."""
    answer = annotation.answers[question]
    line = answer.get("acceptable")
    accepted = None
    if line is not None:
        accepted = frozenset(annotation.shown[key] for group in answer["groups"][:line] for key in group)
    return Ranking({annotation.shown[key]: place for key, place in places(answer).items()}, accepted)


def judged(example: Example) -> list[Judged]:
    """The rankings of a prompt, grouped by queue and question, in the order in which each was first answered."""
    found: dict[tuple[str, str], tuple[int, list[Ranking]]] = {}
    for annotation in example.current:
        for question in annotation.form.names_of("rank"):
            if question in annotation.answers:
                group = found.setdefault((annotation.queue, question), (annotation.task_id, []))
                group[1].append(ranking_of(annotation, question))
    return [
        Judged(queue, question, task_id, tuple(rankings)) for (queue, question), (task_id, rankings) in found.items()
    ]


def written(example: Example) -> Iterator[tuple[Annotation, str, str]]:
    """What people wrote as a response: annotation, question and text, for every `write` question that is required."""
    for annotation in example.current:
        for question in annotation.form.names_of("write"):
            if annotation.form.required(question) and question in annotation.answers:
                yield annotation, question, annotation.answers[question]["text"]


def majorities(rankings: Sequence[Ranking]) -> list[Preference]:
    """Every pair of candidates that a strict majority of its raters puts in the same order.

    A rater who ties the two is counted among the raters, so a pair that one of two people ties is a tie. Never holds
    a pair in both directions. With three raters or more the pairs may run in a circle (Condorcet's paradox).
    """
    found = []
    candidates = sorted({candidate for ranking in rankings for candidate in ranking.places})
    for one, other in combinations(candidates, 2):
        distances = [r.places[other] - r.places[one] for r in rankings if one in r.places and other in r.places]
        above = sum(distance > 0 for distance in distances)
        below = sum(distance < 0 for distance in distances)
        tied = len(distances) - above - below
        if 2 * above > len(distances):
            found.append(Preference(one, other, above, below, tied, sum(distances) / len(distances)))
        elif 2 * below > len(distances):
            found.append(Preference(other, one, below, above, tied, -sum(distances) / len(distances)))
    return found


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
    acceptable: bool


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
            return Best(candidate, len(judged_here.rankings), agreement, _accepted(candidate, judged_here))
    return None


def verdict(candidate: int, judged_here: Judged) -> tuple[int, int] | None:
    """How many called a candidate good enough, and how many did not. None where nobody was asked."""
    asked = [r.acceptable for r in judged_here.rankings if r.acceptable is not None and candidate in r.places]
    if not asked:
        return None
    good = sum(candidate in accepted for accepted in asked)
    return good, len(asked) - good


def _accepted(candidate: int, judged_here: Judged) -> bool:
    votes = verdict(candidate, judged_here)
    return votes is None or votes[0] > votes[1]
