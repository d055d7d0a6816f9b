"""What can happen to a queue: every service that moves a seat, as the rules of a machine. See test_machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Sign
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, precondition, rule

from labeling.errors import Conflict, Invalid, LeaseLost
from labeling.management.commands.check_queues import broken
from labeling.models import (
    REPLACED,
    Annotation,
    Bookmark,
    Draft,
    Membership,
    Opening,
    Ordering,
    Queue,
    QueueState,
    SkipReason,
    Slot,
    SlotState,
    Task,
    TaskState,
    User,
    Verdict,
)
from labeling.prepared import Statement
from labeling.services import (
    abandoned,
    annotations,
    batch_priorities,
    claims,
    drafts,
    projects,
    queues,
    reviews,
    seats,
    skips,
    slots,
    tasks,
)
from tests import make
from tests.emptying import empty_tables

PEOPLE = st.integers(0, 3)
TASKS = st.integers(0, 20)
LANGUAGES = st.sampled_from(["", "de", "EN", "pt-BR"])
PRIORITIES = st.sampled_from([-5, 0, 0, 0, 7])
BATCHES = st.sampled_from(["", "", "b"])
# Ways of finding the same seats: the numbers in earnest, and those with which a queue of a dozen tasks is a large one.
WAYS = [{}, {"worth": 0}, {"worth": 9}, {"few": 0, "near": 1}, {"few": 0, "near": 3}, {"few": 0, "near": 0, "worth": 0}]
CREW = st.lists(PEOPLE, max_size=6)  # who takes and submits next, one after the other
NO_LIMITS: dict[str, Any] = {
    "state": QueueState.OPEN, "most_in_all": None, "most_per_day": None, "open_to": "members", "skills": {},
}  # fmt: skip
Lease = tuple[int, int, str]  # person, slot, token


def said(text: str) -> dict[str, Any]:
    return {"response": {"text": text}}


@contextmanager
def small_steps() -> Iterator[None]:
    """What a change means for tasks that are there is done two at a time, and each call does one step alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seats, "STEP", 2)
        patch.setattr(seats, "PATIENCE", 0.0)
        defaults = seats.follow.__kwdefaults__
        assert defaults is not None
        patch.setitem(defaults, "seconds", 0.0)
        patch.setattr(claims, "TAKE", claims.TAKE)  # each run sets its own
        patch.setattr(claims, "TAKE_AT_ONCE", claims.TAKE_AT_ONCE)
        yield


