"""Submitting answers."""

from __future__ import annotations

import math
import uuid
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone
from psycopg.types.json import Jsonb

from labeling import questions
from labeling.errors import Conflict, Fault, Invalid, InvalidAnswers, StaleDraft
from labeling.models import REPLACED, Annotation, Draft, QueueState, Slot, SlotState, Task, TaskState, User
from labeling.prepared import Statement
from labeling.selectors import annotations as reads
from labeling.selectors import slots as slot_reads
from labeling.services import events, locks, projects, slots

# How long a submit can be taken back, and how long the request for it may take.
UNDO = timedelta(seconds=30)
_GRACE = timedelta(seconds=10)


# All that a submit writes, in one statement, so that it needs no transaction around it. The slot goes first: where it
# is no more as it was read (`expires` changes with every draft), nothing is written. The answer gets its time only
# then: a release waits for every transaction that had written something by its cutoff. The task's row is locked last:
# of two last submits at once, the second then sees the first when it settles the task.
_SUBMIT = Statement(
    """
    WITH finished AS (
        UPDATE labeling_slot SET state = 'submitted', ahead = false, finished_at = %(now)s
        WHERE id = %(slot)s AND state = 'leased' AND lease = %(lease)s AND annotator_id = %(annotator)s
          AND lease_expires_at = %(expires)s
        RETURNING id, task_id, GREATEST(%(now)s, clock_timestamp()) AS at
    ), made AS (
        INSERT INTO labeling_annotation (slot_id, annotator_id, queue_id, version, answers, form_id, guidelines_id,
                                         active_seconds, created_at)
        SELECT finished.id, %(annotator)s, %(queue)s,
               1 + COALESCE((SELECT max(version) FROM labeling_annotation WHERE slot_id = %(slot)s), 0),
               %(answers)s, %(form)s, %(guidelines)s, %(active_seconds)s::float8, finished.at
        FROM finished
        RETURNING *
    ), typed AS (
        DELETE FROM labeling_draft WHERE slot_id = (SELECT id FROM finished) AND annotator_id = %(annotator)s
    ), met AS (
        UPDATE labeling_membership SET guidelines_seen = %(number)s
        WHERE project_id = %(project)s AND user_id = %(annotator)s AND guidelines_seen < %(number)s
          AND EXISTS (SELECT 1 FROM finished)
    ), told AS (
        INSERT INTO labeling_event (project_id, actor_id, verb, target_type, target_id, data, created_at)
        SELECT %(project)s, %(annotator)s, 'annotation.submitted', 'annotation', made.id,
               jsonb_build_object('slot', made.slot_id), %(now)s
        FROM made
    ), task AS (
        SELECT id FROM labeling_task WHERE id = (SELECT task_id FROM finished) FOR NO KEY UPDATE
    )
    SELECT {made}, labeling_settle(task.id) FROM made, task
    """,
    made=Annotation,
)


