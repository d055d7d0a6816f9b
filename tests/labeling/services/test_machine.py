"""Every service that moves a seat, in any order, against a small model of what must be true after each step.

Each step commits for itself, as it does in life: what bookmarks rest on are the transactions' own numbers.
"""

import os
import random
from datetime import timedelta
from typing import Any, cast

import pytest
from django.core.management import call_command
from django.db.models import Count, F, Q
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from labeling.errors import Conflict, Invalid, LeaseLost
from labeling.models import (
    Annotation,
    Draft,
    Membership,
    Ordering,
    Queue,
    QueueState,
    SkipReason,
    Slot,
    SlotState,
    Task,
    TaskState,
    User,
)
from labeling.services import annotations, drafts, queues, skips, slots, tasks
from tests import make

# For longer, and other ways each time: MACHINE=300 make test ARGS="-k test_machine".
LONG = int(os.environ.get("MACHINE", "0"))
EXAMPLES, STEPS = LONG or 8, 50
PEOPLE = st.integers(0, 3)
LANGUAGES = ["", "de", "en", "pt-BR"]


def said(text: str) -> dict[str, Any]:
    return {"response": {"text": text}}


class Desk(RuleBasedStateMachine):
    """One queue and four annotators. `leases` are those that somebody was given, by slot: (person, token)."""

    leases: Bundle[tuple[int, int, str]] = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.people = [make.person() for _ in range(4)]
        self.project = make.project(annotators=self.people)
        self.manager = make.manager(self.project)
        self.number = 0
        self.submitted: dict[int, str] = {}  # slot: the text that stands
        self.own_overlap: set[int] = set()  # tasks whose number of seats is not the queue's
        self.typed: dict[tuple[int, int], str] = {}  # (task, person): the text of the draft
        self.import_prompts(3, 0, "")
        self.queue = make.queue(self.project, overlap=2)

    def teardown(self) -> None:
        call_command("flush", interactive=False, verbosity=0)

    # --- What can happen ---

    @rule(number=st.integers(1, 3), priority=st.sampled_from([-5, 0, 0, 0, 7]), language=st.sampled_from(LANGUAGES))
    def import_prompts(self, number: int, priority: int, language: str) -> None:
        make.imported(self.project, number, start=self.number, priority=priority, language=language or None)
        self.number += number

    @rule(target=leases, person=PEOPLE)
    def take(self, person: int) -> tuple[int, int, str]:
        user = self.people[person]
        in_hand = Slot.objects.in_hand_of(user.pk).filter(queue=self.queue).first()
        kept = Slot.objects.held_by(user.pk).filter(queue=self.queue, ahead=True).first()
        offered = self.offered_to(user)
        slot = slots.take_next(self.fresh_queue(), by=user)
        if in_hand is not None:
            assert slot == in_hand
        elif self.queue.state != QueueState.OPEN:
            assert slot is None
        elif kept is not None:
            assert slot == kept
        else:
            self.check_choice(slot, offered)
        return (person, slot.pk, str(slot.lease)) if slot else (person, 0, "")

    @rule(target=leases, person=PEOPLE, tasks=st.integers(1, 3))
    def work(self, person: int, tasks: int) -> tuple[int, int, str]:
        """Takes and submits, one after the other; the last one is in hand."""
        for _ in range(tasks):
            lease = cast("tuple[int, int, str]", self.take(person))
            self.submit(lease, "Yes.")
        return cast("tuple[int, int, str]", self.take(person))

    @rule(target=leases, person=PEOPLE)
    def take_ahead(self, person: int) -> tuple[int, int, str]:
        user = self.people[person]
        kept = Slot.objects.held_by(user.pk).filter(queue=self.queue, ahead=True).first()
        busy = Slot.objects.in_hand_of(user.pk).filter(queue=self.queue).exists()
        offered = self.offered_to(user)
        slot = slots.take_ahead(self.fresh_queue(), by=user)
        if self.queue.state != QueueState.OPEN or not busy:
            assert slot is None
        elif kept is not None:
            assert slot == kept
        else:
            self.check_choice(slot, offered)
        return (person, slot.pk, str(slot.lease)) if slot else (person, 0, "")

    @rule(person=PEOPLE)
    def leave(self, person: int) -> None:
        slots.give_back_ahead(self.queue, by=self.people[person])

    @rule(lease=leases, text=st.sampled_from(["One.", "Two.", "Three."]))
    def draft(self, lease: tuple[int, int, str], text: str) -> None:
        person, slot = self.held(lease)
        if slot is None or slot.state != SlotState.LEASED:
            return
        stored = Draft.objects.filter(slot=slot, annotator=self.people[person]).first()
        drafts.save(slot, said(text), lease=lease[2], revision=stored.revision if stored else 0, by=self.people[person])
        self.typed[slot.task_id, person] = text

    @rule(lease=leases, text=st.sampled_from(["Yes.", "No."]))
    def submit(self, lease: tuple[int, int, str], text: str) -> None:
        person, slot = self.held(lease)
        if slot is None:
            return
        before = Annotation.objects.filter(slot=slot).count()
        try:
            annotation, made = annotations.submit(slot, said(text), lease=lease[2], by=self.people[person])
        except Conflict:
            assert slot.state == SlotState.SKIPPED
            return
        assert made == (slot.state == SlotState.LEASED)
        assert Annotation.objects.filter(slot=slot).count() == before + made
        if made:
            self.submitted[slot.pk] = text
            self.typed.pop((slot.task_id, person), None)
        assert annotation.answers == said(self.submitted[slot.pk])

    @rule(lease=leases, reason=st.sampled_from(SkipReason.values))
    def skip(self, lease: tuple[int, int, str], reason: str) -> None:
        person, slot = self.held(lease)
        if slot is None:
            return
        try:
            skips.skip(slot, lease=lease[2], reason=reason, by=self.people[person])
        except Conflict:
            assert slot.state == SlotState.SUBMITTED

    @rule(lease=leases)
    def undo(self, lease: tuple[int, int, str]) -> None:
        person, slot = self.held(lease)
        if slot is None:
            return
        try:
            annotations.undo(slot, lease=lease[2], by=self.people[person])
        except Conflict:
            return
        assert slot.state == SlotState.SUBMITTED
        text = self.submitted.pop(slot.pk)
        self.typed.setdefault((slot.task_id, person), text)

    @rule(lease=leases)
    def run_out(self, lease: tuple[int, int, str]) -> None:
        past = timezone.now() - timedelta(minutes=1)
        Slot.objects.filter(pk=lease[1], state=SlotState.LEASED).update(lease_expires_at=past)

    @rule(lease=consumes(leases), by_manager=st.booleans())
    def release(self, lease: tuple[int, int, str], by_manager: bool) -> None:
        person, slot = self.held(lease)
        if slot is None or slot.state != SlotState.LEASED:
            return
        if by_manager:
            slots.release(slot, by=self.manager)
        else:
            slots.give_back(slot, lease=lease[2], by=self.people[person])

    @rule(number=st.integers(0, 20))
    def retire(self, number: int) -> None:
        found = list(Task.objects.filter(queue=self.queue).order_by("pk"))
        tasks.retire(found[number % len(found)], by=self.manager)

    @rule(number=st.integers(0, 20))
    def reopen(self, number: int) -> None:
        found = list(Task.objects.filter(queue=self.queue).order_by("pk"))
        try:
            task = tasks.reopen(found[number % len(found)], by=self.manager)
        except Conflict:
            return
        self.own_overlap.add(task.pk)

    @rule(number=st.integers(0, 20), person=PEOPLE)
    def hand(self, number: int, person: int) -> None:
        found = list(Task.objects.filter(queue=self.queue).order_by("pk"))
        try:
            tasks.hand(found[number % len(found)], to=self.people[person], by=self.manager)
        except (Conflict, Invalid):
            return

    @precondition(lambda self: Slot.objects.filter(state=SlotState.OPEN).exclude(reserved_for=None).exists())
    @rule()
    def free(self) -> None:
        slot = Slot.objects.filter(state=SlotState.OPEN).exclude(reserved_for=None).order_by("pk")[0]
        tasks.hand_to_anybody(slot, by=self.manager)

    @rule(
        setting=st.sampled_from(
            [
                *({"overlap": number} for number in (1, 2, 3, 4)),
                *({"ordering": ordering} for ordering in Ordering.values),
                {"by_language": True},
                {"by_language": False},
                {"state": QueueState.PAUSED},
            ]
        )
    )
    def change(self, setting: dict[str, Any]) -> None:
        before = self.queue.overlap
        self.queue = queues.change(self.queue, **setting, by=self.manager)
        if self.queue.overlap != before:
            retired = Task.objects.filter(queue=self.queue, state=TaskState.RETIRED)
            self.own_overlap = set(retired.values_list("pk", flat=True))

    @precondition(lambda self: self.queue.state == QueueState.PAUSED)
    @rule()
    def go_on(self) -> None:
        self.queue = queues.change(self.queue, state=QueueState.OPEN, by=self.manager)

    @rule(person=PEOPLE, languages=st.sets(st.sampled_from(["de", "en", "pt"])))
    def learn(self, person: int, languages: set[str]) -> None:
        Membership.objects.filter(project=self.project, user=self.people[person]).update(languages=sorted(languages))

    # --- What must be true ---

    def fresh_queue(self) -> Queue:
        return Queue.objects.select_related("project").get(pk=self.queue.pk)

    def held(self, lease: tuple[int, int, str]) -> tuple[int, Slot | None]:
        """The slot, if the lease is still on it; else every deed with it is refused and changes nothing."""
        person, slot_id, token = lease
        slot = Slot.objects.filter(pk=slot_id).first()
        if slot is None:
            return person, None
        if str(slot.lease) == token and slot.annotator_id == self.people[person].pk:
            return person, slot
        for deed in (
            lambda: annotations.submit(slot, said("Late."), lease=token, by=self.people[person]),
            lambda: skips.skip(slot, lease=token, reason="other", by=self.people[person]),
            lambda: drafts.save(slot, said("Late."), lease=token, revision=0, by=self.people[person]),
        ):
            with pytest.raises(LeaseLost):
                deed()
        return person, None

    def offered_to(self, user: User) -> list[Slot]:
        """What the person could take, by the plainest query there is."""
        met = Slot.objects.filter(annotator=user).values("task")
        seats = Count("task__slots", filter=~Q(task__slots__state=SlotState.SKIPPED))
        found = Slot.objects.filter(queue=self.queue).exclude(task__in=met)
        free = found.filter(state=SlotState.OPEN).filter(Q(reserved_for=None) | Q(reserved_for=user))
        overdue = found.filter(state=SlotState.LEASED, lease_expires_at__lt=timezone.now())
        overdue = overdue.annotate(seats=seats).filter(seats__lte=F("task__overlap"))
        overdue = overdue.exclude(task__state=TaskState.RETIRED)
        languages = Membership.objects.get(project=self.project, user=user).languages
        by_language = self.fresh_queue().by_language
        return [
            slot
            for slot in (*free, *overdue)
            if slot.reserved_for_id
            or not by_language
            or not slot.language
            or {slot.language, slot.language.split("-")[0]} & set(languages)
        ]

    @staticmethod
    def check_choice(slot: Slot | None, offered: list[Slot]) -> None:
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
    def every_task_has_its_seats(self) -> None:
        seats = Count("slots", filter=~Q(slots__state=SlotState.SKIPPED))
        taken = Count("slots", filter=Q(slots__state__in=[SlotState.SUBMITTED, SlotState.LEASED]))
        unfinished = Count("slots", filter=Q(slots__state__in=[SlotState.OPEN, SlotState.LEASED]))
        found = Task.objects.filter(queue=self.queue).annotate(seats=seats, taken=taken, unfinished=unfinished)
        for task in found:
            if task.state == TaskState.RETIRED:
                assert task.seats == task.taken
                continue
            assert task.overlap == self.queue.overlap or task.pk in self.own_overlap
            # Only what somebody has or had in hand may be more than is asked for.
            assert task.seats == max(task.overlap, task.taken)
            assert (task.state == TaskState.OPEN) == (task.unfinished > 0)
        assert len(found) == self.number

    @invariant()
    def every_submit_stands_once(self) -> None:
        standing = Annotation.objects.filter(undone_at=None)
        assert {one.slot_id: one.answers["response"]["text"] for one in standing} == self.submitted
        assert standing.count() == len(self.submitted)
        done = Slot.objects.filter(state=SlotState.SUBMITTED).values_list("pk", flat=True)
        assert set(done) == set(self.submitted)

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
        if random.random() < 0.2:
            orders = {
                Ordering.OLDEST: lambda slot: (-slot.priority, slot.task_id, slot.seat),
                Ordering.SPREAD: lambda slot: (-slot.priority, slot.seat, slot.task_id),
            }
            key = orders.get(Ordering(self.queue.ordering))
            open_ones = list(Slot.objects.filter(queue=self.queue, state=SlotState.OPEN).order_by("place"))
            assert key is None or open_ones == sorted(open_ones, key=key)


@pytest.mark.django_db(transaction=True)
def test_the_services_keep_every_promise() -> None:
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=not LONG,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
