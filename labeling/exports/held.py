"""Which answers and which responses of models the rows of a prompt are made of, as the rows tell it.

It is what a release says of its people and sources, and by which it is found when somebody withdraws: whoever only
answered about the prompt is not in it, and whoever's words are in any of its files is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from labeling.exports.policies import Margin, Policies
from labeling.exports.records import Annotation, Example, Row, known_of


class Held:
    """What the rows of one prompt are made of, in all formats together: each annotation and each candidate once.

    `annotations` has them by their ids, `candidates` are ids. A row that is one person's tells the annotation. One that
    several answers give tells the question: those to it count that were about the same candidates. A row that tells
    nothing (a tree of `oasst`) counts as made of every answer that was read for it.
    """

    def __init__(self, example: Example) -> None:
        self.example = example
        self.rows = 0
        self.annotations: dict[int, Annotation] = {}
        self.candidates: set[int] = set()

    def add(self, rows: Iterable[Row], policies: Policies, seen: Example | None = None) -> None:
        """Some of its rows, of one format. `seen` is what that was given of the example, None for all of it."""
        seen = seen or self.example
        for row in rows:
            self.rows += 1
            known = known_of(row)
            if "annotation_id" in row:
                self._keep([int(row["annotation_id"])], [int(shown["candidate_id"]) for shown in row["candidates"]])
            elif known is None:
                current = seen.current
                self._keep((one.id for one in current), (pk for one in current for pk in one.shown.values()))
            else:
                self._keep(_made_of(known, row, seen, policies), _candidates(known))

    def _keep(self, annotations: Iterable[int], candidates: Iterable[int]) -> None:
        wanted = set(annotations) - self.annotations.keys()
        if wanted:
            self.annotations |= {one.id: one for one in self.example.annotations if one.id in wanted}
        self.candidates.update(candidates)


def _candidates(known: Mapping[str, Any]) -> list[int]:
    return [int(value) for name, value in known.items() if "candidate_id" in name and value]


def _made_of(known: Mapping[str, Any], row: Row, example: Example, policies: Policies) -> Iterator[int]:
    """The ids of the answers behind one row."""
    about = _candidates(known)
    if known.get("annotation_id"):
        yield int(known["annotation_id"])
    else:
        for queue, names in _asked(known):
            yield from _answering(example, names, about, queue)
    if "margin" in row and policies.margin is Margin.RATINGS:
        yield from _answering(example, policies.attributes, about)


def _asked(known: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """The queues and questions whose answers were put together: `question` and `questions` name them."""
    if "questions" in known:
        named = (asked.split("/") for asked in known["questions"].split(", "))
        return [(queue, [question]) for queue, question in named]
    names = known.get("question", "")
    # Where the same was asked in several queues, they stand together as questions do: slugs hold no plus.
    queues = known["queue"].split("+") if "queue" in known else []
    return [(queue, names.split("+") if names else []) for queue in queues]


def _answering(
    example: Example, names: Collection[str], about: Collection[int], queue: str | None = None
) -> Iterator[int]:
    """Those who answered one of these questions about one of these candidates; without names, whoever rated them."""
    for annotation in example.current:
        if queue not in (None, annotation.queue) or not set(about) & set(annotation.shown.values()):
            continue
        for question in annotation.form.questions:
            named = question["name"] in names if names else question["type"] == "rate"
            if named and question["name"] in annotation.answers:
                yield annotation.id
                break
