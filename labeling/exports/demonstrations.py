"""Which responses to a prompt a model should learn to give: what people wrote or edited, or what they put first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labeling.exports.answers import Judged, Text, edited, judged, written
from labeling.exports.consensus import best_of
from labeling.exports.policies import Best, Policies, Responses, accepted
from labeling.exports.records import Candidate, Example, value
from labeling.exports.removed import Removed
from labeling.exports.responses import is_agreed_on, is_long_enough, is_of_models, withheld
from labeling.text import typed


@value
class Demonstration:
    """A response, trimmed, and where it comes from: the same metadata keys and types for every one."""

    text: str
    metadata: dict[str, Any]


def demonstrations(example: Example, policies: Policies, removed: Removed) -> Iterator[Demonstration]:
    """The responses to one prompt under the policy `responses`.

    `human` gives every text that somebody wrote or edited; `best` the candidate that stands above all others; `any`
    what people wrote or edited, or the best candidate where they did neither.
    """
    found = []
    if policies.responses is not Responses.BEST:
        found = list(_from_people(example, policies, removed))
    if not found and policies.responses is not Responses.HUMAN:
        found = list(_from_rankings(example, policies, removed))
    elif not found:
        removed.add("no_response")
    yield from found


def _metadata(example: Example, **known: Any) -> dict[str, Any]:
    return {
        "prompt_id": str(example.prompt.id),
        "external_id": example.prompt.external_id,
        "task_id": str(known["task_id"]),
        "queue": known["queue"],
        "question": known["question"],
        "source": known["source"],
        "annotation_id": known.get("annotation_id", ""),
        "annotator": known.get("annotator", ""),
        "candidate_id": known.get("candidate_id", ""),
        "model": known.get("model", ""),
        "n_raters": known.get("n_raters", 1),
        "agreement": known.get("agreement", 1.0),
    }


def _from_people(example: Example, policies: Policies, removed: Removed) -> Iterator[Demonstration]:
    given: set[str] = set()
    for response, text, source in by_people(example, policies, removed):
        if source == "approved" and text in given:
            # Several people leave a good response as it is: that makes it no other response.
            removed.add("duplicate")
        else:
            given.add(text)
            yield _from_person(example, response, text, source)


def by_people(example: Example, policies: Policies, removed: Removed) -> Iterator[tuple[Text, str, str]]:
    """What people wrote and edited, as far as it is asked for: each with its text, trimmed, and its source.

    The source is `written`, `edited`, or `approved` for an edit that changed nothing.
    """
    for response in (*written(example), *edited(example)):
        text = response.text.strip()
        if not text:
            removed.add("empty_text")
        elif not is_of_models(_original(response, example), policies):
            removed.add("model")
        elif not is_long_enough(text, policies):
            removed.add("length")
        else:
            yield response, text, _source_of(response, example)


def _original(response: Text, example: Example) -> Candidate | None:
    return None if response.original is None else example.candidates[response.original]


def _source_of(response: Text, example: Example) -> str:
    """How a person came to a response: wrote it, edited a candidate, or approved of one by changing nothing."""
    if response.original is None:
        return "written"
    same = typed(response.text).strip() == typed(example.candidates[response.original].text).strip()
    return "approved" if same else "edited"


def _from_person(example: Example, response: Text, text: str, source: str) -> Demonstration:
    annotation = response.annotation
    candidate = _original(response, example)
    return Demonstration(
        text,
        _metadata(
            example,
            task_id=annotation.task_id,
            queue=annotation.queue,
            question=response.question,
            source=source,
            annotation_id=str(annotation.id),
            annotator=annotation.annotator,
            candidate_id=str(candidate.id) if candidate else "",
            model=candidate.model if candidate else "",
        ),
    )


def _from_rankings(example: Example, policies: Policies, removed: Removed) -> Iterator[Demonstration]:
    rankings = judged(example, withheld(example, policies, removed))
    if not rankings:
        removed.add("no_response")
        return
    texts = {candidate.id: candidate.text.strip() for candidate in example.candidates.values()}
    found = ((group, best_of(group, texts, policies.consensus)) for group in rankings)
    winners = [(group, winner) for group, winner in found if winner is not None]
    # Two queues may each have a best one: where their texts differ, neither is the best.
    if len({texts[winner.candidate] for _, winner in winners}) != 1:
        removed.add("no_single_best")
        return
    group, winner = winners[0]
    text = texts[winner.candidate]
    # Whoever was asked about this text has a say, also where it is not above all the others.
    if not all(accepted(one, other) for other in rankings for one in other.candidates if texts[one] == text):
        removed.add("not_acceptable")
    elif not text:
        removed.add("empty_text")
    elif is_agreed_on(winner.raters, winner.agreement, policies, removed):
        yield _from_winner(example, group, winner, text)


def _from_winner(example: Example, group: Judged, winner: Best, text: str) -> Demonstration:
    candidate = example.candidates[winner.candidate]
    return Demonstration(
        text,
        _metadata(
            example,
            task_id=group.task_id,
            queue=group.queue,
            question=group.question,
            source=f"{group.source}_best",
            candidate_id=str(candidate.id),
            model=candidate.model,
            n_raters=winner.raters,
            agreement=winner.agreement,
        ),
    )