class Desk(RuleBasedStateMachine):
    """A queue, another one that takes what is moved away, and four annotators. `leases` are those that somebody was
    given.
    """

    leases: Bundle[Lease] = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.people = [make.person() for _ in range(4)]
        self.project = make.project(annotators=self.people)
        self.manager = make.manager(self.project)
        self.number = 0
        self.submitted: dict[int, str] = {}  # slot: the text that stands
        self.verdicts: dict[int, str] = {}  # slot: what a reviewer said of the text that stands
        # Task: the number of seats that is asked for and not the queue's; None where a change that follows may undo it.
        self.own_overlap: dict[int, int | None] = {}
        self.typed: dict[tuple[int, int], str] = {}  # (task, person): the text of the draft
        self.other = make.queue(self.project, state=QueueState.PAUSED)
        self.queue = make.queue(self.project, overlap=2)
        self.import_prompts(5, 0, "", "", [])

    def teardown(self) -> None:
        try:
            assert broken() == []
        finally:
            empty_tables()

    @initialize(way=st.sampled_from(WAYS), crew=CREW)
    def begin(self, way: dict[str, int], crew: list[int]) -> None:
        self.choose_a_way(way)
        self.then(True, crew)

    @rule(way=st.sampled_from(WAYS))
    def choose_a_way(self, way: dict[str, int]) -> None:
        claims.TAKE = Statement(claims.written(at_once=False, **way), slot=Slot)
        claims.TAKE_AT_ONCE = Statement(claims.written(at_once=True, **way), slot=Slot)

    # --- Prompts ---

    @rule(number=st.integers(1, 3), priority=PRIORITIES, language=LANGUAGES, batch=BATCHES, crew=CREW)
    def import_prompts(self, number: int, priority: int, language: str, batch: str, crew: list[int]) -> None:
        self._import(number, self.number, priority=priority, language=language or None, batch=batch)
        self.number += number
        self.then(False, crew)

    @rule(number=TASKS, priority=PRIORITIES, language=LANGUAGES, batch=BATCHES, crew=CREW)
    def import_again(self, number: int, priority: int, language: str, batch: str, crew: list[int]) -> None:
        """The same prompt with another place in the order, for other people."""
        self._import(1, number % self.number, priority=priority, language=language or None, batch=batch)
        self.then(False, crew)

    def _import(self, number: int, start: int, **fields: Any) -> None:
        make.imported(self.project, number, start=start, **fields)

    @rule(priority=st.integers(-3, 3), followed=st.booleans(), crew=CREW)
    def set_batch_priority(self, priority: int, followed: bool, crew: list[int]) -> None:
        batch_priorities.set_priority(self.project, "b", priority, by=self.manager)
        self.then(followed, crew)

    # --- Annotators ---

    @rule(target=leases, person=PEOPLE)
    def take(self, person: int) -> Lease:
        slot = self.given(person)
        return (person, slot.pk, str(slot.lease)) if slot else (person, 0, "")

    def given(self, person: int) -> Slot | None:
        """What somebody gets who asks for the next task, when it is what they have to get."""
        user = self.people[person]
        in_hand = Slot.objects.in_hand_of(user.pk).filter(queue=self.queue).first()
        kept = Slot.objects.held_by(user.pk).filter(queue=self.queue, ahead=True).first()
        offered = self.offered_to(user)
        stays = kept is None or self.may_come_up(kept, user)
        handed = Slot.objects.filter(queue=self.queue, state=SlotState.OPEN, reserved_for=user).exists()
        slot = slots.take_next(self.fresh_queue(), by=user)
        if self.queue.state == QueueState.CLOSED:
            assert slot is None
        elif in_hand is not None:
            assert slot == in_hand
        elif self.queue.state != QueueState.OPEN:
            assert slot is None
        elif kept is not None and not stays:
            assert not Slot.objects.filter(pk=kept.pk, annotator=user).exists()
            assert slot is not None or self.offered_to(user) == []
        elif kept is not None and handed and not offered and not self.is_begun(kept, user):
            # What was kept makes way, as it filled their share.
            assert slot is not None
            assert slot.pk != kept.pk
        elif kept is not None and not (handed and offered):
            assert slot == kept
        else:
            self.check_choice(slot, offered)
        return slot

    @rule(target=leases, person=PEOPLE, others=CREW)
    def work(self, person: int, others: list[int]) -> Lease:
        """Some take and submit, one after the other; the last one has a task in hand."""
        for one in others:
            self.submit(cast("Lease", self.take(one)), "Yes.")
        return cast("Lease", self.take(person))

    def then(self, followed: bool, crew: list[int]) -> None:
        """What comes after a change: all steps that are left of it, or the next one; and some work."""
        if seats.is_unfinished():
            seats.follow_all(seconds=1000 if followed else 0)
        self.queue.refresh_from_db()
        for one in crew:
            self.submit(cast("Lease", self.take(one)), "Yes.")

    @rule(target=leases, person=PEOPLE)
    def take_ahead(self, person: int) -> Lease:
        user = self.people[person]
        kept = Slot.objects.held_by(user.pk).filter(queue=self.queue, ahead=True).first()
        busy = Slot.objects.in_hand_of(user.pk).filter(queue=self.queue).exists()
        offered = self.offered_to(user)
        stays = kept is None or self.may_come_up(kept, user)
        slot = slots.take_ahead(self.fresh_queue(), by=user)
        if self.queue.state != QueueState.OPEN or not busy:
            assert slot is None
        elif kept is not None and not stays:
            assert slot != kept
            assert slot is not None or self.offered_to(user) == []
        elif kept is not None:
            assert slot == kept
        else:
            self.check_choice(slot, offered)
        return (person, slot.pk, str(slot.lease)) if slot else (person, 0, "")

    @rule(person=PEOPLE)
    def leave(self, person: int) -> None:
        slots.give_back_ahead(self.queue, by=self.people[person])

    @rule(lease=leases, text=st.sampled_from(["One.", "Two.", "Three."]))
    def draft(self, lease: Lease, text: str) -> None:
        person, slot = self.held(lease)
        if slot is None or slot.state != SlotState.LEASED:
            return
        stored = Draft.objects.filter(slot=slot, annotator=self.people[person]).first()
        drafts.save(slot, said(text), lease=lease[2], revision=stored.revision if stored else 0, by=self.people[person])
        self.typed[slot.task_id, person] = text

    @rule(lease=leases, text=st.sampled_from(["Yes.", "No."]))
    def submit(self, lease: Lease, text: str) -> None:
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

    @rule(lease=leases, text=st.sampled_from(["Better.", "Best."]), stale=st.booleans())
    def revise(self, lease: Lease, text: str, stale: bool) -> None:
        """Corrects what was submitted; or a version that was corrected since, which is refused."""
        person, slot = self.held(lease)
        if slot is None:
            return
        versions = Annotation.objects.filter(slot=slot).count()
        try:
            annotation, made = annotations.revise(
                slot, said(text), lease=lease[2], version=versions - stale, by=self.people[person]
            )
        except Conflict:
            assert stale or slot.state != SlotState.SUBMITTED or self.queue.state == QueueState.CLOSED
            return
        assert not (stale and made)
        assert made == (self.submitted[slot.pk] != text)
        assert annotation.version == versions + made
        self.submitted[slot.pk] = text
        if made:
            self.verdicts.pop(slot.pk, None)

    @rule(number=TASKS, verdict=st.sampled_from(Verdict.values), again=st.booleans())
    def review(self, number: int, verdict: str, again: bool) -> None:
        """Accepts or rejects an answer that stands, and asks for another one where it is rejected: once."""
        found = list(
            Annotation.objects.filter(queue=self.queue, undone_at=None).exclude(verdict=REPLACED).order_by("pk")
        )
        if not found:
            return
        annotation = found[number % len(found)]
        task = Task.objects.get(slots=annotation.slot_id)
        wanted = again and verdict == Verdict.REJECTED and not annotation.reviews.filter(again=True).exists()
        wanted = wanted and task.state != TaskState.RETIRED and self.fresh_queue().state != QueueState.CLOSED
        review, made = reviews.judge(annotation, verdict=verdict, reason="So.", again=again, by=self.manager)
        self.verdicts[annotation.slot_id] = verdict
        if made:
            assert review.again == wanted
        if wanted:
            task.refresh_from_db()
            self.own_overlap[task.pk] = None if self.fresh_queue().following_overlap else task.overlap

    @rule(lease=leases, reason=st.sampled_from(SkipReason.values))
    def skip(self, lease: Lease, reason: str) -> None:
        person, slot = self.held(lease)
        if slot is None:
            return
        try:
            skips.skip(slot, lease=lease[2], reason=reason, by=self.people[person])
        except Conflict:
            assert slot.state == SlotState.SUBMITTED
            return
        rule = self.queue.skip_rules.get(reason)
        same = Slot.objects.filter(task=slot.task_id, skip_reason=reason).count()
        if slot.state == SlotState.LEASED and rule and same >= rule["after"]:
            assert Task.objects.get(pk=slot.task_id).state == TaskState.RETIRED

    @rule(lease=leases)
    def undo(self, lease: Lease) -> None:
        """Withdraws an answer: within its first moments the task is in hand again, and the answer is none any more."""
        person, slot = self.held(lease)
        if slot is None:
            return
        try:
            annotations.undo(slot, lease=lease[2], by=self.people[person])
        except Conflict:
            return
        assert slot.state == SlotState.SUBMITTED
        text = self.submitted.pop(slot.pk)
        self.verdicts.pop(slot.pk, None)
        self.typed.setdefault((slot.task_id, person), text)

    # --- Time ---

    @rule(lease=leases)
    def run_out(self, lease: Lease) -> None:
        past = timezone.now() - timedelta(minutes=1)
        Slot.objects.filter(pk=lease[1], state=SlotState.LEASED).update(lease_expires_at=past)

    @rule()
    def a_day_goes_by(self) -> None:
        Slot.objects.exclude(finished_at=None).update(finished_at=F("finished_at") - timedelta(days=1))

    @rule()
    def nobody_comes_back(self) -> None:
        abandoned.reclaim()
        past = Slot.objects.filter(state=SlotState.LEASED, lease_expires_at__lt=timezone.now())
        drafts_of = Draft.objects.filter(slot=OuterRef("pk"), annotator=OuterRef("annotator"))
        for slot in past.filter(~Exists(drafts_of)).select_related("task"):
            assert self.is_wanted(slot)

    @rule()
    def load_a_dump(self) -> None:
        """The database is dumped and loaded into a server that has counted fewer transactions."""
        fewer = 10**12
        Bookmark.objects.update(horizon=F("horizon") + fewer)
        Opening.objects.update(xid=F("xid") + Sign("xid") * fewer)
        Slot.objects.update(reopened_xid=F("reopened_xid") + Sign("reopened_xid") * fewer)

    # --- Managers ---

    def task(self, number: int) -> Task:
        found = list(Task.objects.filter(queue=self.queue).order_by("pk"))
        return found[number % len(found)]

    @rule(lease=consumes(leases), by_manager=st.booleans())
    def release(self, lease: Lease, by_manager: bool) -> None:
        person, slot = self.held(lease)
        if slot is None or slot.state != SlotState.LEASED:
            return
        if by_manager:
            slots.release(slot, by=self.manager)
        else:
            slots.give_back(slot, lease=lease[2], by=self.people[person])

    @rule(number=TASKS)
    def retire(self, number: int) -> None:
        """Withdraws a task from its queue."""
        tasks.retire(self.task(number), by=self.manager)

    @rule(number=TASKS)
    def reopen(self, number: int) -> None:
        found = list(Task.objects.filter(queue=self.queue).exclude(state=TaskState.OPEN).order_by("pk"))
        if not found:
            with pytest.raises(Conflict):
                tasks.reopen(self.task(number), by=self.manager)
            return
        task = tasks.reopen(found[number % len(found)], by=self.manager)
        self.own_overlap[task.pk] = None if self.fresh_queue().following_overlap else task.overlap

    @rule(number=TASKS, person=PEOPLE)
    def hand(self, number: int, person: int) -> None:
        try:
            tasks.hand(self.task(number), to=self.people[person], by=self.manager)
        except (Conflict, Invalid):
            return

    @precondition(lambda self: Slot.objects.filter(state=SlotState.OPEN).exclude(reserved_for=None).exists())
    @rule()
    def free(self) -> None:
        slot = Slot.objects.filter(state=SlotState.OPEN).exclude(reserved_for=None).order_by("pk")[0]
        tasks.hand_to_anybody(slot, by=self.manager)

    @rule(number=TASKS, known=st.booleans())
    def move(self, number: int, known: bool) -> None:
        """To the other queue, which has a task for the prompt or has not."""
        task = self.task(number)
        there = Task.objects.filter(queue=self.other, prompt=task.prompt)
        if not known:
            there.delete()
        expected = not there.exists()
        moved = tasks.move(task, to=self.other, by=self.manager)
        assert (moved.opened, moved.task.queue_id) == (expected, self.other.pk)
        assert Task.objects.get(pk=task.pk).state == TaskState.RETIRED
        assert Slot.objects.filter(task__in=there).count() == 1

    @rule(
        setting=st.sampled_from(
            [
                {"by_language": True},
                {"by_language": False},
                {"skip_rules": {"broken": {"then": "retire", "after": 2}}},
                {"skip_rules": {"unclear": {"then": "queue", "queue": "other"}}},
            ]
        ),
        followed=st.booleans(),
        crew=CREW,
    )
    def change(self, setting: dict[str, Any], followed: bool, crew: list[int]) -> None:
        for then in setting.get("skip_rules", {}).values():
            if "queue" in then:
                setting = {"skip_rules": {"unclear": {"then": "queue", "queue": self.other.pk}}}
        self.queue = queues.change(self.queue, **setting, by=self.manager)
        self.then(followed, crew)

    @rule(overlap=st.integers(1, 4), followed=st.booleans(), crew=CREW)
    def change_overlap(self, overlap: int, followed: bool, crew: list[int]) -> None:
        if overlap != self.queue.overlap:
            self.own_overlap = {}
        self.change({"overlap": overlap}, followed, crew)

    @rule(ordering=st.sampled_from(Ordering.values), followed=st.booleans(), crew=CREW)
    def change_order(self, ordering: str, followed: bool, crew: list[int]) -> None:
        self.change({"ordering": ordering}, followed, crew)

    @rule(
        limit=st.sampled_from(
            [
                {"state": QueueState.PAUSED},
                {"state": QueueState.CLOSED},
                {"most_in_all": 3},
                {"most_per_day": 2},
                {"open_to": "people"},
                {"skills": {"law": 2}},
            ]
        ),
        named=st.sets(PEOPLE),
        crew=CREW,
        stays=st.sampled_from([False, False, False, True]),
    )
    def limit(self, limit: dict[str, Any], named: set[int], crew: list[int], stays: bool) -> None:
        """Not everybody may take; mostly not for long."""
        inside = set(Membership.objects.filter(project=self.project).values_list("user", flat=True))
        people = [self.people[person] for person in named if self.people[person].pk in inside]
        self.queue = queues.change(self.queue, **limit, people=people, by=self.manager)
        self.then(False, crew)
        if not stays:
            self.go_on()

    @precondition(lambda self: self.limited())
    @rule()
    def go_on(self) -> None:
        self.queue = queues.change(self.queue, **NO_LIMITS, by=self.manager)

    def limited(self) -> bool:
        return any(getattr(self.queue, name) != value for name, value in NO_LIMITS.items())

    @precondition(lambda self: seats.is_unfinished())
    @rule(followed=st.booleans(), crew=CREW)
    def follow(self, followed: bool, crew: list[int]) -> None:
        """A step of what the settings mean for tasks that are there, or all that are left."""
        self.then(followed, crew)

    @rule(
        person=PEOPLE,
        languages=st.sets(st.sampled_from(["de", "en", "pt"])),
        skills=st.sampled_from([{}, {"law": 1}, {"law": 3}]),
    )
    def learn(self, person: int, languages: set[str], skills: dict[str, int]) -> None:
        found = Membership.objects.filter(project=self.project, user=self.people[person])
        found.update(languages=sorted(languages), skills=skills)

    @rule(target=leases, person=PEOPLE)
    def leave_or_join_the_project(self, person: int) -> Lease:
        """Whoever has left gets nothing more."""
        user = self.people[person]
        member = Membership.objects.filter(project=self.project, user=user).first()
        if member:
            projects.remove_member(member, by=self.manager)
        else:
            projects.add_member(self.project, email=user.email, role="annotator", by=self.manager)
        return cast("Lease", self.take(person))

    # --- What is looked at ---

    def fresh_queue(self) -> Queue:
        return Queue.objects.select_related("project").get(pk=self.queue.pk)

    def held(self, lease: Lease) -> tuple[int, Slot | None]:
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
        """What the person could take."""
        raise NotImplementedError

    def is_wanted(self, slot: Slot) -> bool:
        """Whether a seat that somebody holds is asked for yet."""
        raise NotImplementedError

    def is_begun(self, kept: Slot, user: User) -> bool:
        """Whether somebody has written something in it, or had submitted it."""
        return Draft.objects.filter(slot=kept, annotator=user).exists() or kept.annotations.exists()

    def may_come_up(self, kept: Slot, user: User) -> bool:
        """Whether what was kept for somebody is theirs when their hand is free."""
        raise NotImplementedError

    def check_choice(self, slot: Slot | None, offered: list[Slot]) -> None:
        """Whether it is the one to be taken."""
        raise NotImplementedError
