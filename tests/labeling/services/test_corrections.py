"""Taking a submit back, and correcting what was submitted: nothing is lost, every version is kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.errors import Conflict, Invalid, InvalidAnswers, LeaseLost
from labeling.models import Annotation, Draft, Event, Queue, QueueState, Slot, SlotState, Task, TaskState, User
from labeling.selectors import annotations as reads
from labeling.selectors import queues as queue_reads
from labeling.services import annotations, drafts, projects, queues, skips, slots
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(ann: User) -> Queue:
    project = make.project(annotators=[ann])
    make.imported(project, 3)
    return make.queue(project, lease_minutes=10)


def said(text: str) -> dict[str, dict[str, str]]:
    return {"response": {"text": text}}


def took(queue: Queue, by: User) -> Slot:
    slot = slots.take_next(queue, by=by)
    assert slot is not None
    return slot


def submitted(queue: Queue, by: User, text: str = "first") -> Slot:
    slot = took(queue, by)
    annotations.submit(slot, said(text), lease=str(slot.lease), by=by)
    slot.refresh_from_db()
    return slot


class TestUndo:
    def test_it_works(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann, "too early")
        old = str(slot.lease)
        assert Task.objects.get(pk=slot.task_id).state == TaskState.DONE
        slot = annotations.undo(slot, lease=old, by=ann)
        assert slot.state == SlotState.LEASED
        assert Task.objects.get(pk=slot.task_id).state == TaskState.OPEN
        assert Draft.objects.get(slot=slot).answers == said("too early")
        assert took(queue, ann).pk == slot.pk
        assert reads.current(slot) is None
        assert queue_reads.counts([queue])[queue.pk].annotations == 0
        again, created = annotations.submit(slot, said("in time"), lease=str(slot.lease), by=ann)
        assert created
        assert again.version == 2
        assert reads.versions(slot) == [again]
        assert Annotation.objects.get(slot=slot, version=1).undone_at is not None
        assert Event.objects.filter(verb="annotation.undone", actor=ann).count() == 1

    def test_the_first_submit_arriving_late_submits_nothing(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann)
        old = str(slot.lease)
        annotations.undo(slot, lease=old, by=ann)
        with pytest.raises(LeaseLost):
            annotations.submit(slot, said("first"), lease=old, by=ann)
        assert Slot.objects.get(pk=slot.pk).state == SlotState.LEASED

    def test_what_is_in_hand_meanwhile_waits_with_its_draft(self, queue: Queue, ann: User) -> None:
        first = submitted(queue, ann)
        second = took(queue, ann)
        third = slots.take_ahead(queue, by=ann)
        assert third is not None
        drafts.save(second, said("half"), lease=str(second.lease), revision=0, by=ann)
        first = annotations.undo(first, lease=str(first.lease), by=ann)
        assert took(queue, ann).pk == first.pk
        assert Slot.objects.get(pk=third.pk).state == SlotState.OPEN
        second.refresh_from_db()
        assert (second.state, second.ahead) == (SlotState.LEASED, True)
        drafts.save(second, said("half of it"), lease=str(second.lease), revision=1, by=ann)
        annotations.submit(first, said("better"), lease=str(first.lease), by=ann)
        following = took(queue, ann)
        assert following.pk == second.pk
        assert Draft.objects.get(slot=following).answers == said("half of it")

    def test_too_late(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann)
        Slot.objects.filter(pk=slot.pk).update(finished_at=timezone.now() - timedelta(minutes=2))
        with pytest.raises(Conflict, match="more than 30 seconds ago"):
            annotations.undo(slot, lease=str(slot.lease), by=ann)
        assert reads.current(slot) is not None

    def test_what_was_corrected_or_closed_or_skipped_stays(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann)
        annotations.revise(slot, said("second"), lease=str(slot.lease), version=1, by=ann)
        with pytest.raises(Conflict, match="corrected"):
            annotations.undo(slot, lease=str(slot.lease), by=ann)
        skipped = took(queue, ann)
        skips.skip(skipped, lease=str(skipped.lease), reason="other", by=ann)
        with pytest.raises(Conflict, match="skipped"):
            annotations.undo(skipped, lease=str(skipped.lease), by=ann)
        last = submitted(queue, ann)
        queues.change(queue, state=QueueState.CLOSED, by=make.manager(queue.project))
        with pytest.raises(Conflict, match="closed"):
            annotations.undo(last, lease=str(last.lease), by=ann)

    def test_it_needs_the_lease(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann)
        with pytest.raises(LeaseLost):
            annotations.undo(slot, lease="00000000-0000-0000-0000-000000000000", by=ann)
        with pytest.raises(LeaseLost):
            annotations.undo(slot, lease=str(slot.lease), by=make.person("ben"))


class TestRevise:
    def test_it_works(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann)
        projects.set_guidelines(queue.project, "Be brief.", by=make.manager(queue.project))
        annotation, made = annotations.revise(
            slot, said("second"), lease=str(slot.lease), version=1, active_seconds=4, by=ann
        )
        assert made
        assert (annotation.version, annotation.answers) == (2, said("second"))
        assert annotation.guidelines.number == 2
        assert [one.version for one in reads.versions(slot)] == [2, 1]
        assert [one.answers for one in reads.versions(slot)] == [said("second"), said("first")]
        assert list(reads.done_by(ann, queue)) == [annotation]
        assert Slot.objects.get(pk=slot.pk).state == SlotState.SUBMITTED

    def test_the_same_correction_sent_again_makes_none(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann)
        one, _ = annotations.revise(slot, said("second"), lease=str(slot.lease), version=1, by=ann)
        two, made = annotations.revise(slot, said("second"), lease=str(slot.lease), version=1, by=ann)
        assert (two, made) == (one, False)

    def test_a_correction_that_changes_nothing_makes_none(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann)
        annotation, made = annotations.revise(slot, said(" first "), lease=str(slot.lease), version=1, by=ann)
        assert (annotation.version, made) == (1, False)

    def test_two_tabs_do_not_overwrite_each_other(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann)
        annotations.revise(slot, said("second"), lease=str(slot.lease), version=1, by=ann)
        with pytest.raises(Conflict, match="Version 2 is the newest"):
            annotations.revise(slot, said("other"), lease=str(slot.lease), version=1, by=ann)

    def test_its_draft_is_kept_beside_the_answers(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann)
        with pytest.raises(Conflict):
            drafts.save(slot, said("a stray autosave"), lease=str(slot.lease), revision=0, by=ann)
        ends = Slot.objects.get(pk=slot.pk).lease_expires_at
        draft, _ = drafts.save(slot, said("sec"), lease=str(slot.lease), revision=0, version=1, by=ann)
        assert draft.answers == said("sec")
        assert Slot.objects.get(pk=slot.pk).lease_expires_at == ends
        annotations.revise(slot, said("second"), lease=str(slot.lease), version=1, by=ann)
        assert not Draft.objects.exists()
        with pytest.raises(Conflict, match="corrected already"):
            drafts.save(slot, said("late"), lease=str(slot.lease), revision=0, version=1, by=ann)

    def test_bad_input(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann)
        lease = str(slot.lease)
        with pytest.raises(InvalidAnswers):
            annotations.revise(slot, said(" "), lease=lease, version=1, by=ann)
        for version in (None, "1", True):
            with pytest.raises(Invalid):
                annotations.revise(slot, said("x"), lease=lease, version=version, by=ann)
        with pytest.raises(LeaseLost):
            annotations.revise(slot, said("x"), lease=lease, version=1, by=make.person("ben"))
        held = took(queue, ann)
        with pytest.raises(Conflict, match="nothing to correct"):
            annotations.revise(held, said("x"), lease=str(held.lease), version=1, by=ann)

    def test_a_closed_queue_keeps_its_answers(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann)
        queues.change(queue, state=QueueState.CLOSED, by=make.manager(queue.project))
        with pytest.raises(Conflict, match="closed"):
            annotations.revise(slot, said("x"), lease=str(slot.lease), version=1, by=ann)


class TestUndoneSeats:
    """A seat on which a submit was taken back can still be closed."""

    @pytest.fixture
    def shared(self, ann: User) -> Queue:
        """Of its one task the other seat is answered."""
        ben = make.person("ben")
        project = make.project(annotators=[ann, ben])
        make.imported(project, 1)
        queue = make.queue(project, overlap=2)
        make.written(queue, ben)
        return queue

    @pytest.mark.parametrize("given_back_first", [True, False])
    def test_it_works(self, shared: Queue, ann: User, given_back_first: bool) -> None:
        slot = submitted(shared, ann, "taken back")
        slot = annotations.undo(slot, lease=str(slot.lease), by=ann)
        manager = make.manager(shared.project)
        if given_back_first:
            slots.give_back(slot, lease=str(slot.lease), by=ann)
            queues.change(shared, overlap=1, by=manager)
        else:
            queues.change(shared, overlap=1, by=manager)
            slots.give_back(slot, lease=str(slot.lease), by=ann)
        assert not Slot.objects.filter(pk=slot.pk).exists()
        assert Annotation.objects.get().annotator != ann
        # What was written there is on record.
        assert "taken back" in str([event.data for event in Event.objects.all()])
        assert Task.objects.get().state == TaskState.DONE

    def test_a_task_that_the_queue_cannot_ask_about_any_more_stays_submitted(self, ann: User) -> None:
        project = make.project(annotators=[ann])
        make.imported(project, 1, candidates=3)
        queue = make.queue(project, form=[{"name": "ranking", "type": "rank"}])
        slot = took(queue, ann)
        make.answered(slot, ann, {"ranking": {"groups": [["a"], ["b"], ["c"]]}})
        queues.change(queue, form=[{"name": "better", "type": "compare"}], by=make.manager(project))
        with pytest.raises(Conflict, match="asks something else"):
            annotations.undo(slot, lease=str(slot.lease), by=ann)
        assert Slot.objects.get(pk=slot.pk).state == SlotState.SUBMITTED

    def test_a_correction_that_was_begun_stays(self, queue: Queue, ann: User) -> None:
        slot = submitted(queue, ann, "short")
        drafts.save(slot, said("a longer one"), lease=str(slot.lease), revision=0, version=1, by=ann)
        annotations.undo(slot, lease=str(slot.lease), by=ann)
        assert Draft.objects.get(slot=slot, annotator=ann).answers == said("a longer one")
