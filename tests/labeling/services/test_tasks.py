"""What managers do with tasks, who may take what, and what skips lead to."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from labeling.errors import Conflict, Invalid
from labeling.models import (
    Bookmark,
    Event,
    Membership,
    Opening,
    Project,
    Queue,
    QueueState,
    Slot,
    SlotState,
    Task,
    TaskState,
    User,
)
from labeling.services import annotations, batch_priorities, projects, queues, seats, skips, slots, tasks
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return make.project(annotators=[ann, ben])


@pytest.fixture
def manager(project: Project) -> User:
    return make.manager(project)


def queue_of(project: Project, prompts: int = 3, **settings: Any) -> Queue:
    make.imported(project, prompts)
    return make.queue(project, **settings)


def took(queue: Queue, by: User) -> Slot:
    slot = slots.take_next(queue, by=by)
    assert slot is not None
    return slot


def skipped(queue: Queue, by: User, reason: str = "broken") -> Task:
    slot = took(queue, by)
    skips.skip(slot, lease=str(slot.lease), reason=reason, by=by)
    return slot.task


def told(verb: str) -> tuple[User | None, Project | None, str, int | None, Any]:
    """The one Event of a deed: who did it, where, to what, and what it says of it."""
    event = Event.objects.get(verb=verb)
    return event.actor, event.project, event.target_type, event.target_id, event.data


def taken_texts(queue: Queue, by: User) -> list[str]:
    """The external ids of all that the person gets, one after the other."""
    found = []
    while (slot := slots.take_next(queue, by=by)) is not None:
        found.append(slot.task.prompt.external_id)
        make.answered(slot, by, {"response": {"text": "x"}})
    return found


class TestRetire:
    def test_it_works(self, project: Project, manager: User, ann: User, ben: User) -> None:
        queue = queue_of(project, 2, overlap=2)
        held = took(queue, ann)
        tasks.retire(held.task, reason="unclear", by=manager)
        assert took(queue, ben).task_id != held.task_id
        make.answered(held, ann, {"response": {"text": "Still mine."}})
        task = Task.objects.get(pk=held.task_id)
        assert task.state == TaskState.RETIRED
        assert not Slot.objects.filter(task=task, state=SlotState.OPEN).exists()
        event = Event.objects.get(verb="task.retired")
        assert (event.actor, event.data["reason"]) == (manager, "unclear")

    def test_what_is_given_back_goes_to_nobody(self, project: Project, manager: User, ann: User, ben: User) -> None:
        queue = queue_of(project, 1)
        held = took(queue, ann)
        tasks.retire(held.task, by=manager)
        slots.give_back(held, lease=str(held.lease), by=ann)
        assert slots.take_next(queue, by=ben) is None

    def test_a_lease_that_runs_out_goes_to_nobody(self, project: Project, manager: User, ann: User, ben: User) -> None:
        queue = queue_of(project, 1)
        held = took(queue, ann)
        tasks.retire(held.task, by=manager)
        Slot.objects.filter(pk=held.pk).update(lease_expires_at=timezone.now() - timedelta(minutes=1))
        assert slots.take_next(queue, by=ben) is None

    def test_it_can_be_brought_back(self, project: Project, manager: User, ann: User) -> None:
        queue = queue_of(project, 1, overlap=2)
        make.written(queue, ann)
        task = Task.objects.get()
        tasks.retire(task, by=manager)
        tasks.reopen(task, by=manager)
        assert Slot.objects.filter(task=task, state=SlotState.OPEN).count() == 1
        assert told("task.reopened") == (manager, project, "task", task.pk, {"overlap": 2})
        with pytest.raises(Conflict):
            tasks.reopen(task, by=manager)

    def test_it_comes_back_to_what_the_queue_asks_for_by_then(self, project: Project, manager: User) -> None:
        queue = queue_of(project, 1, overlap=2)
        task = tasks.retire(Task.objects.get(), by=manager)
        queues.change(queue, overlap=3, by=manager)
        tasks.reopen(task, by=manager)
        assert Slot.objects.filter(task=task, state=SlotState.OPEN).count() == 3

    def test_another_order_takes_back_no_answer_that_was_asked_for(
        self, project: Project, manager: User, ann: User, ben: User
    ) -> None:
        queue = queue_of(project, 1)
        make.written(queue, ann)
        tasks.reopen(Task.objects.get(), by=manager)
        queue = queues.change(queue, ordering="random", by=manager)
        batch_priorities.set_priority(project, "b", 5, by=manager)
        assert took(queue, ben).task == Task.objects.get(overlap=2)
        # Another overlap is for all tasks.
        queues.change(queue, overlap=3, by=manager)
        assert Task.objects.get().overlap == 3

    def test_of_one_that_is_done_one_answer_more_is_asked(
        self, project: Project, manager: User, ann: User, ben: User
    ) -> None:
        queue = queue_of(project, 1)
        make.written(queue, ann)
        tasks.reopen(Task.objects.get(), by=manager)
        assert told("task.reopened")[-1] == {"overlap": 2}
        make.written(queue, ben)
        assert (Task.objects.get().state, Task.objects.get().overlap) == (TaskState.DONE, 2)

    def test_one_with_more_answers_than_it_asks_for_is_asked_for_one_more(
        self, project: Project, manager: User, ann: User, ben: User
    ) -> None:
        queue = queue_of(project, 1, overlap=2)
        make.written(queue, ann)
        make.written(queue, ben)
        queues.change(queue, overlap=1, by=manager)
        task = tasks.reopen(Task.objects.get(), by=manager)
        assert (task.state, task.overlap) == (TaskState.OPEN, 3)
        assert Slot.objects.filter(task=task, state=SlotState.OPEN).count() == 1
        # So it is where it was retired with all its answers.
        tasks.retire(task, by=manager)
        tasks.reopen(task, by=manager)
        assert Slot.objects.filter(task=task, state=SlotState.OPEN).count() == 1


class TestHand:
    def test_it_works(self, project: Project, manager: User, ann: User, ben: User) -> None:
        queue = queue_of(project, 3)
        last = Task.objects.order_by("pk").reverse()[0]
        slot = tasks.hand(last, to=ben, by=manager)
        assert told("slot.handed") == (manager, project, "slot", slot.pk, {"to": ben.pk})
        assert last.prompt.external_id not in taken_texts(queue, ann)
        assert took(queue, ben).task_id == last.pk

    def test_only_to_who_can_take_it(self, project: Project, manager: User, ann: User) -> None:
        queue = queue_of(project, 1)
        slot = took(queue, ann)
        with pytest.raises(Invalid, match="met"):
            tasks.hand(slot.task, to=ann, by=manager)
        with pytest.raises(Invalid, match="project"):
            tasks.hand(slot.task, to=make.person(), by=manager)

    def test_who_leaves_the_project_holds_no_seat_back(
        self, project: Project, manager: User, ann: User, ben: User
    ) -> None:
        queue = queue_of(project, 1)
        slot = tasks.hand(Task.objects.get(), to=ben, by=manager)
        assert slots.take_next(queue, by=ann) is None
        projects.remove_member(Membership.objects.get(project=project, user=ben), by=manager)
        assert took(queue, ann).pk == slot.pk

    def test_it_can_be_taken_back(self, project: Project, manager: User, ann: User, ben: User) -> None:
        queue = queue_of(project, 1)
        slot = tasks.hand(Task.objects.get(), to=ben, by=manager)
        assert slots.take_next(queue, by=ann) is None
        tasks.hand_to_anybody(slot, by=manager)
        assert told("slot.freed") == (manager, project, "slot", slot.pk, {"was_for": ben.pk})
        assert took(queue, ann).pk == slot.pk
        with pytest.raises(Conflict):
            tasks.hand_to_anybody(slot, by=manager)


class TestSkipRules:
    def test_without_one_another_person_gets_it(self, project: Project, ann: User, ben: User) -> None:
        queue = queue_of(project, 1)
        task = skipped(queue, ann)
        slot = Slot.objects.get(annotator=ann)
        assert told("slot.skipped") == (ann, project, "slot", slot.pk, {"reason": "broken"})
        assert took(queue, ben).task_id == task.pk

    def test_it_retires_after_so_many(self, project: Project, ann: User, ben: User) -> None:
        queue = queue_of(project, 1, skip_rules={"broken": {"then": "retire", "after": 2}})
        task = skipped(queue, ann)
        assert Task.objects.get(pk=task.pk).state == TaskState.OPEN
        skipped(queue, ben)
        assert Task.objects.get(pk=task.pk).state == TaskState.RETIRED
        assert Event.objects.get(verb="task.retired").actor is None

    def test_only_the_same_reason_counts(self, project: Project, ann: User, ben: User) -> None:
        queue = queue_of(project, 1, skip_rules={"broken": {"then": "retire", "after": 2}})
        task = skipped(queue, ann, "unclear")
        skipped(queue, ben, "broken")
        assert Task.objects.get(pk=task.pk).state == TaskState.OPEN

    def test_it_goes_to_another_queue(self, project: Project, ann: User, ben: User) -> None:
        experts = make.queue(project, only_moved=True)
        queue = queue_of(project, 2, skip_rules={"expertise": {"then": "queue", "queue": experts.pk, "after": 2}})
        task = skipped(queue, ann, "expertise")
        assert not experts.tasks.exists()
        skipped(queue, ben, "expertise")
        assert [there.prompt for there in experts.tasks.all()] == [task.prompt]
        assert Task.objects.get(pk=task.pk).state == TaskState.RETIRED
        event = Event.objects.get(verb="task.moved")
        assert (event.actor, event.data["to"], event.data["opened"]) == (None, experts.pk, True)

    def test_where_the_other_queue_was_closed_since_another_person_gets_it(
        self, project: Project, manager: User, ann: User, ben: User
    ) -> None:
        experts = make.queue(project, only_moved=True)
        queue = queue_of(project, 1, skip_rules={"expertise": {"then": "queue", "queue": experts.pk}})
        queues.change(experts, state="closed", by=manager)
        task = skipped(queue, ann, "expertise")
        assert took(queue, ben).task_id == task.pk
        # A rule that stands does not keep other settings from being changed.
        assert queues.change(queue, overlap=2, skip_rules=queue.skip_rules, by=manager).overlap == 2

    def test_a_queue_of_another_project_a_closed_one_and_itself_are_refused(
        self, project: Project, manager: User
    ) -> None:
        queue = queue_of(project, 1)
        for other in (make.queue(make.project()), make.queue(project, state="closed"), queue):
            with pytest.raises(Invalid) as refused:
                queues.change(queue, skip_rules={"broken": {"then": "queue", "queue": other.pk}}, by=manager)
            assert refused.value.errors[0].path == "skip_rules.broken.queue"

    def test_its_seat_stands_with_what_was_begun(self, project: Project, manager: User, ann: User, ben: User) -> None:
        """Where what was begun comes first, a seat that was skipped or given back after others began goes before all
        tasks that nobody has touched.
        """
        queue = queue_of(project, 3, overlap=2, ordering="finish")
        later = Task.objects.order_by("pk").reverse()[0]
        tasks.hand(later, to=ann, by=manager)
        first = took(queue, ann)
        assert (first.task_id, took(queue, ben).task_id) == (later.pk, later.pk)
        slots.give_back(first, lease=str(first.lease), by=ann)
        assert took(queue, ann).task_id == later.pk
        assert skipped(queue, ann).pk == later.pk
        assert took(queue, manager).task_id == later.pk


class TestWhoMayTake:
    def test_only_who_is_in_the_project(self, project: Project, manager: User, ann: User) -> None:
        queue = queue_of(project, 2, open_to="people", people=[ann])
        queue = queues.change(queue, open_to="members", by=manager)
        assert slots.take_next(queue, by=make.person()) is None
        took(queue, manager)
        projects.remove_member(Membership.objects.get(project=project, user=ann), by=manager)
        assert slots.take_next(queue, by=ann) is None
        # Being named is not enough either.
        queue = queues.change(queue, open_to="people", by=manager)
        assert slots.take_next(queue, by=ann) is None

    def test_a_superuser_is_in_every_project_and_a_closed_account_in_none(self, project: Project, ann: User) -> None:
        queue = queue_of(project, 2)
        took(queue, User.objects.create_superuser("root@example.org"))
        User.objects.filter(pk=ann.pk).update(is_active=False)
        assert slots.take_next(queue, by=ann) is None

    def test_named_people(self, project: Project, manager: User, ann: User, ben: User) -> None:
        queue = queue_of(project, 2, open_to="people", people=[ann])
        assert slots.take_next(queue, by=ben) is None
        took(queue, ann)
        queues.change(queue, people=[ben], by=manager)
        took(queue, ben)

    def test_skills_with_levels(self, project: Project, manager: User, ann: User, ben: User) -> None:
        queue = queue_of(project, 2, skills={"medicine": 2, "law": 1})
        levels = {ann: {"medicine": 2, "law": 3}, ben: {"medicine": 1, "law": 3}}
        for person, skills in levels.items():
            projects.change_member(Membership.objects.get(project=project, user=person), skills=skills, by=manager)
        took(queue, ann)
        assert slots.take_next(queue, by=ben) is None

    def test_languages(self, project: Project, manager: User, ann: User) -> None:
        for start, language in enumerate(["de", "en", "pt-BR", "", "zh-Hant"]):
            make.imported(project, 1, start=start, language=language or None)
        queue = make.queue(project, by_language=True)
        member = Membership.objects.get(project=project, user=ann)
        projects.change_member(member, languages=["pt", "en"], by=manager)
        assert taken_texts(queue, ann) == ["p1", "p2", "p3"]
        # What one learns is offered, also where one has been already.
        projects.change_member(member, languages=["de", "en", "pt"], by=manager)
        assert taken_texts(queue, ann) == ["p0"]
        queues.change(queue, by_language=False, by=manager)
        assert taken_texts(Queue.objects.get(pk=queue.pk), ann) == ["p4"]

    def test_caps_count_what_is_in_hand_and_what_was_taken_back_counts_no_more(
        self, project: Project, ann: User, ben: User
    ) -> None:
        queue = queue_of(project, 5, most_in_all=2, overlap=2)
        first = took(queue, ann)
        kept = slots.take_ahead(queue, by=ann)
        assert kept is not None
        make.answered(first, ann, {"response": {"text": "x"}})
        assert slots.take_next(queue, by=ann) == kept
        assert slots.take_ahead(queue, by=ann) is None
        make.answered(kept, ann, {"response": {"text": "x"}})
        assert slots.take_next(queue, by=ann) is None
        took(queue, ben)
        kept.refresh_from_db()
        undone = annotations.undo(kept, lease=str(kept.lease), by=ann)
        slots.give_back(undone, lease=str(undone.lease), by=ann)
        took(queue, ann)

    def test_a_day_s_share(self, project: Project, ann: User) -> None:
        queue = queue_of(project, 3, most_per_day=1)
        make.written(queue, ann)
        assert slots.take_next(queue, by=ann) is None
        yesterday = timezone.now() - timedelta(days=1)
        Slot.objects.filter(annotator=ann).update(finished_at=yesterday)
        took(queue, ann)

    def test_one_in_hand_alone_keeps_nothing_ahead(self, project: Project, ann: User) -> None:
        queue = queue_of(project, 3, most_in_hand=1)
        took(queue, ann)
        assert slots.take_ahead(queue, by=ann) is None

    def test_dates_and_opening_hours(self, project: Project, manager: User, ann: User) -> None:
        queue = queue_of(project, 3, opens_at=timezone.now() + timedelta(hours=1))
        assert slots.take_next(queue, by=ann) is None
        queue = queues.change(queue, opens_at=None, closes_at=timezone.now() - timedelta(hours=1), by=manager)
        assert slots.take_next(queue, by=ann) is None
        today = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[timezone.now().weekday()]
        never = {
            "timezone": "UTC",
            "week": [{"days": [d for d in ("mon", "thu") if d != today], "from": "00:00", "to": "24:00"}],
        }
        queue = queues.change(queue, closes_at=None, hours=never, by=manager)
        assert slots.take_next(queue, by=ann) is None
        always = {"timezone": "UTC", "week": [{"days": [today], "from": "00:00", "to": "24:00"}]}
        took(queues.change(queue, hours=always, by=manager), ann)


class TestOrder:
    def test_spread_gives_every_task_one_answer_first(self, project: Project, ann: User, ben: User) -> None:
        queue = queue_of(project, 3, overlap=2, ordering="spread")
        for person in (ann, ben, ann):
            make.written(queue, person)
        answered = Slot.objects.filter(state=SlotState.SUBMITTED).values_list("task", flat=True)
        assert len(set(answered)) == 3

    def test_finish_comes_back_to_what_was_begun(self, project: Project, ann: User, ben: User) -> None:
        queue = queue_of(project, 6, overlap=2, ordering="spread")
        begun = [make.written(queue, ann).slot.task_id for _ in range(2)]
        tasks_there = Task.objects.order_by("-pk")
        later = tasks_there[0]
        tasks.hand(later, to=ann, by=make.manager(project))
        make.written(queue, ann)
        queue = queues.change(queue, ordering="finish", by=make.manager(project))
        assert [took_and_answered(queue, ben) for _ in range(3)] == [*begun, later.pk]

    def test_random_is_the_same_for_everybody(self, project: Project, ann: User, ben: User) -> None:
        queue = queue_of(project, 12, overlap=2, ordering="random")
        one, other = taken_texts(queue, ann), taken_texts(queue, ben)
        assert one == other
        assert one != sorted(one, key=lambda name: int(name[1:]))

    def test_a_batch_comes_first_and_what_was_passed_comes_back(
        self, project: Project, manager: User, ann: User
    ) -> None:
        make.imported(project, 2)
        make.imported(project, 2, start=2, batch="urgent")
        queue = make.queue(project)
        batch_priorities.set_priority(project, "urgent", 5, by=manager)
        said = {"batch": "urgent", "priority": 5}
        assert told("batch.prioritised") == (manager, project, "project", project.pk, said)
        assert took_and_answered(queue, ann, name=True) == "p2"
        make.imported(project, 1, start=4, batch="urgent")
        assert taken_texts(queue, ann) == ["p3", "p4", "p0", "p1"]

    def test_a_bookmark_out_of_a_dump_is_not_trusted(self, project: Project, manager: User, ann: User) -> None:
        queue = queue_of(project, 3)
        first = took(queue, ann)
        slots.release(first, by=manager)
        assert took_and_answered(queue, ann) == first.task_id
        second = took(queue, ann)
        # The server that it was loaded into has counted fewer transactions.
        Bookmark.objects.update(after=F("after") + 1000, horizon=F("horizon") + 10**12)
        Opening.objects.update(xid=F("xid") + 10**12)
        slots.release(second, by=manager)
        assert took(queue, ann).pk == second.pk


def took_and_answered(queue: Queue, by: User, *, name: bool = False) -> Any:
    slot = took(queue, by)
    make.answered(slot, by, {"response": {"text": "x"}})
    return slot.task.prompt.external_id if name else slot.task_id


def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for in a request does one step alone."""
    defaults = seats.follow.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "seconds", 0.0)


