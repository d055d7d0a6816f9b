"""What people rated responses by, as one number for each attribute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from labeling.exports.consensus import rating_of
from labeling.exports.policies import Ratings
from labeling.exports.records import Candidate, Example
from labeling.questions import Config


@dataclass(frozen=True)
class Rated:
    """A response with the ratings it got: every rater's number, by the name of the question."""

    candidate: Candidate
    task_id: int
    numbers: Mapping[str, tuple[int, ...]]

    def rating(self, attribute: str, together: Ratings) -> float:
        """What all raters come to, on the scale that was asked. ZeroDivisionError where there is none."""
        return rating_of([Fraction(number) for number in self.numbers[attribute]], together)


def scales(example: Example) -> tuple[str, dict[str, Config]]:
    """The queue whose form asks the most ratings for each response, and these questions by name; ("", {}) for none.

    The same for every prompt of an export: the questions become columns of its file.
    """
    found = {queue: _scales(form.questions) for queue, form in example.forms.items()}
    queue = max(found, key=lambda queue: len(found[queue]), default="")
    return (queue, found[queue]) if queue and found[queue] else ("", {})


def _scales(questions: tuple[Config, ...]) -> dict[str, Config]:
    return {one["name"]: one for one in questions if one["type"] == "rate" and one["per"] == "candidate"}


def ratings(example: Example, queue: str, asked: Mapping[str, Config]) -> list[Rated]:
    """The responses that were rated in a queue, by ascending id, with what each question of `asked` got.

    A rating on another scale, from before the form was changed, is no rating: the two have no mean.
    """
    numbers: dict[int, dict[str, list[int]]] = {}
    tasks: dict[int, int] = {}
    for name, candidate_id, number, task_id in _given(example, queue, asked):
        numbers.setdefault(candidate_id, {one: [] for one in asked})[name].append(number)
        tasks.setdefault(candidate_id, task_id)
    return [
        Rated(example.candidates[pk], tasks[pk], {name: tuple(given) for name, given in numbers[pk].items()})
        for pk in sorted(numbers)
    ]


def rated_anywhere(example: Example) -> set[int]:
    """The ids of the responses that somebody rated, in whichever queue and by whichever question."""
    return {
        annotation.shown[key]
        for annotation in example.current
        for name in _scales(annotation.form.questions)
        for key in annotation.answers.get(name, {})
    }


def _given(example: Example, queue: str, asked: Mapping[str, Config]) -> Iterator[tuple[str, int, int, int]]:
    for annotation in example.current:
        if annotation.queue == queue:
            for name, question in _scales(annotation.form.questions).items():
                same = name in asked and all(question[end] == asked[name][end] for end in ("min", "max"))
                for key, number in annotation.answers.get(name, {}).items() if same else ():
                    yield name, annotation.shown[key], number, annotation.task_id
