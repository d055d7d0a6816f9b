"""Reviewing answers: who reads what next, what a verdict does, and that none is lost or given unseen."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from labeling.errors import Conflict, DomainError, Invalid
from labeling.models import (
    REPLACED,
    Annotation,
    Event,
    Queue,
    Review,
    ReviewHold,
    Role,
    Slot,
    SlotState,
    Task,
    TaskState,
    User,
)
from labeling.selectors import counts as kept_counts
from labeling.selectors import reviews as reads
from labeling.services import annotations, projects, queues, reviews, slots, tasks
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(ann: User, ben: User) -> Queue:
    """Three prompts, one answer each."""
    project = make.project(annotators=[ann, ben], slug="reviewed")
    make.imported(project, 3)
    return make.queue(project)


@pytest.fixture
def rita(queue: Queue) -> User:
    return reviewer(queue, "rita")


def reviewer(queue: Queue, name: str) -> User:
    made = make.person(name)
    projects.add_member(queue.project, email=made.email, role=Role.REVIEWER, by=make.manager(queue.project))
    return made


def judged(annotation: Annotation, verdict: str, by: User, reason: str = "") -> Review:
    return reviews.judge(annotation, verdict=verdict, reason=reason, by=by)[0]


def corrected(annotation: Annotation, text: str, by: User) -> Annotation:
    slot = Slot.objects.get(pk=annotation.slot_id)
    answers = {"response": {"text": text}}
    return annotations.revise(slot, answers, lease=str(slot.lease), version=annotation.version, by=by)[0]


class TestVerdicts:
    def test_it_works(self, queue: Queue, ann: User, rita: User) -> None:
        good, bad = make.written(queue, ann, "good"), make.written(queue, ann, "bad")
        assert reads.how_far(queue) == reads.Reviewed(accepted=0, rejected=0, waiting=2)
        judged(good, "accepted", rita)
        review = judged(bad, "rejected", rita, "  It does not answer the question. ")
        assert (review.reviewer, review.reason) == (rita, "It does not answer the question.")
        assert reads.how_far(queue) == reads.Reviewed(accepted=1, rejected=1, waiting=0)
        assert list(reads.judged(queue, "rejected")) == [bad]
        (person,) = reads.people(queue)
        assert (person.person, person.accepted, person.rejected, person.accepted_percent) == (ann, 1, 1, 50)
        events = Event.objects.filter(verb="annotation.reviewed", actor=rita).order_by("pk")
        assert [event.data["verdict"] for event in events] == ["accepted", "rejected"]

    def test_the_newest_is_in_force_and_earlier_ones_are_kept(self, queue: Queue, ann: User, rita: User) -> None:
        annotation = make.written(queue, ann)
        first = judged(annotation, "rejected", rita, "Too short.")
        second = judged(annotation, "accepted", rita)
        annotation.refresh_from_db()
        assert annotation.verdict == "accepted"
        assert reads.of(annotation) == [second, first]
        assert reads.how_far(queue) == reads.Reviewed(accepted=1, rejected=0, waiting=0)

    def test_the_same_sent_again_makes_none(self, queue: Queue, ann: User, rita: User) -> None:
        annotation = make.written(queue, ann)
        first = judged(annotation, "accepted", rita)
        assert reviews.judge(annotation, verdict="accepted", seen=0, by=rita) == (first, False)
        assert Review.objects.count() == 1

    @pytest.mark.parametrize(
        ("verdict", "reason", "path"),
        [
            ("rejected", "", "reason"),
            ("rejected", " \n ", "reason"),
            ("rejected", "a\x00b", "reason"),
            ("rejected", "\ud800", "reason"),
            ("rejected", "x" * 4001, "reason"),
            ("rejected", 7, "reason"),
            ("great", "", "verdict"),
            (None, "", "verdict"),
            (["accepted"], "", "verdict"),
        ],
    )
    def test_what_cannot_be_taken(
        self, queue: Queue, ann: User, rita: User, verdict: object, reason: object, path: str
    ) -> None:
        annotation = make.written(queue, ann)
        with pytest.raises(Invalid) as caught:
            reviews.judge(annotation, verdict=verdict, reason=reason, by=rita)
        assert [fault.path for fault in caught.value.errors] == [path]
        assert not Review.objects.exists()

    def test_a_rejection_without_a_reason_is_not_even_stored(self, queue: Queue, ann: User, rita: User) -> None:
        annotation = make.written(queue, ann)
        with pytest.raises(IntegrityError, match="review_rejects_for_a_reason"), transaction.atomic():
            Review.objects.create(annotation=annotation, queue=queue, reviewer=rita, verdict="rejected")

    def test_nobody_reviews_their_own(self, queue: Queue, ann: User) -> None:
        annotation = make.written(queue, ann)
        with pytest.raises(Conflict, match="your own"):
            judged(annotation, "accepted", ann)

    def test_what_was_taken_back_has_no_verdict(self, queue: Queue, ann: User, rita: User) -> None:
        annotation = make.written(queue, ann)
        slot = Slot.objects.get(pk=annotation.slot_id)
        annotations.undo(slot, lease=str(slot.lease), by=ann)
        assert reviews.take_next(queue, by=rita) is None
        with pytest.raises(Conflict, match="taken back"):
            judged(annotation, "accepted", rita)

    def test_what_was_corrected_waits_for_a_verdict_of_its_own(self, queue: Queue, ann: User, rita: User) -> None:
        first = make.written(queue, ann)
        judged(first, "rejected", rita, "Too short.")
        second = corrected(first, "Longer.", ann)
        first.refresh_from_db()
        assert first.verdict == REPLACED
        assert reads.how_far(queue) == reads.Reviewed(accepted=0, rejected=0, waiting=1)
        assert reviews.take_next(queue, by=rita) == second
        with pytest.raises(Conflict, match="Version 2 is the newest"):
            judged(first, "accepted", rita)
        assert [review.annotation.version for review in reads.of(second)] == [1]

    def test_two_who_judge_the_same_answers(self, queue: Queue, ann: User, rita: User) -> None:
        annotation, rob = make.written(queue, ann), reviewer(queue, "rob")
        first = judged(annotation, "accepted", rita)
        with pytest.raises(Conflict, match="Rita has accepted"):
            reviews.judge(annotation, verdict="rejected", reason="Wrong.", seen=0, by=rob)
        reviews.judge(annotation, verdict="rejected", reason="Wrong.", seen=first.pk, by=rob)
        annotation.refresh_from_db()
        assert annotation.verdict == "rejected"


class TestAnotherAnswer:
    def test_a_rejected_answer_is_asked_for_again(self, queue: Queue, ann: User, ben: User, rita: User) -> None:
        annotation = make.written(queue, ann)
        task = Task.objects.get(pk=annotation.slot.task_id)
        assert task.state == TaskState.DONE
        reviews.judge(annotation, verdict="rejected", reason="Wrong.", again=True, by=rita)
        task.refresh_from_db()
        assert (task.state, task.overlap) == (TaskState.OPEN, 2)
        assert Slot.objects.filter(task=task, state=SlotState.OPEN).count() == 1
        first = slots.take_next(queue, by=ben)
        assert first is not None
        assert first.task_id == task.pk
        assert slots.take_next(queue, by=ann) != first

    def test_one_more_than_waits_already(self, ann: User, rita: User, queue: Queue) -> None:
        task = Task.objects.get(pk=make.written(queue, ann).slot.task_id)
        tasks.reopen(task, by=rita)
        tasks.ask_for_another(task, by=rita)
        assert Slot.objects.filter(task=task, state=SlotState.OPEN).count() == 2

    def test_a_retired_task_asks_nobody(self, queue: Queue, ann: User, rita: User) -> None:
        annotation = make.written(queue, ann)
        task = tasks.retire(Task.objects.get(pk=annotation.slot.task_id), by=rita)
        reviews.judge(annotation, verdict="rejected", reason="Wrong.", again=True, by=rita)
        task.refresh_from_db()
        assert (task.state, task.overlap) == (TaskState.RETIRED, 1)

    def test_what_is_accepted_is_not_asked_for_again(self, queue: Queue, ann: User, rita: User) -> None:
        annotation = make.written(queue, ann)
        reviews.judge(annotation, verdict="accepted", again=True, by=rita)
        assert not Event.objects.filter(verb="task.extended").exists()

    def test_it_is_asked_for_once(self, queue: Queue, ann: User, rita: User) -> None:
        annotation, rob = make.written(queue, ann), reviewer(queue, "rob")
        for by, reason in ((rita, "Wrong."), (rita, "Wrong."), (rita, "All wrong."), (rob, "Wrong.")):
            reviews.judge(annotation, verdict="rejected", reason=reason, again=True, by=by)
        assert Task.objects.get(pk=annotation.slot.task_id).overlap == 2
        assert [review.again for review in reads.of(annotation)] == [False, False, True]

    def test_it_can_be_asked_for_later(self, queue: Queue, ann: User, rita: User) -> None:
        annotation = make.written(queue, ann)
        judged(annotation, "rejected", rita, "Wrong.")
        reviews.judge(annotation, verdict="rejected", reason="Wrong.", again=True, by=rita)
        assert Task.objects.get(pk=annotation.slot.task_id).overlap == 2

    def test_a_closed_queue_asks_nobody(self, queue: Queue, ann: User, rita: User) -> None:
        annotation = make.written(queue, ann)
        queues.change(queue, state="closed", by=make.manager(queue.project))
        review, _ = reviews.judge(annotation, verdict="rejected", reason="Wrong.", again=True, by=rita)
        assert not review.again
        assert Task.objects.get(pk=annotation.slot.task_id).state == TaskState.DONE


class TestWhatComesNext:
    def test_the_oldest_first_and_the_same_until_it_is_judged(self, queue: Queue, ann: User, rita: User) -> None:
        written = [make.written(queue, ann) for _ in range(3)]
        assert reviews.take_next(queue, by=rita) == written[0]
        assert reviews.take_next(queue, by=rita) == written[0]
        judged(written[0], "accepted", rita)
        assert reviews.take_next(queue, by=rita) == written[1]

    def test_two_reviewers_get_two(self, queue: Queue, ann: User, rita: User) -> None:
        written, rob = [make.written(queue, ann) for _ in range(2)], reviewer(queue, "rob")
        assert reviews.take_next(queue, by=rita) == written[0]
        assert reviews.take_next(queue, by=rob) == written[1]
        assert reviews.take_next(queue, by=reviewer(queue, "roy")) is None

    def test_what_somebody_left_comes_to_others_in_time(self, queue: Queue, ann: User, rita: User) -> None:
        annotation, rob = make.written(queue, ann), reviewer(queue, "rob")
        reviews.take_next(queue, by=rita)
        ReviewHold.objects.update(until=timezone.now() - timedelta(seconds=1))
        assert reviews.take_next(queue, by=rob) == annotation
        assert reviews.take_next(queue, by=rita) is None

    def test_what_is_passed_over_comes_up_again(self, queue: Queue, ann: User, rita: User) -> None:
        written, rob = [make.written(queue, ann) for _ in range(2)], reviewer(queue, "rob")
        assert reviews.take_next(queue, by=rita) == written[0]
        assert reviews.take_next(queue, by=rita, after=written[0].pk) == written[1]
        assert reviews.take_next(queue, by=rob) == written[0]
        assert reviews.take_next(queue, by=rita, after=written[1].pk) == written[1]

    def test_ones_own_do_not_come(self, queue: Queue, ann: User, ben: User) -> None:
        make.written(queue, ann)
        theirs = make.written(queue, ben)
        assert reviews.take_next(queue, by=ann) == theirs

    def test_each_queue_has_its_own(self, queue: Queue, ann: User, rita: User) -> None:
        other = make.queue(queue.project)
        here, there = make.written(queue, ann), make.written(other, ann)
        assert reviews.take_next(queue, by=rita) == here
        assert reviews.take_next(other, by=rita) == there
        assert ReviewHold.objects.filter(reviewer=rita).count() == 2

    def test_it_is_found_at_once_however_many_are_reviewed(self, queue: Queue, ann: User, rita: User) -> None:
        """Rows looked at: those of other queues, those with a verdict and those corrected since are none of them."""
        annotation, other = make.written(queue, ann), make.queue(queue.project)
        for of, verdict in ((other, ""), (queue, "accepted"), (queue, "replaced")):
            copies = """
                INSERT INTO labeling_annotation (slot_id, annotator_id, queue_id, version, answers, form_id,
                                                 guidelines_id, created_at, verdict)
                SELECT slot_id, annotator_id, %s, version + n + (SELECT max(version) FROM labeling_annotation), '{}',
                       form_id, guidelines_id, created_at - interval '1 day', %s
                FROM labeling_annotation, generate_series(1, 5000) n WHERE id = %s
            """
            sql(copies, of.pk, verdict, annotation.pk)
        sql("ANALYZE labeling_annotation")
        values: dict[str, Any] = {"queue": queue.pk, "reviewer": rita.pk, "now": timezone.now()}
        behind: dict[str, Any] = {"at": annotation.created_at - timedelta(days=2), "after": 0}
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {reviews._NEXT}", {**values, **behind})
            plan = cursor.fetchone()[0]
        assert looked_at(plan) < 10
        assert reviews.take_next(queue, by=rita) == annotation


def sql(statement: str, *given: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)


def looked_at(plan: Any) -> float:
    """The most rows that any step of a plan came upon."""
    if isinstance(plan, list):
        return max(map(looked_at, plan), default=0)
    here: float = (plan.get("Actual Rows", 0) + plan.get("Rows Removed by Filter", 0)) * plan.get("Actual Loops", 1)
    return max(here, looked_at(plan.get("Plans", [])), looked_at([plan["Plan"]] if "Plan" in plan else []))


def together(*calls: Callable[[], Any]) -> list[Any]:
    """What each of several calls returns or raises, all begun at once, each on a connection of its own."""
    start = Barrier(len(calls))
    found: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        try:
            start.wait()
            found[number] = calls[number]()
        except DomainError as error:
            found[number] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=[number]) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_many_never_read_the_same(self, queue: Queue, ann: User) -> None:
        make.imported(queue.project, 3, start=3)
        written = [make.written(queue, ann) for _ in range(6)]
        people = [reviewer(queue, f"reviewer{number}") for number in range(6)]
        for _ in range(8):
            # What they held ran out, so that each may get what another one had.
            ReviewHold.objects.update(until=timezone.now() - timedelta(seconds=1))
            found = together(*(partial(reviews.take_next, queue, by=person) for person in people))
            assert sorted(one.pk for one in found) == [one.pk for one in written]

    def test_a_verdict_never_lands_on_what_is_being_corrected(self, queue: Queue, ann: User, rita: User) -> None:
        for number in range(3):
            annotation = make.written(queue, ann)
            reviews_before = Review.objects.count()
            judging = partial(
                reviews.judge, annotation, verdict="rejected", reason="Wrong.", again=bool(number % 2), by=rita
            )
            judged, second = together(judging, partial(corrected, annotation, f"Better {number}.", ann))
            annotation.refresh_from_db()
            assert (annotation.verdict, second.version) == (REPLACED, 2)
            if isinstance(judged, Conflict):
                assert Review.objects.count() == reviews_before
            assert reads.how_far(queue) == reads.Reviewed(accepted=0, rejected=0, waiting=number + 1)
        assert kept_counts.differences() == []

    def test_of_two_verdicts_one_has_seen_the_other(self, queue: Queue, ann: User, rita: User) -> None:
        annotation, rob = make.written(queue, ann), reviewer(queue, "rob")
        found = together(
            partial(reviews.judge, annotation, verdict="accepted", seen=0, by=rita),
            partial(reviews.judge, annotation, verdict="rejected", reason="Wrong.", seen=0, again=True, by=rob),
        )
        assert sorted(isinstance(one, Conflict) for one in found) == [False, True]
        assert Review.objects.count() == 1
