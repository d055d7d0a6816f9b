"""Taking, skipping and submitting: the promises about seats, one person at a time."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.errors import Conflict, Invalid, InvalidAnswers, LeaseLost, StaleDraft
from labeling.models import Annotation, Draft, Event, Queue, Slot, SlotState, Task, TaskState, User
from labeling.selectors import slots as slot_reads
from labeling.services import annotations, drafts, projects, queues, skips, slots
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(ann: User, ben: User) -> Queue:
    project = make.project(annotators=[ann, ben])
    make.imported(project, 3)
    return make.queue(project, overlap=2, lease_minutes=10)


def took(queue: Queue, by: User) -> Slot:
    slot = slots.take_next(queue, by=by)
    assert slot is not None
    return slot


def run_out(slot: Slot) -> None:
    Slot.objects.filter(pk=slot.pk).update(lease_expires_at=timezone.now() - timedelta(minutes=1))


def test_it_works(queue: Queue, ann: User) -> None:
    slot = took(queue, ann)
    annotation, created = annotations.submit(
        slot, {"response": {"text": " Hello. "}}, lease=str(slot.lease), active_seconds=12.5, by=ann
    )
    assert created
    assert annotation.answers == {"response": {"text": "Hello."}}
    assert annotation.active_seconds == 12.5
    assert annotation.form == queue.form
    assert annotation.guidelines.number == 1
    slot.refresh_from_db()
    assert slot.state == SlotState.SUBMITTED
    assert list(Event.objects.filter(actor=ann).order_by("pk").values_list("verb", flat=True)) == [
        "slot.taken",
        "annotation.submitted",
    ]


def test_asking_again_returns_the_slot_in_hand_and_renews_its_lease(queue: Queue, ann: User) -> None:
    first = took(queue, ann)
    run_out(first)
    again = took(queue, ann)
    assert (again.pk, again.lease) == (first.pk, first.lease)
    assert again.lease_expires_at is not None
    assert again.lease_expires_at > timezone.now()


def test_nobody_meets_a_task_twice(queue: Queue, ann: User) -> None:
    tasks = [make.written(queue, ann).slot.task_id for _ in range(3)]
    assert len(set(tasks)) == 3
    assert slots.take_next(queue, by=ann) is None


def test_every_task_gets_exactly_its_overlap(queue: Queue, ann: User, ben: User) -> None:
    for person in (ann, ben):
        for _ in range(3):
            make.written(queue, person)
    third = make.person("third")
    projects.add_member(queue.project, email=third.email, role="annotator", by=make.manager(queue.project))
    assert slots.take_next(queue, by=third) is None
    assert Annotation.objects.count() == 6
    assert set(Task.objects.values_list("state", flat=True)) == {TaskState.DONE}


def test_higher_priority_comes_first(ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    urgent = make.imported(project, 1, start=1, priority=5)[-1]
    assert took(make.queue(project), ann).task.prompt == urgent


def test_a_paused_queue_gives_nothing_new_but_lets_people_finish(queue: Queue, ann: User, ben: User) -> None:
    held = took(queue, ann)
    queue = queues.change(queue, state="paused", by=make.manager(queue.project))
    assert slots.take_next(queue, by=ben) is None
    assert took(queue, ann) == held
    make.answered(held, ann, {"response": {"text": "Done."}})
    assert slots.take_next(queue, by=ann) is None


def test_a_closed_queue_gives_nothing_but_takes_what_was_held(queue: Queue, ann: User) -> None:
    held = took(queue, ann)
    queue = queues.change(queue, state="closed", by=make.manager(queue.project))
    assert slots.take_next(queue, by=ann) is None
    make.answered(held, ann, {"response": {"text": "Done."}})


def test_an_overdue_slot_goes_to_somebody_else_and_the_draft_stays(queue: Queue, ann: User, ben: User) -> None:
    slot = took(queue, ann)
    drafts.save(slot, {"response": {"text": "Half a"}}, lease=str(slot.lease), revision=0, by=ann)
    run_out(slot)
    taken = took(queue, ben)
    assert taken.pk == slot.pk
    assert taken.lease != slot.lease
    assert Event.objects.get(verb="slot.taken", actor=ben).data == {"held_by": ann.pk}
    with pytest.raises(LeaseLost):
        annotations.submit(slot, {"response": {"text": "Late."}}, lease=str(slot.lease), by=ann)
    assert Draft.objects.get(slot=slot, annotator=ann).answers == {"response": {"text": "Half a"}}
    assert slot_reads.draft_of(taken, ben) is None


def test_a_draft_follows_its_writer_to_another_seat_of_the_task(ann: User, ben: User) -> None:
    project = make.project(annotators=[ann, ben])
    make.imported(project, 1, candidates=5)
    queue = make.queue(project, preset="ranking", overlap=2)
    slot = took(queue, ann)
    answers = {"ranking": {"groups": [["c"], ["a"]]}}
    drafts.save(slot, answers, lease=str(slot.lease), revision=0, by=ann)
    run_out(slot)
    assert took(queue, ben).pk == slot.pk
    again = took(queue, ann)
    assert again.pk != slot.pk
    draft = slot_reads.draft_of(again, ann)
    assert draft is not None
    assert draft.answers == answers
    # The keys mean the responses that they meant.
    assert again.candidate_order == slot.candidate_order
    assert slot_reads.draft_of(slot, ann) is None


def test_a_draft_stays_where_it_is_while_someone_else_has_begun_in_the_other_seat(ann: User, ben: User) -> None:
    project = make.project(annotators=[ann, ben])
    make.imported(project, 1, candidates=5)
    queue = make.queue(project, preset="ranking", overlap=2)
    first, second = took(queue, ann), took(queue, ben)
    for slot, person in ((first, ann), (second, ben)):
        answers = {"ranking": {"groups": [["a"]]}}
        drafts.save(slot, answers, lease=str(slot.lease), revision=0, by=person)
        slots.release(slot, by=person)
    assert took(queue, ben).pk == first.pk
    assert slot_reads.draft_of(first, ben) is None
    assert slot_reads.draft_of(second, ben) is not None


def test_a_draft_follows_its_writer_past_somebody_else_s_where_both_know_the_same_order(ann: User, ben: User) -> None:
    project = make.project(annotators=[ann, ben])
    make.imported(project, 1)
    queue = make.queue(project, overlap=2)
    first, second = took(queue, ann), took(queue, ben)
    for slot, person in ((first, ann), (second, ben)):
        answers = {"response": {"text": f"Half of {person.name}'s"}}
        drafts.save(slot, answers, lease=str(slot.lease), revision=0, by=person)
        slots.release(slot, by=person)
    assert took(queue, ben).pk == first.pk
    found = slot_reads.draft_of(first, ben)
    assert found is not None
    assert found.answers == {"response": {"text": "Half of Ben's"}}
    # And back again, where one's own draft has been.
    slots.release(first, by=ben)
    assert took(queue, ann).pk == first.pk
    assert took(queue, ben).pk == second.pk
    assert [draft.annotator for draft in Draft.objects.filter(slot=first)] == [ann]
    assert [draft.annotator for draft in Draft.objects.filter(slot=second)] == [ben]


@pytest.mark.parametrize("held", [False, True])
def test_a_draft_outlives_its_seat_where_another_is_left(ann: User, ben: User, held: bool) -> None:
    project = make.project(annotators=[ann, ben])
    make.imported(project, 1)
    queue = make.queue(project, overlap=2)
    answers = {"response": {"text": "Half"}}
    first, second = took(queue, ann), took(queue, ben)
    drafts.save(second, answers, lease=str(second.lease), revision=0, by=ben)
    slots.release(second, by=ben)
    if not held:
        slots.release(first, by=ann)
    assert slots.close_seats([second.pk]) == []
    draft = Draft.objects.get()
    assert (draft.slot, draft.annotator, draft.answers) == (first, ben, answers)
    if held:
        slots.release(first, by=ann)
    assert took(queue, ben) == first
    assert slot_reads.draft_of(first, ben) == draft


def test_drafts_of_a_seat_that_goes_are_told_where_no_seat_knows_their_order(ann: User, ben: User) -> None:
    project = make.project(annotators=[ann, ben])
    make.imported(project, 1, candidates=3)
    queue = make.queue(project, preset="ranking", overlap=2)
    first, second = took(queue, ann), took(queue, ben)
    Slot.objects.filter(pk=first.pk).update(candidate_order=second.candidate_order[::-1])
    answers = {"ranking": {"groups": [["a"]]}}
    drafts.save(second, answers, lease=str(second.lease), revision=0, by=ben)
    slots.release(second, by=ben)
    assert slots.close_seats([second.pk]) == [{"annotator": ben.pk, "answers": answers}]
    assert not Draft.objects.exists()


def test_a_draft_does_not_become_the_correction_of_what_its_writer_submitted(ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    queue = make.queue(project, overlap=2)
    make.answered(took(queue, ann), ann, {"response": {"text": "Done."}})
    other = Slot.objects.get(state=SlotState.OPEN)
    Draft.objects.create(slot=other, annotator=ann, answers={"response": {"text": "Older"}})
    assert len(slots.close_seats([other.pk])) == 1
    assert not Draft.objects.exists()


def test_an_overdue_lease_that_nobody_took_still_submits(queue: Queue, ann: User) -> None:
    slot = took(queue, ann)
    run_out(slot)
    make.answered(slot, ann, {"response": {"text": "Late but fine."}})


def test_submitting_twice_gives_the_same_annotation(queue: Queue, ann: User) -> None:
    slot = took(queue, ann)
    first, created = annotations.submit(slot, {"response": {"text": "One."}}, lease=str(slot.lease), by=ann)
    second, created_again = annotations.submit(slot, {"response": {"text": "Two."}}, lease=str(slot.lease), by=ann)
    assert (created, created_again) == (True, False)
    assert first == second
    assert Annotation.objects.get().answers == {"response": {"text": "One."}}


def test_answers_that_do_not_fit_change_nothing(queue: Queue, ann: User) -> None:
    slot = took(queue, ann)
    drafts.save(slot, {"response": {"text": "kept"}}, lease=str(slot.lease), revision=0, by=ann)
    with pytest.raises(InvalidAnswers) as refused:
        annotations.submit(slot, {"response": {"text": "  "}, "other": 1}, lease=str(slot.lease), by=ann)
    assert {fault.path for fault in refused.value.errors} == {"response", "other"}
    slot.refresh_from_db()
    assert slot.state == SlotState.LEASED
    assert Draft.objects.count() == 1
    assert not Annotation.objects.exists()


def test_a_wrong_lease_is_refused(queue: Queue, ann: User) -> None:
    lease = str(uuid.uuid4())
    slot = took(queue, ann)
    with pytest.raises(LeaseLost):
        annotations.submit(slot, {"response": {"text": "x"}}, lease=lease, by=ann)
    with pytest.raises(Invalid):
        annotations.submit(slot, {"response": {"text": "x"}}, lease="no token", by=ann)


def test_somebody_elses_lease_is_refused(queue: Queue, ann: User, ben: User) -> None:
    slot = took(queue, ann)
    with pytest.raises(LeaseLost):
        skips.skip(slot, lease=str(slot.lease), reason="other", by=ben)


def test_a_skip_keeps_its_row_and_opens_a_fresh_seat(queue: Queue, ann: User, ben: User) -> None:
    slot = took(queue, ann)
    skips.skip(slot, lease=str(slot.lease), reason="language", comment="Is this Frisian?", by=ann)
    skips.skip(slot, lease=str(slot.lease), reason="language", by=ann)  # sent again
    slot.refresh_from_db()
    assert (slot.state, slot.skip_reason, slot.skip_comment) == (SlotState.SKIPPED, "language", "Is this Frisian?")
    seats = Slot.objects.filter(task=slot.task).exclude(state=SlotState.SKIPPED)
    assert sorted(seats.values_list("seat", flat=True)) == [1, 2]
    assert took(queue, ann).task_id != slot.task_id
    assert slot.task_id in [make.written(queue, ben).slot.task_id for _ in range(3)]


def test_a_skip_needs_a_reason(queue: Queue, ann: User) -> None:
    slot = took(queue, ann)
    with pytest.raises(Invalid) as refused:
        skips.skip(slot, lease=str(slot.lease), reason="", by=ann)
    assert refused.value.errors[0].path == "reason"


def test_a_submitted_slot_cannot_be_skipped_nor_drafted(queue: Queue, ann: User) -> None:
    slot = took(queue, ann)
    make.answered(slot, ann, {"response": {"text": "Done."}})
    with pytest.raises(Conflict):
        skips.skip(slot, lease=str(slot.lease), reason="other", by=ann)
    with pytest.raises(Conflict):
        drafts.save(slot, {}, lease=str(slot.lease), revision=0, by=ann)


def test_a_released_slot_is_open_for_others(queue: Queue, ann: User, ben: User) -> None:
    slot = took(queue, ann)
    slots.release(slot, by=ann)
    assert took(queue, ben).pk == slot.pk
    with pytest.raises(LeaseLost):
        annotations.submit(slot, {"response": {"text": "x"}}, lease=str(slot.lease), by=ann)


def test_a_draft_is_kept_by_revision_and_renews_the_lease(queue: Queue, ann: User) -> None:
    slot = took(queue, ann)
    run_out(slot)
    first, renewed = drafts.save(slot, {"response": {"text": "a"}}, lease=str(slot.lease), revision=0, by=ann)
    assert renewed.lease_expires_at is not None
    assert renewed.lease_expires_at > timezone.now()
    second, _ = drafts.save(slot, {"response": {"text": "ab"}}, lease=str(slot.lease), revision=first.revision, by=ann)
    # The answer got lost and the page sends it again: nothing new.
    again, _ = drafts.save(slot, {"response": {"text": "ab"}}, lease=str(slot.lease), revision=first.revision, by=ann)
    assert again.revision == second.revision == first.revision + 1
    # Another tab, that has not seen the newer text, must not overwrite it.
    with pytest.raises(StaleDraft) as stale:
        drafts.save(slot, {"response": {"text": "b"}}, lease=str(slot.lease), revision=first.revision, by=ann)
    assert stale.value.data["draft"]["answers"] == {"response": {"text": "ab"}}
    assert Draft.objects.get().answers == {"response": {"text": "ab"}}


@pytest.mark.parametrize("answers", [{"response": {"text": "a\x00b"}}, {"response": {"text": "\ud83d"}}, ["no object"]])
def test_a_draft_that_cannot_be_stored_is_refused(queue: Queue, ann: User, answers: object) -> None:
    slot = took(queue, ann)
    with pytest.raises(Invalid):
        drafts.save(slot, answers, lease=str(slot.lease), revision=0, by=ann)  # type: ignore[arg-type]


def test_candidates_are_shown_in_a_stored_order_drawn_for_each_seat(ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 40, candidates=4)
    make.queue(project, preset="ranking", overlap=2)
    orders = list(Slot.objects.values_list("task_id", "candidate_order"))
    assert all(len(set(order)) == 4 for _, order in orders)
    by_task: dict[int, list[list[int]]] = {}
    for task, order in orders:
        by_task.setdefault(task, []).append(order)
    assert all(sorted(a) == sorted(b) for a, b in by_task.values())
    # 24 orders of 4: that all 40 pairs of seats agree by chance will not happen.
    assert any(a != b for a, b in by_task.values())
    assert any(a != sorted(a) for a, _ in by_task.values())


def test_what_an_annotator_gets_names_no_model(ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 1, candidates=3)
    slot = took(make.queue(project, preset="ranking"), ann)
    payload = slot_reads.payload(slot, user=ann)
    assert [candidate["key"] for candidate in payload["candidates"]] == ["a", "b", "c"]
    assert "model-" not in str(payload)


def test_an_annotation_pins_the_guidelines_that_were_in_force_when_the_task_was_taken(queue: Queue, ann: User) -> None:
    slot = took(queue, ann)
    projects.set_guidelines(queue.project, "Be brief.", by=make.manager(queue.project))
    assert make.answered(slot, ann, {"response": {"text": "x"}}).guidelines.number == 1
    assert make.written(queue, ann).guidelines.number == 2


def test_the_database_itself_refuses_a_second_seat_at_a_task(queue: Queue, ann: User) -> None:
    slot = took(queue, ann)
    other = Slot.objects.filter(task=slot.task).exclude(pk=slot.pk).get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.filter(pk=other.pk).update(
            state="submitted", annotator=ann, lease=uuid.uuid4(), finished_at=timezone.now()
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.create(queue=queue, task=slot.task, seat=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.filter(pk=other.pk).update(state="leased")


def test_a_submit_that_builds_on_an_older_draft_destroys_no_newer_one(queue: Queue, ann: User) -> None:
    slot = took(queue, ann)
    lease = str(slot.lease)
    newer = {"response": {"text": "An hour of work."}}
    drafts.save(slot, {"response": {"text": "Half"}}, lease=lease, revision=0, by=ann)
    drafts.save(slot, newer, lease=lease, revision=1, by=ann)
    with pytest.raises(StaleDraft) as stale:
        annotations.submit(slot, {"response": {"text": "Half"}}, lease=lease, revision=1, by=ann)
    assert (stale.value.data["draft"]["revision"], stale.value.data["draft"]["answers"]) == (2, newer)
    with pytest.raises(StaleDraft):  # before it is said what is wrong with them: mending that would destroy it too
        annotations.submit(slot, {}, lease=lease, revision=1, by=ann)
    assert Draft.objects.get(slot=slot).answers == newer
    assert not Annotation.objects.exists()
    annotations.submit(slot, {"response": {"text": "Half"}}, lease=lease, revision=2, by=ann)
    # Sent again, it is the same annotation, whatever it builds on.
    again, created = annotations.submit(slot, {"response": {"text": "Half"}}, lease=lease, revision=0, by=ann)
    assert (again.answers, created) == ({"response": {"text": "Half"}}, False)


@pytest.mark.parametrize("said", ["The same.", "The same.\n\n"])
def test_a_newer_draft_that_says_the_same_stops_no_submit(queue: Queue, ann: User, said: str) -> None:
    slot = took(queue, ann)
    drafts.save(slot, {"response": {"text": said}}, lease=str(slot.lease), revision=0, by=ann)
    _, created = annotations.submit(
        slot, {"response": {"text": "The same."}}, lease=str(slot.lease), revision=0, by=ann
    )
    assert created


def test_a_submit_that_says_no_revision_stands(queue: Queue, ann: User) -> None:
    slot = took(queue, ann)
    drafts.save(slot, {"response": {"text": "Something else"}}, lease=str(slot.lease), revision=0, by=ann)
    _, created = annotations.submit(slot, {"response": {"text": "This."}}, lease=str(slot.lease), by=ann)
    assert created


@pytest.mark.parametrize("revision", [-1, True, "1", 0.5])
def test_a_revision_that_is_none_is_refused(queue: Queue, ann: User, revision: object) -> None:
    slot = took(queue, ann)
    with pytest.raises(Invalid) as refused:
        annotations.submit(slot, {"response": {"text": "x"}}, lease=str(slot.lease), revision=revision, by=ann)
    assert refused.value.errors[0].path == "revision"