def clean_seconds(value: Any) -> float | None:
    """Active seconds as the page measured them, or None. Raises Invalid for what is no time."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise Invalid("The time is not usable.", errors=[Fault("active_seconds", "Send seconds, 0 or more.")])
    return float(min(value, 86_400))


def submit(
    slot: Slot,
    answers: Any,
    *,
    lease: str | uuid.UUID,
    active_seconds: Any = None,
    revision: Any = None,
    by: User,
) -> tuple[Annotation, bool]:
    """Turns answers into an annotation and finishes the slot, all or nothing.

    `revision` is that of the newest draft the answers build on, if the caller knows: a newer one that says something
    else is not thrown away unseen.

    Returns the annotation and whether this call made it: the same lease sent again gets the same annotation.
    Raises LeaseLost, StaleDraft, Invalid, InvalidAnswers with a fault for each question, or Conflict when the task was
    skipped.
    """
    token = slots.token_of(lease)
    if slot.state == SlotState.LEASED and slot.lease == token and slot.annotator_id == by.pk:
        made = _submit_as_read(slot, answers, active_seconds, revision, by=by)
        if made is not None:
            return made, True
    return _submit_locked(slot, answers, lease, active_seconds, revision, by=by)


@transaction.atomic
def _submit_locked(
    slot: Slot, answers: Any, lease: str | uuid.UUID, active_seconds: Any, revision: Any, *, by: User
) -> tuple[Annotation, bool]:
    slot = slots.locked(slot, lease, by=by)
    if slot.state == SlotState.SUBMITTED:
        return _current(slot), False
    if slot.state == SlotState.SKIPPED:
        raise Conflict("This task was skipped, so it cannot be submitted.")
    made = _submit_as_read(slot, answers, active_seconds, revision, by=by)
    if made is None:
        raise AssertionError("a slot under a lock is as it was read")
    return made, True


def _submit_as_read(slot: Slot, answers: Any, active_seconds: Any, revision: Any, *, by: User) -> Annotation | None:
    """The annotation; None, and nothing written, where the slot is no more as it was when it was read."""
    if slot.form is None or slot.guidelines is None:
        raise AssertionError("a leased slot pins its form and guidelines")
    if revision is not None:
        _check_newest_draft(slot, answers, revision, by=by)
    cleaned = questions.clean_answers(slot.form.questions, answers, slot_reads.shown(slot))
    row = _SUBMIT.first(
        slot=slot.pk,
        lease=slot.lease,
        expires=slot.lease_expires_at,
        annotator=by.pk,
        queue=slot.queue_id,
        project=slot.queue.project_id,
        form=slot.form.pk,
        guidelines=slot.guidelines.pk,
        number=slot.guidelines.number,
        answers=Jsonb(cleaned),
        active_seconds=clean_seconds(active_seconds),
        now=timezone.now(),
    )
    if row is None:
        return None
    annotation: Annotation = row[0]
    annotation.slot = slot
    return annotation


def _check_newest_draft(slot: Slot, answers: Any, revision: Any, *, by: User) -> None:
    if isinstance(revision, bool) or not isinstance(revision, int) or revision < 0:
        raise Invalid("The revision is not usable.", errors=[Fault("revision", "Send the last revision seen, or 0.")])
    stored = Draft.objects.filter(slot=slot, annotator=by).first()
    if stored and stored.revision > revision and not _say_the_same(slot, stored.answers, answers):
        raise newer_draft(stored)


def _say_the_same(slot: Slot, one: Any, other: Any) -> bool:
    if one == other:
        return True
    asked, shown = slot.form.questions if slot.form else [], slot_reads.shown(slot)
    try:
        return questions.clean_answers(asked, one, shown) == questions.clean_answers(asked, other, shown)
    except InvalidAnswers:  # half done: whatever it says, it is not what is submitted
        return False


def newer_draft(stored: Draft) -> StaleDraft:
    """What is said to somebody who builds on an older draft than this one, which goes with it."""
    draft = {"revision": stored.revision, "answers": stored.answers, "saved_at": stored.saved_at.isoformat()}
    return StaleDraft("A newer draft of this task is stored, from another tab or device.", data={"draft": draft})


def _next_version(slot: Slot) -> int:
    newest = Annotation.objects.filter(slot=slot).aggregate(version=Max("version"))["version"]
    return int(newest or 0) + 1


def _current(slot: Slot) -> Annotation:
    found = reads.current(slot)
    if found is None:
        raise AssertionError("a submitted slot has an annotation")
    return found


@transaction.atomic
def undo(slot: Slot, *, lease: str | uuid.UUID, by: User) -> Slot:
    """Takes a submit back within its first moments: the slot is in hand again under a new lease, its answers a draft.

    What is in hand meanwhile is kept for after it. The annotation stays as a record, marked undone. Raises LeaseLost,
    or Conflict when it is too late: the time is over, the answers were corrected since, or the queue is closed.
    """
    locks.take_turn(slot.queue_id, by.pk)
    # All that it writes, in the order in which everybody locks several: slots, then tasks, each by their ids.
    mine = Slot.objects.filter(Q(pk=slot.pk) | Q(pk__in=Slot.objects.held_by(by.pk).filter(queue=slot.queue_id)))
    task_ids = list(mine.select_for_update(no_key=True).order_by("pk").values_list("task", flat=True))
    list(Task.objects.select_for_update(no_key=True).filter(pk__in=task_ids).order_by("pk"))
    slot = slots.locked(slot, lease, by=by)
    if slot.state != SlotState.SUBMITTED or slot.finished_at is None:
        raise Conflict(f"There is nothing to take back: this task is {slot.state}.")
    annotation = _current(slot)
    if slot.queue.state == QueueState.CLOSED:
        raise Conflict("The queue is closed, so what was submitted stays as it is.")
    if timezone.now() - slot.finished_at > UNDO + _GRACE:
        raise Conflict(
            f"It was submitted more than {UNDO.seconds} seconds ago. Correct it in the list of what you have done."
        )
    if Annotation.objects.filter(slot=slot, undone_at__isnull=True).count() > 1:
        raise Conflict("It was corrected since. Correct it again in the list of what you have done.")
    _check_askable(slot)
    slots.put_aside(slot.queue, by=by)
    now = timezone.now()
    annotation.undone_at = now
    annotation.save(update_fields=["undone_at"])
    # A new lease: the first submit, should it arrive once more, must not submit again.
    slot.state, slot.ahead, slot.lease, slot.finished_at = SlotState.LEASED, False, uuid.uuid4(), None
    slot.lease_expires_at = now + slots.lease_length(slot.queue)
    slot.save()
    # A correction that was begun meanwhile is the newer text: it stays.
    Draft.objects.get_or_create(slot=slot, annotator=by, defaults={"answers": annotation.answers, "saved_at": now})
    Task.objects.filter(pk=slot.task_id, state=TaskState.DONE).update(state=TaskState.OPEN)
    events.record("annotation.undone", annotation, by=by, project=slot.queue.project, slot=slot.pk)
    return slot


def _check_askable(slot: Slot) -> None:
    # The form may have changed since. Once this slot is given back, the new one is asked about the same responses.
    low, high = questions.form_candidates(slot.queue.form.questions if slot.queue.form else [])
    if slot.form_id != slot.queue.form_id and not low <= len(slot.candidate_order) <= high:
        raise Conflict(
            "The queue asks something else now, which this task does not fit, so what was submitted stays as it is. "
            "Correct it in the list of what you have done."
        )


def check_correctable(slot: Slot, version: Any) -> Annotation:
    """The annotation of that version, if its annotator may still correct it. Raises Invalid or Conflict."""
    if isinstance(version, bool) or not isinstance(version, int):
        raise Invalid("The version is not usable.", errors=[Fault("version", "Send the version that is corrected.")])
    if slot.state != SlotState.SUBMITTED:
        raise Conflict(f"There is nothing to correct: this task is {slot.state}.")
    if slot.queue.state == QueueState.CLOSED:
        raise Conflict("The queue is closed, so what was submitted stays as it is.")
    current = _current(slot)
    if current.version != version:
        raise Conflict(
            f"Version {version} was corrected already, perhaps in another tab. Version {current.version} is the newest."
        )
    return current


@transaction.atomic
def revise(
    slot: Slot,
    answers: Any,
    *,
    lease: str | uuid.UUID,
    version: Any,
    active_seconds: Any = None,
    by: User,
) -> tuple[Annotation, bool]:
    """Corrects what one has submitted: a new version, until the queue closes. Older versions are kept.

    `version` is the one that is corrected; its form is asked again, under the guidelines in force now. Returns the
    newest annotation and whether this call made it: the same correction sent again, or one that changes nothing, makes
    none. Raises LeaseLost, InvalidAnswers, Invalid, or Conflict when another correction came first.
    """
    slot = slots.locked(slot, lease, by=by)
    if slot.state == SlotState.SUBMITTED and isinstance(version, int):
        newest = _current(slot)
        if newest.version > version and newest.answers == _cleaned(newest, answers, slot):
            return newest, False
    before = check_correctable(slot, version)
    cleaned = _cleaned(before, answers, slot)
    Draft.objects.filter(slot=slot, annotator=by).delete()
    if cleaned == before.answers:
        return before, False
    guidelines = projects.guidelines_of(slot.queue.project)
    annotation = Annotation.objects.create(
        slot=slot,
        annotator=by,
        queue=slot.queue,
        version=_next_version(slot),
        answers=cleaned,
        form=before.form,
        guidelines=guidelines,
        active_seconds=clean_seconds(active_seconds),
    )
    Annotation.objects.filter(pk=before.pk).update(verdict=REPLACED)  # the new version is what waits for a review
    projects.meet_guidelines(slot.queue.project, guidelines.number, by=by)
    events.record("annotation.revised", annotation, by=by, project=slot.queue.project, slot=slot.pk, before=version)
    return annotation, True


def _cleaned(annotation: Annotation, answers: Any, slot: Slot) -> dict[str, Any]:
    return questions.clean_answers(annotation.form.questions, answers, slot_reads.shown(slot))