class TestFollowing:
    def test_a_large_queue_is_opened_and_changed_in_steps(
        self, project: Project, manager: User, ann: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(seats, "STEP", 2)
        monkeypatch.setattr(seats, "PATIENCE", 0.0)
        no_patience(monkeypatch)
        queue = queue_of(project, 7)
        assert Task.objects.filter(queue=queue).count() == 2
        assert seats.is_unfinished()
        make.imported(project, 1, start=7)  # while it is being opened
        seats.follow_all(seconds=60)
        assert Task.objects.filter(queue=queue).count() == 8
        queue = queues.change(queue, overlap=3, by=manager)
        assert Slot.objects.filter(queue=queue).count() == 8 + 2 * 2
        seats.follow_all(seconds=60)
        assert Slot.objects.filter(queue=queue).count() == 8 * 3
        assert not seats.is_unfinished()

    def test_a_closed_queue_is_opened_no_further(
        self, project: Project, manager: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(seats, "STEP", 2)
        no_patience(monkeypatch)
        queue = queue_of(project, 6)
        queues.change(queue, state=QueueState.CLOSED, by=manager)
        seats.follow_all(seconds=60)
        assert Task.objects.filter(queue=queue).count() == 2


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"overlap": 0}, "overlap"),
        ({"ordering": "newest"}, "ordering"),
        ({"skills": {"medicine": 11}}, "skills.medicine"),
        ({"skills": ["medicine"]}, "skills"),
        ({"most_per_day": 0}, "most_per_day"),
        ({"most_in_hand": 3}, "most_in_hand"),
        ({"opens_at": "soon"}, "opens_at"),
        ({"opens_at": "2026-02-02T00:00Z", "closes_at": "2026-02-01T00:00Z"}, "closes_at"),
        ({"hours": {"timezone": "Mars/Olympus", "week": []}}, "hours.timezone"),
        ({"hours": {"week": [{"days": ["mon"], "from": "9", "to": "17:00"}]}}, "hours.week.0.from"),
        ({"hours": {"week": [{"days": ["mon"], "from": "17:00", "to": "09:00"}]}}, "hours.week.0.to"),
        ({"hours": {"week": [{"days": ["day"], "from": "09:00", "to": "17:00"}]}}, "hours.week.0.days"),
        ({"skip_rules": {"bored": {"then": "retire"}}}, "skip_rules"),
        ({"skip_rules": {"broken": {"then": "shred"}}}, "skip_rules.broken"),
        ({"skip_rules": {"broken": {"then": "retire", "after": 0}}}, "skip_rules.broken.after"),
        ({"price": "a lot"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"currency": "euro"}, "currency"),
    ],
)
def test_a_mistaken_setting_is_refused_at_its_path(project: Project, settings: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        queue_of(project, 1, **settings)
    assert refused.value.errors[0].path == path
    assert not Queue.objects.exists()
