"""What was reviewed and what waits for it, and answers as a reviewer reads them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from labeling.models import Annotation, Prompt, Queue, Review, Slot, SlotState, User, Verdict
from labeling.selectors import annotations as annotation_reads
from labeling.selectors import counts as kept_counts
from labeling.selectors import slots as slot_reads
from labeling.selectors.prompts import Answer, readable
from labeling.selectors.slots import ShownCandidate

# Questions whose answers are texts as long as a response.
_TEXTS = ("write", "edit")


def waiting(queue: Queue) -> QuerySet[Annotation]:
    """The answers of a queue that nobody has judged: of each seat the newest."""
    return Annotation.objects.filter(queue=queue, verdict="", undone_at__isnull=True)


def newest(annotation: Annotation) -> Review | None:
    """The verdict in force."""
    return Review.objects.filter(annotation=annotation).select_related("reviewer").order_by("-pk").first()


def last(slot: Slot) -> Review | None:
    """The last verdict on the answers of a seat, whichever version it is on, for whoever gave them."""
    return Review.objects.filter(annotation__slot=slot).select_related("annotation").order_by("-pk").first()


def of(annotation: Annotation) -> list[Review]:
    """Every verdict on the answers of a seat, the newest first, with those on earlier versions."""
    found = Review.objects.filter(annotation__slot=annotation.slot_id).select_related("reviewer", "annotation")
    return list(found.order_by("-pk"))


@dataclass(frozen=True)
class Reviewed:
    """How many answers of a queue are accepted, rejected, and not reviewed: the newest of each seat."""

    accepted: int
    rejected: int
    waiting: int

    @property
    def reviewed(self) -> int:
        """How many have a verdict."""
        return self.accepted + self.rejected

    @property
    def all(self) -> int:
        """How many there are."""
        return self.reviewed + self.waiting


def how_far(queue: Queue) -> Reviewed:
    """How much of a queue is reviewed."""
    kept = kept_counts.of_queues([queue.pk])[queue.pk]
    found = _by_verdict(kept)
    accepted, rejected = (sum(number for verdict, _, number in found if verdict == one) for one in Verdict.values)
    return Reviewed(accepted, rejected, max(0, kept[f"slot.{SlotState.SUBMITTED}"] - accepted - rejected))


def _by_verdict(kept: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Of the kept numbers of a queue those of verdicts: which, whose answers they are on, and how many."""
    split = ((*what.partition("."), number) for what, number in kept.items())
    return [(verdict, int(person), number) for verdict, _, person, number in split if verdict in Verdict.values]


@dataclass(frozen=True)
class PersonReviewed:
    """How somebody's answers fared."""

    person: User
    accepted: int
    rejected: int

    @property
    def reviewed(self) -> int:
        """How many of theirs have a verdict."""
        return self.accepted + self.rejected

    @property
    def all(self) -> int:
        """The same: what waits is nobody's yet."""
        return self.reviewed

    @property
    def accepted_percent(self) -> int:
        """The share of them that was accepted."""
        return round(100 * self.accepted / self.reviewed)


def people(queue: Queue) -> list[PersonReviewed]:
    """How the answers of each annotator of a queue fared, who has the most rejected in front."""
    numbers: dict[int, Counter[str]] = defaultdict(Counter)
    for verdict, person, number in _by_verdict(kept_counts.of_queues([queue.pk])[queue.pk]):
        numbers[person][verdict] += number
    users = User.objects.in_bulk(pk for pk, found in numbers.items() if found.total())
    rows = [
        PersonReviewed(user, numbers[pk][Verdict.ACCEPTED], numbers[pk][Verdict.REJECTED]) for pk, user in users.items()
    ]
    return sorted(rows, key=lambda one: (-one.rejected, -one.accepted, one.person.pk))


def judged(queue: Queue, verdict: str, annotator: User | None = None) -> QuerySet[Annotation]:
    """The answers of a queue with a verdict in force, with their prompts, annotators and reviews, the newest first."""
    found = Annotation.objects.filter(queue=queue, verdict=verdict, undone_at__isnull=True)
    if annotator is not None:
        found = found.filter(annotator=annotator)
    return with_reviews(found.select_related("annotator", "slot__task__prompt"))


def with_reviews(annotations: QuerySet[Annotation]) -> QuerySet[Annotation]:
    """The annotations with their reviews at hand, the newest first."""
    reviews = Review.objects.select_related("reviewer").order_by("-pk")
    return annotations.prefetch_related(Prefetch("reviews", reviews))


@dataclass(frozen=True)
class Subject:
    """Answers with what they are about, as their annotator saw it: the candidates in the order of that seat, by letters
    and without their models. Whose they are is for whoever has judged.
    """

    annotation: Annotation
    prompt: Prompt
    candidates: list[ShownCandidate]
    answers: list[Answer]
    reviews: list[Review]

    @property
    def is_read_at_length(self) -> bool:
        """Whether the answers are texts themselves, and not what somebody says about the responses."""
        return not self.candidates or any(answer.type in _TEXTS for answer in self.answers)

    @property
    def newest(self) -> Annotation | None:
        """The answers that stand in the place of these: themselves, or None where they were taken back."""
        return annotation_reads.current(self.annotation.slot)

    @property
    def asked_again(self) -> bool:
        """Whether one answer more was asked for in their place."""
        return any(review.again for review in self.reviews if review.annotation_id == self.annotation.pk)

    @property
    def in_force(self) -> Review | None:
        """The verdict on these very answers, if there is one; others are on earlier versions of them."""
        return next((review for review in self.reviews if review.annotation_id == self.annotation.pk), None)


def subject(annotation: Annotation) -> Subject:
    """What a reviewer reads of some answers."""
    annotation = Annotation.objects.select_related(
        "slot__task__prompt", "form", "guidelines", "queue__project", "annotator"
    ).get(pk=annotation.pk)
    candidates = slot_reads.candidates(annotation.slot)
    return Subject(
        annotation=annotation,
        prompt=annotation.slot.task.prompt,
        candidates=candidates,
        answers=readable(
            annotation,
            {one.key: f"Response {one.letter}" for one in candidates},
            {one.key: one.text for one in candidates},
        ),
        reviews=of(annotation),
    )
