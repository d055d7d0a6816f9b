"""What people said, read from their stored answers: what they wrote and edited, ordered, and called good or bad.

Candidates' ids stand in place of the keys that each annotator saw. Nothing is put together here: see `policies`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction

from labeling.exports.records import Annotation, Example, value
from labeling.questions import Config


@value
class Text:
    """A response that somebody wrote, or made from the candidate `original`."""

    annotation: Annotation
    question: str
    text: str
    original: int | None = None


@value
class Ranking:
    """One person's order of candidates: the place of each id, 0 for the best, ties sharing one.

    `acceptable` holds the ids that the person did not turn down; None where that was not asked. Of two that were
    compared, `strength` is how much better the first is, from 1 to `strengths`; both are 0 where no degree was given.
    """

    places: Mapping[int, int]
    acceptable: frozenset[int] | None = None
    strength: int = 0
    strengths: int = 0


@value
class Judged:
    """All rankings of one prompt under one question of one queue. `source`: `ranked`, or `compared` for two.

    `candidates` are the ids that were ranked, in ascending order.
    """

    queue: str
    question: str
    task_id: int
    source: str
    rankings: tuple[Ranking, ...]
    candidates: Sequence[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "candidates", sorted(set().union(*[ranking.places for ranking in self.rankings])))


@value
class Verdicts:
    """What people said of each candidate by itself, under one question of one queue.

    True: it is good. False: it is bad. None: the person was asked and said neither.
    """

    queue: str
    question: str
    task_id: int
    source: str
    votes: Mapping[int, tuple[bool | None, ...]]


@value
class Shares:
    """How far up the scale people put each candidate, under all questions of one queue that were asked for.

    One number a person, from 0 for the lowest step to 1 for the highest: the mean over the questions they answered.
    `question` names these, with a plus between.
    """

    queue: str
    question: str
    task_id: int
    ratings: Mapping[int, tuple[Fraction, ...]]


def written(example: Example) -> Iterator[Text]:
    """The responses that people wrote: what they had to write where it was asked, and not a new prompt."""
    for annotation, question in _answered(example, "write"):
        # Forms from before there were modes have none: they asked for responses.
        if question["required"] and question.get("mode", "response") == "response":
            yield Text(annotation, question["name"], annotation.answers[question["name"]]["text"])


def edited(example: Example) -> Iterator[Text]:
    """The candidates that people edited, changed or not."""
    for annotation, question in _answered(example, "edit"):
        answer = annotation.answers[question["name"]]
        yield Text(annotation, question["name"], answer["text"], annotation.shown[answer["candidate"]])


def judged(example: Example, without: Collection[int] = ()) -> list[Judged]:
    """The rankings of a prompt, grouped by queue and question, in the order in which each was first answered.

    Candidates `without` are left out as if nobody had been shown them; the others keep their places.
    """
    found: dict[tuple[str, str], tuple[int, str, list[Ranking]]] = {}
    for annotation, question in _answered(example, "rank", "compare"):
        source = "ranked" if question["type"] == "rank" else "compared"
        group = found.setdefault((annotation.queue, question["name"]), (annotation.task_id, source, []))
        group[2].append(_less(ranking_of(annotation, question), without))
    return [
        Judged(queue, question, task_id, source, tuple(rankings))
        for (queue, question), (task_id, source, rankings) in found.items()
    ]


def _less(ranking: Ranking, without: Collection[int]) -> Ranking:
    if not without:
        return ranking
    places = {candidate: place for candidate, place in ranking.places.items() if candidate not in without}
    return replace(ranking, places=places)


def rankings_of(annotation: Annotation) -> Iterator[Ranking]:
    """Every order of candidates that one annotation holds."""
    for question in annotation.form.asking("rank", "compare"):
        if question["name"] in annotation.answers:
            yield ranking_of(annotation, question)


def ranking_of(annotation: Annotation, question: Config) -> Ranking:
    """The answer to a `rank` or `compare` question: a comparison is a ranking of two."""
    return _ranked(annotation, question) if question["type"] == "rank" else _compared(annotation, question)


def _ranked(annotation: Annotation, question: Config) -> Ranking:
    answer, shown = annotation.answers[question["name"]], annotation.shown
    line = answer.get("acceptable")
    accepted = None
    if line is not None:
        accepted = frozenset([shown[key] for group in answer["groups"][:line] for key in group])
    return Ranking({shown[key]: place for place, group in enumerate(answer["groups"]) for key in group}, accepted)


def _compared(annotation: Annotation, question: Config) -> Ranking:
    answer = annotation.answers[question["name"]]
    preferred = answer["preferred"]
    order = {candidate: int(preferred not in (None, key)) for key, candidate in annotation.shown.items()}
    accepted = None
    if question["both_bad"]:
        accepted = frozenset() if answer.get("both_bad") else frozenset(order)
    strength = answer.get("strength", 0)
    return Ranking(order, accepted, strength, len(question["strengths"]) if strength else 0)


def verdicts(example: Example, without: Collection[int] = ()) -> list[Verdicts]:
    """What was said of a prompt's candidates, but for those `without`, in absolute terms: by queue and question.

    The line of acceptability of `rank`, `rate` with two steps for each candidate (the higher is good), and `compare`
    where it asks whether both are bad. That one response is better than another says nothing of either by itself.
    """
    found: dict[tuple[str, str], tuple[int, str, dict[int, list[bool | None]]]] = {}
    for annotation, question in _answered(example, "rank", "rate", "compare"):
        said = _said(annotation, question)
        if said:
            source = {"rank": "ranked", "rate": "rated", "compare": "compared"}[question["type"]]
            group = found.setdefault((annotation.queue, question["name"]), (annotation.task_id, source, {}))
            for candidate, good in said.items():
                if candidate in without:
                    continue
                group[2].setdefault(candidate, []).append(good)
    return [
        Verdicts(queue, question, task_id, source, {candidate: tuple(said) for candidate, said in votes.items()})
        for (queue, question), (task_id, source, votes) in found.items()
    ]


def _said(annotation: Annotation, question: Config) -> Mapping[int, bool | None]:
    """One person's word on each candidate; empty where the question asks for none."""
    answer = annotation.answers[question["name"]]
    match question["type"]:
        case "rank":
            ranking = _ranked(annotation, question)
            accepted = ranking.acceptable
            return {} if accepted is None else {candidate: candidate in accepted for candidate in ranking.places}
        case "rate" if question["per"] == "candidate" and question["max"] - question["min"] == 1:
            return {annotation.shown[key]: number == question["max"] for key, number in answer.items()}
        case "compare" if question["both_bad"]:
            # Not to call both bad does not make either good: it only counts against “bad”.
            return dict.fromkeys(annotation.shown.values(), False if answer.get("both_bad") else None)
    return {}


