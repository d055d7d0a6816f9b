"""What people rated responses by, as one number for each attribute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import combinations

from labeling.exports.consensus import rating_of
from labeling.exports.policies import Ratings
from labeling.exports.records import Candidate, Example, value
from labeling.questions import Config


@value
class Rated:
    """A response with the ratings it got: every rater's number, by the name of the question.

    `queue` is where it was rated: of several queues all names, with a plus between.
    """

    candidate: Candidate
    task_id: int
    queue: str
    numbers: Mapping[str, tuple[int, ...]]

    def rating(self, attribute: str, together: Ratings) -> float:
        """What all raters come to, on the scale that was asked. ZeroDivisionError where there is none."""
        return rating_of([Fraction(number) for number in self.numbers[attribute]], together)

    def agreement(self, attribute: str, asked: Config) -> float:
        """How near the raters are: 1 less the mean distance of two of them, as a share of the scale; 1 of one alone."""
        apart = [abs(one - other) for one, other in combinations(self.numbers[attribute], 2)]
        if not apart:
            return 1.0
        return float(1 - Fraction(sum(apart), len(apart) * (asked["max"] - asked["min"])))


@value
class _Given:
    """One number that somebody gave a response."""

    question: str
    config: Config
    candidate: int
    number: int
    task_id: int
    queue: str


def scales(example: Example) -> dict[str, Config]:
    """The questions that rate each response in the form that asks the most of them, by name; {} for none.

    The same for every prompt of an export: the questions become columns of its file.
    """
    return max((_scales(form.questions) for form in example.forms.values()), key=len, default={})


def every_scale(example: Example) -> dict[str, Config]:
    """The questions that rate each response in any queue, by name; of two with one name the first."""
    found: dict[str, Config] = {}
    for form in example.forms.values():
        found = _scales(form.questions) | found
    return found


def _scales(questions: tuple[Config, ...]) -> dict[str, Config]:
    return {one["name"]: one for one in questions if one["type"] == "rate" and one["per"] == "candidate"}


def ratings(example: Example, asked: Mapping[str, Config]) -> list[Rated]:
    """The responses that were rated, by ascending id, with what each question of `asked` got in whichever queue.

    A rating on another scale, as before the form was changed, is no rating: the two have no mean. Somebody who rated a
    response in two queues is two raters, as everywhere.
    """
    given: dict[int, dict[str, list[int]]] = {}
    tasks: dict[int, int] = {}
    queues: dict[int, dict[str, None]] = {}
    for one in _given(example):
        if _is_on(one, asked):
            given.setdefault(one.candidate, {name: [] for name in asked})[one.question].append(one.number)
            tasks.setdefault(one.candidate, one.task_id)
            queues.setdefault(one.candidate, {})[one.queue] = None
    return [
        Rated(
            example.candidates[pk],
            tasks[pk],
            "+".join(queues[pk]),
            {name: tuple(numbers) for name, numbers in given[pk].items()},
        )
        for pk in sorted(given)
    ]


def left_out(example: Example, asked: Mapping[str, Config], found: list[Rated]) -> int:
    """How many of the ratings that these responses got are in none of their numbers."""
    rated = {one.candidate.id for one in found}
    counted = sum(len(numbers) for one in found for numbers in one.numbers.values())
    return sum(one.candidate in rated for one in _given(example)) - counted


def rated_anywhere(example: Example) -> set[int]:
    """The ids of the responses that somebody rated, in whichever queue and by whichever question."""
    return {one.candidate for one in _given(example)}


def _is_on(given: _Given, asked: Mapping[str, Config]) -> bool:
    """Whether a number answers one of these questions, on its scale."""
    known = asked.get(given.question)
    return known is not None and all(given.config[end] == known[end] for end in ("min", "max"))


def _given(example: Example) -> Iterator[_Given]:
    for annotation in example.current:
        for name, question in _scales(annotation.form.questions).items():
            for key, number in annotation.answers.get(name, {}).items():
                yield _Given(name, question, annotation.shown[key], number, annotation.task_id, annotation.queue)
