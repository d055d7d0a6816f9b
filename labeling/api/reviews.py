"""Reviewing answers: what comes next, verdicts, and how a queue's answers fared."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.annotations import queue_named
from labeling.api.base import ApiView, body, page, person, query
from labeling.api.schema import PageQuery, describe, page_of
from labeling.api.shapes.base import Fields, Known, Moment
from labeling.api.shapes.slots import CandidateShown, PromptShown, QueueName
from labeling.models import Annotation, Review, Role, Verdict
from labeling.selectors import reviews as reads
from labeling.selectors.slots import prompt_payload
from labeling.services import reviews


class ToReview(Fields):
    """Answers with what they are about. Nothing tells whose they are, nor which model wrote what."""

    annotation = serializers.IntegerField(source="annotation.pk")
    version = serializers.IntegerField(source="annotation.version")
    queue = QueueName(source="annotation.queue")
    task = serializers.IntegerField(source="annotation.slot.task_id")
    guidelines_version = serializers.IntegerField(source="annotation.guidelines.number")
    form = serializers.ListField(child=serializers.DictField(), source="annotation.form.questions")
    prompt = PromptShown()
    candidates = CandidateShown(many=True)
    answers = serializers.DictField(source="annotation.answers")
    submitted_at = serializers.DateTimeField(source="annotation.created_at")


class NextQuery(Fields):
    after = serializers.IntegerField(
        required=False, min_value=0, max_value=2**63 - 1, help_text="The id of an annotation that is passed over."
    )


class NewVerdict(Fields):
    verdict = Known(Verdict.values)
    reason = serializers.CharField(
        required=False, allow_blank=True, help_text="What is wrong; a rejection needs one. Its annotator reads it."
    )
    again = serializers.BooleanField(required=False, help_text="After a rejection, ask for one answer more.")
    seen = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=2**63 - 1,
        help_text="The newest review of it that you know, 0 for none. With it, 409 where somebody judged meanwhile.",
    )


class ReviewGiven(Fields):
    review = serializers.IntegerField(source="pk")
    annotation = serializers.IntegerField(source="annotation_id")
    version = serializers.IntegerField(source="annotation.version")
    queue = QueueName()
    verdict = Known(Verdict.values)
    reason = serializers.CharField(allow_blank=True)
    reviewer = serializers.CharField(source="reviewer.email")
    created_at = serializers.DateTimeField()


class ReviewQuery(PageQuery):
    since = Moment(required=False, help_text="Only those given at this time or later.")
    queue = serializers.CharField(required=False, max_length=80, help_text="Only this queue: its slug or id.")


class PersonReviewed(Fields):
    annotator = serializers.CharField(source="person.email")
    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()


class Reviewed(Fields):
    """How many answers of a queue have which verdict, of each seat the newest version."""

    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()
    waiting = serializers.IntegerField()
    people = PersonReviewed(many=True)


class NextReview(ApiView):
    @describe({200: ToReview, 204: "None is left for you."}, query=NextQuery, operation_id="take_next_review")
    def post(self, request: Request, queue_id: int) -> Response:
        """The answers that you review next: the same ones until there is a verdict, nobody else's for 15 minutes."""
        user = person(request)
        queue = access.get_queue(user, queue_id, least=Role.REVIEWER)
        annotation = reviews.take_next(queue, by=user, after=query(request, NextQuery).get("after"))
        return Response(status=204) if annotation is None else Response(_to_review(annotation))


def _to_review(annotation: Annotation) -> dict[str, Any]:
    subject = reads.subject(annotation)
    shown = {"annotation": subject.annotation, "candidates": subject.candidates}
    return dict(ToReview({**shown, "prompt": prompt_payload(subject.prompt)}).data)


class Judge(ApiView):
    @describe({200: ReviewGiven, 201: ReviewGiven}, request=NewVerdict, errors=(409,), operation_id="review_annotation")
    def post(self, request: Request, annotation_id: int) -> Response:
        """Accepts or rejects answers. 201, or 200 where you had said the very same. The newest verdict is in force."""
        user = person(request)
        annotation = access.get_annotation(user, annotation_id)
        sent = body(request, NewVerdict, strict=True)
        review, made = reviews.judge(
            annotation,
            verdict=sent["verdict"],
            reason=sent.get("reason", ""),
            again=sent.get("again", False),
            seen=sent.get("seen"),
            by=user,
        )
        return Response(ReviewGiven(review).data, status=201 if made else 200)


class Reviews(ApiView):
    @describe({200: page_of(ReviewGiven)}, errors=(400,), query=ReviewQuery, operation_id="list_reviews")
    def get(self, request: Request, slug: str) -> Response:
        """Every verdict that was given in a project, the oldest first; of several on one annotation the last holds."""
        project = access.get_project(person(request), slug, least=Role.REVIEWER)
        rows = Review.objects.filter(queue__project=project).select_related("annotation", "queue", "reviewer")
        asked = query(request, ReviewQuery)
        if "since" in asked:
            rows = rows.filter(created_at__gte=asked["since"])
        if "queue" in asked:
            rows = rows.filter(queue=queue_named(project, asked["queue"]))
        return page(request, rows, ReviewGiven)


class QueueReviews(ApiView):
    @describe({200: Reviewed}, operation_id="get_queue_reviews")
    def get(self, request: Request, queue_id: int) -> Response:
        """How much of a queue is reviewed, and how each annotator's answers fared."""
        queue = access.get_queue(person(request), queue_id, least=Role.REVIEWER)
        numbers = reads.how_far(queue)
        return Response(
            Reviewed(
                {
                    "accepted": numbers.accepted,
                    "rejected": numbers.rejected,
                    "waiting": numbers.waiting,
                    "people": reads.people(queue),
                }
            ).data
        )