def shares(example: Example, attributes: Collection[str] = (), without: Collection[int] = ()) -> list[Shares]:
    """The ratings of a prompt's candidates, but for those `without`, on scales of more than two steps, by queue.

    Only questions named in `attributes` count, all of them where none is named. Two steps are a verdict: `verdicts`.
    """
    found: dict[str, tuple[int, dict[str, None], dict[int, list[Fraction]]]] = {}
    for annotation in example.current:
        asked = [question for question in annotation.form.asking("rate") if _rates(question, annotation, attributes)]
        if not asked:
            continue
        _, names, ratings = found.setdefault(annotation.queue, (annotation.task_id, {}, {}))
        names |= dict.fromkeys(question["name"] for question in asked)
        for candidate, numbers in _ratings(annotation, asked).items():
            if candidate not in without:
                ratings.setdefault(candidate, []).append(sum(numbers, Fraction()) / len(numbers))
    return [
        Shares(queue, "+".join(names), task_id, {candidate: tuple(given) for candidate, given in ratings.items()})
        for queue, (task_id, names, ratings) in found.items()
    ]


def _rates(question: Config, annotation: Annotation, attributes: Collection[str]) -> bool:
    """Whether this question rates each response on more than two steps, counts, and was answered."""
    return (
        question["per"] == "candidate"
        and question["max"] - question["min"] > 1
        and question["name"] in annotation.answers
        and (not attributes or question["name"] in attributes)
    )


def _ratings(annotation: Annotation, asked: Collection[Config]) -> dict[int, list[Fraction]]:
    """One person's ratings of each candidate, one for each question."""
    found: dict[int, list[Fraction]] = {}
    for question in asked:
        low, high = question["min"], question["max"]
        for key, number in annotation.answers[question["name"]].items():
            found.setdefault(annotation.shown[key], []).append(Fraction(number - low, high - low))
    return found


def _answered(example: Example, *kinds: str) -> Iterator[tuple[Annotation, Config]]:
    """Every current annotation with every question of these types that it answers."""
    for annotation in example.current:
        for question in annotation.form.asking(*kinds):
            if question["name"] in annotation.answers:
                yield annotation, question
