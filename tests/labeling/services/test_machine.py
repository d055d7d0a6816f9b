"""Every service that moves a seat, in any order, against a small model of what must be true after each step.

Each step commits for itself, as it does in life: what bookmarks rest on are the transactions' own numbers. The short
run is the same each time; `python -m tests.bench.bench_machine` goes other ways, for as long as it is told to.
"""

import os
from collections import Counter

import pytest
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, precondition, run_state_machine_as_test

from labeling.management.commands.check_queues import judged
from labeling.models import (
    Annotation,
    BatchPriority,
    Draft,
    Membership,
    Ordering,
    QueuePerson,
    QueueState,
    Slot,
    SlotState,
    Task,
    TaskState,
    User,
    Verdict,
)
from labeling.selectors import reviews as review_reads
from tests.labeling.services.desk import Desk, said, small_steps

BOOKMARKED = "an open seat lies before the bookmark of somebody who could take it"

LONG = int(os.environ.get("MACHINE", "0"))
EXAMPLES, STEPS = (LONG, 100) if LONG else (5, 50)


class Promises(Desk):
    """What must be true, by the plainest queries there are."""

    def may_take(self, user: User, *, kept: int = 0) -> bool:
        """Whether somebody may take one more, or have what was kept for them."""
        queue = self.fresh_queue()
        member = Membership.objects.filter(project=self.project, user=user).first()
        if queue.state != QueueState.OPEN or member is None:
            return False
        if queue.open_to == "people" and not QueuePerson.objects.filter(queue=queue, user=user).exists():
            return False
        if any(member.skills.get(name, 0) < level for name, level in queue.skills.items()):
            return False
        mine = Slot.objects.filter(queue=queue, annotator=user)
        held, done = mine.filter(state=SlotState.LEASED).count() - kept, mine.filter(state=SlotState.SUBMITTED)
        today = done.filter(finished_at__date=timezone.now().date()).count()
        return (queue.most_in_all is None or held + done.count() < queue.most_in_all) and (
            queue.most_per_day is None or held + today < queue.most_per_day
        )

    def is_wanted(self, slot: Slot) -> bool:
        seats = Slot.objects.filter(task=slot.task_id).exclude(state=SlotState.SKIPPED).count()
        task = Task.objects.get(pk=slot.task_id)
        return task.state != TaskState.RETIRED and seats <= task.overlap

    def may_come_up(self, kept: Slot, user: User) -> bool:
        return self.is_begun(kept, user) or (
            self.is_wanted(kept) and self.may_take(user, kept=1) and self.reads(kept, user)
        )

    def reads(self, slot: Slot, user: User) -> bool:
        languages = Membership.objects.get(project=self.project, user=user).languages
        return (
            not self.fresh_queue().by_language
            or not slot.language
            or bool({slot.language.lower(), slot.language.lower().split("-")[0]} & {tag.lower() for tag in languages})
        )

    def offered_to(self, user: User) -> list[Slot]:
        if not self.may_take(user):
            return []
        met = Slot.objects.filter(annotator=user).values("task")
        seats = Count("task__slots", filter=~Q(task__slots__state=SlotState.SKIPPED))
        found = Slot.objects.filter(queue=self.queue).exclude(task__in=met)
        free = found.filter(state=SlotState.OPEN).filter(Q(reserved_for=None) | Q(reserved_for=user))
        overdue = found.filter(state=SlotState.LEASED, lease_expires_at__lt=timezone.now())
        overdue = overdue.annotate(seats=seats).filter(seats__lte=F("task__overlap"))
        overdue = overdue.exclude(task__state=TaskState.RETIRED)
        return [slot for slot in (*free, *overdue) if slot.reserved_for_id or self.reads(slot, user)]

    def check_choice(self, slot: Slot | None, offered: list[Slot]) -> None:
        """Nothing is given out only where there is nothing; else overdue work comes first, then the lowest place."""
        if slot is None:
            assert offered == []
            return
        assert slot.pk in {one.pk for one in offered}
        handed = [one.pk for one in offered if one.reserved_for_id]
        overdue = [one.pk for one in offered if one.state == SlotState.LEASED]
        if handed:
            assert slot.pk in handed
        elif overdue:
            assert slot.pk in overdue
        else:
            assert slot.place == min(one.place for one in offered)

    @invariant()
    def everybody_would_get_what_comes_first(self) -> None:
        for person in range(len(self.people)):
            with transaction.atomic():
                self.given(person)
                transaction.set_rollback(True)

    @invariant()
    def every_task_has_its_seats(self) -> None:
        seats = Count("slots", filter=~Q(slots__state=SlotState.SKIPPED))
        taken = Count("slots", filter=Q(slots__state__in=[SlotState.SUBMITTED, SlotState.LEASED]))
        unfinished = Count("slots", filter=Q(slots__state__in=[SlotState.OPEN, SlotState.LEASED]))
        queue = self.fresh_queue()
        found = Task.objects.filter(queue=queue).annotate(seats=seats, taken=taken, unfinished=unfinished)
        for task in found:
            if task.state == TaskState.RETIRED:
                assert task.seats == task.taken
                continue
            if not queue.following_overlap or task.pk < (queue.following_from or 0):
                assert task.overlap == (self.own_overlap.get(task.pk, queue.overlap) or task.overlap)
            # Only what somebody has or had in hand may be more than is asked for.
            assert task.seats == max(task.overlap, task.taken)
            assert (task.state == TaskState.OPEN) == (task.unfinished > 0)
        assert len(found) <= self.number
        if queue.state != QueueState.CLOSED and queue.opening_from is None:
            assert len(found) == self.number

    @invariant()
    def no_seat_lies_before_the_bookmark_of_somebody_who_could_take_it(self) -> None:
        assert judged(BOOKMARKED) is None

    @invariant()
    def every_submit_stands_once(self) -> None:
        standing = Annotation.objects.filter(undone_at=None).order_by("version")
        assert {one.slot_id: one.answers["response"]["text"] for one in standing} == self.submitted
        done = Slot.objects.filter(state=SlotState.SUBMITTED).values_list("pk", flat=True)
        assert set(done) == set(self.submitted)

    @invariant()
    def a_verdict_is_on_what_stands(self) -> None:
        numbers = review_reads.how_far(self.queue)
        said = Counter(self.verdicts.values())
        assert (numbers.accepted, numbers.rejected) == (said[Verdict.ACCEPTED], said[Verdict.REJECTED])
        waiting = review_reads.waiting(self.queue).values_list("slot", flat=True)
        here = Slot.objects.filter(queue=self.queue, state=SlotState.SUBMITTED).values_list("pk", flat=True)
        assert sorted(waiting) == sorted(set(here) - set(self.verdicts))

    @invariant()
    def nobody_meets_a_task_twice_or_holds_too_much(self) -> None:
        twice = Slot.objects.exclude(annotator=None).values("task", "annotator").annotate(n=Count("pk")).filter(n__gt=1)
        assert not twice.exists()
        held = Slot.objects.filter(state=SlotState.LEASED).values("annotator", "ahead").annotate(n=Count("pk"))
        assert all(row["n"] == 1 for row in held)

    @precondition(lambda self: self.typed)
    @invariant()
    def what_was_typed_is_there_for_who_holds_the_task(self) -> None:
        for (task, person), text in self.typed.items():
            slot = Slot.objects.filter(task=task, annotator=self.people[person], state=SlotState.LEASED).first()
            if slot is not None:
                assert Draft.objects.get(slot=slot, annotator=self.people[person]).answers == said(text)

    @invariant()
    def a_place_is_what_its_seat_says(self) -> None:
        if self.fresh_queue().following_from is not None:
            return
        orders = {
            Ordering.OLDEST: lambda slot: (-slot.priority, slot.task_id, slot.seat),
            Ordering.SPREAD: lambda slot: (-slot.priority, slot.seat, slot.task_id),
        }
        key = orders.get(Ordering(self.queue.ordering))
        found = Slot.objects.filter(queue=self.queue, state=SlotState.OPEN).select_related("task__prompt")
        open_ones = list(found.order_by("place"))
        assert key is None or open_ones == sorted(open_ones, key=key)
        batch = sum(BatchPriority.objects.values_list("priority", flat=True))
        for slot in open_ones:
            prompt = slot.task.prompt
            assert slot.priority == prompt.priority + (batch if prompt.batch == "b" else 0)
            assert slot.language == prompt.language


@pytest.mark.django_db(transaction=True)
def test_the_services_keep_every_promise() -> None:
    with small_steps():
        run_state_machine_as_test(
            Promises,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                derandomize=not LONG,
                database=None,
                deadline=None,
                print_blob=bool(LONG),
                suppress_health_check=list(HealthCheck),
            ),
        )
