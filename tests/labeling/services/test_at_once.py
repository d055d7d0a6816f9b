"""A claim and a submit of one statement each: what comes between the look and the deed is not overlooked."""

import uuid
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F

from labeling.errors import LeaseLost, StaleDraft
from labeling.models import Annotation, Draft, Slot, SlotState, Task, TaskState
from labeling.prepared import Statement
from labeling.selectors import slots as slot_reads
from labeling.services import annotations, claims, drafts, slots
from tests import make
from tests.labeling.services.waiting import in_a_thread, wait_for

pytestmark = pytest.mark.django_db(transaction=True)

LEASED = "UPDATE labeling_slot SET state = 'leased', annotator_id = %s, lease = %s, leased_at = now(), form_id = %s, " \
    "guidelines_id = %s, lease_expires_at = now() + interval '1 hour' WHERE id = %s"  # fmt: skip


def test_a_claim_beside_another_of_the_same_person_gives_what_that_one_took(other: BaseDatabaseWrapper) -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 2)
    queue = make.queue(project)
    first = Slot.objects.earliest("place")
    form, guidelines = queue.form_id, project.guidelines_versions.get().pk
    with other.cursor() as cursor:
        cursor.execute(LEASED, [ann.pk, uuid.uuid4(), form, guidelines, first.pk])
    found: list[Slot | None] = []
    errors: list[Exception] = []
    thread = in_a_thread(lambda: found.append(slots.take_next(queue, by=ann)), errors)
    wait_for(1)
    other.commit()
    thread.join(20)
    assert errors == []
    assert found == [first]
    assert Slot.objects.filter(state=SlotState.LEASED).count() == 1


@pytest.mark.parametrize("within", [False, True])
def test_a_claim_that_fails_leaves_a_transaction_around_it_whole(within: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 2)
    queue = make.queue(project)
    held = slots.take_next(queue, by=ann)
    # As if it had not seen what is in hand.
    blind = claims.written(at_once=True).replace("held.state = 'leased'", "held.state = 'none'")
    monkeypatch.setattr(claims, "TAKE_AT_ONCE", Statement(blind, slot=Slot))
    if within:
        with transaction.atomic():
            assert slots.take_next(queue, by=ann) == held
    else:
        assert slots.take_next(queue, by=ann) == held
    assert not connection.needs_rollback


def test_a_draft_of_the_person_in_the_queue_is_brought_along() -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    queue = make.queue(project, overlap=2)
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    drafts.save(slot, {"response": {"text": "half"}}, lease=str(slot.lease), revision=0, by=ann)
    slots.release(slot, by=ann)
    Slot.objects.filter(pk=slot.pk).update(place=F("place") + 100)  # the other seat comes first now
    again = slots.take_next(queue, by=ann)
    assert again is not None
    assert again != slot
    assert Draft.objects.get().slot == again


def _typed_meanwhile(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Another tab saves a draft between the look at the slot and the submit."""
    shown, pending = slot_reads.shown, [True]

    def saves(slot: Slot) -> Any:
        if pending:
            pending.clear()
            held = Slot.objects.get(pk=slot.pk)
            draft = Draft.objects.get(slot=held)
            assert held.annotator is not None
            drafts.save(
                held,
                {"response": {"text": text}},
                lease=str(held.lease),
                revision=draft.revision,
                by=held.annotator,
            )
        return shown(slot)

    monkeypatch.setattr(slot_reads, "shown", saves)


def test_a_draft_that_comes_while_one_submits_is_not_thrown_away_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    slot = slots.take_next(make.queue(project), by=ann)
    assert slot is not None
    lease = str(slot.lease)
    _, slot = drafts.save(slot, {"response": {"text": "one"}}, lease=lease, revision=0, by=ann)
    _typed_meanwhile(monkeypatch, "from the other tab")
    with pytest.raises(StaleDraft):
        annotations.submit(slot, {"response": {"text": "one"}}, lease=lease, revision=1, by=ann)
    assert not Annotation.objects.exists()
    assert Draft.objects.get().answers == {"response": {"text": "from the other tab"}}


def test_a_lease_that_is_lost_while_one_submits_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 1)
    queue = make.queue(project)
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    shown = slot_reads.shown

    def lost(slot: Slot) -> Any:
        slots.release(Slot.objects.get(pk=slot.pk), by=ann)
        assert slots.take_next(queue, by=ben) is not None
        return shown(slot)

    monkeypatch.setattr(slot_reads, "shown", lost)
    with pytest.raises(LeaseLost):
        annotations.submit(slot, {"response": {"text": "x"}}, lease=str(slot.lease), by=ann)
    assert not Annotation.objects.exists()
    assert Slot.objects.get(pk=slot.pk).annotator == ben


def test_two_last_submits_at_once_complete_the_task(other: BaseDatabaseWrapper) -> None:
    """The second waits for the task, and sees the first."""
    ann, ben = make.person("ann"), make.person("ben")
    project = make.project(annotators=[ann, ben])
    make.imported(project, 1)
    queue = make.queue(project, overlap=2)
    mine, yours = slots.take_next(queue, by=ann), slots.take_next(queue, by=ben)
    assert mine is not None
    assert yours is not None
    task = Task.objects.get()
    with other.cursor() as cursor:
        cursor.execute("UPDATE labeling_slot SET state = 'submitted', finished_at = now() WHERE id = %s", [yours.pk])
        cursor.execute("SELECT FROM labeling_task WHERE id = %s FOR NO KEY UPDATE", [task.pk])
    errors: list[Exception] = []
    answers = {"response": {"text": "x"}}
    thread = in_a_thread(lambda: annotations.submit(mine, answers, lease=str(mine.lease), by=ann), errors)
    wait_for(1)
    assert Task.objects.get().state == TaskState.OPEN
    other.commit()
    thread.join(20)
    assert errors == []
    assert Task.objects.get().state == TaskState.DONE


def test_an_answer_gets_its_time_when_its_transaction_is_there_to_be_waited_for(
    other: BaseDatabaseWrapper,
) -> None:
    """A release holds what stood at its cutoff: no answer with an earlier time may come after it looked."""
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    slot = slots.take_next(make.queue(project), by=ann)
    assert slot is not None
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE labeling_slot IN ACCESS EXCLUSIVE MODE")
    errors: list[Exception] = []
    answers = {"response": {"text": "x"}}
    thread = in_a_thread(lambda: annotations.submit(slot, answers, lease=str(slot.lease), by=ann), errors)
    wait_for(1)
    with other.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (let_go,) = cursor.fetchone()
    other.commit()
    thread.join(20)
    assert errors == []
    assert Annotation.objects.get().created_at > let_go


def test_the_same_submit_twice_at_once_is_one_answer() -> None:
    """Both have read the slot as it was in hand."""
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    slot = slots.take_next(make.queue(project), by=ann)
    assert slot is not None
    answers, lease = {"response": {"text": "x"}}, str(slot.lease)
    first, made = annotations.submit(slot, answers, lease=lease, by=ann)
    again, made_again = annotations.submit(slot, answers, lease=lease, by=ann)
    assert (made, made_again, again) == (True, False, first)
    assert Annotation.objects.get() == first
