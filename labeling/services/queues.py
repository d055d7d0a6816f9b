"""Queues: making and changing them, and opening tasks for the prompts that are ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Count

from labeling import questions
from labeling.errors import Conflict, Fault, Invalid
from labeling.models import FormVersion, Project, Queue, QueueState, Task, TaskState, User
from labeling.services import events, locks, slots
from labeling.services.projects import clean_name, clean_slug

MAX_OVERLAP = 100
MAX_LEASE_MINUTES = 7 * 24 * 60

# Tasks for prompts that are ready in queues that are not closed, with all their seats, in one statement. A queue
# whose form shows no candidates takes a prompt at once; any other waits until none is awaited and enough are there.
_OPEN_TASKS = """
WITH ready AS (
    SELECT q.id AS queue_id, q.overlap, q.candidates_max, p.id AS prompt_id
    FROM labeling_queue q JOIN labeling_prompt p ON p.project_id = q.project_id
    WHERE q.project_id = %(project)s AND q.state <> 'closed'
      AND (%(queue)s::bigint IS NULL OR q.id = %(queue)s)
      AND (%(prompts)s::bigint[] IS NULL OR p.id = ANY(%(prompts)s))
      AND (q.candidates_max = 0 OR (p.candidates_awaited = 0 AND p.candidates_count >= q.candidates_min))
      AND NOT EXISTS (SELECT 1 FROM labeling_task t WHERE t.queue_id = q.id AND t.prompt_id = p.id)
), made AS (
    INSERT INTO labeling_task (queue_id, prompt_id, candidate_ids, overlap, state, created_at)
    SELECT queue_id, prompt_id,
           ARRAY(SELECT c.id FROM labeling_candidate c WHERE c.prompt_id = ready.prompt_id
                 ORDER BY c.id LIMIT ready.candidates_max),
           overlap, 'open', now()
    FROM ready ORDER BY queue_id, prompt_id
    ON CONFLICT (queue_id, prompt_id) DO NOTHING
    RETURNING id, queue_id, prompt_id, candidate_ids, overlap
), seated AS (
    INSERT INTO labeling_slot (queue_id, task_id, seat, priority, candidate_order, state, skip_reason, skip_comment)
    SELECT made.queue_id, made.id, seat, p.priority,
           -- The mention of `seat` makes PostgreSQL draw anew for every seat.
           COALESCE((SELECT array_agg(c ORDER BY random()) FROM unnest(made.candidate_ids) c WHERE seat > 0), '{}'),
           'open', '', ''
    FROM made JOIN labeling_prompt p ON p.id = made.prompt_id CROSS JOIN LATERAL generate_series(1, made.overlap) seat
    ORDER BY made.id, seat
)
SELECT count(*) FROM made
"""

# Seats that are missing up to each task's new overlap, in the free seat numbers.
_ADD_SEATS = """
INSERT INTO labeling_slot (queue_id, task_id, seat, priority, candidate_order, state, skip_reason, skip_comment)
SELECT free.queue_id, free.task_id, free.seat, free.priority,
       COALESCE((SELECT array_agg(c ORDER BY random()) FROM unnest(free.candidate_ids) c WHERE free.seat > 0), '{}'),
       'open', '', ''
FROM (
    SELECT t.queue_id, t.id AS task_id, t.candidate_ids, p.priority, seat,
           row_number() OVER (PARTITION BY t.id ORDER BY seat) AS nth,
           (SELECT count(*) FROM labeling_slot s WHERE s.task_id = t.id AND s.state <> 'skipped') AS seats
    FROM labeling_task t JOIN labeling_prompt p ON p.id = t.prompt_id
    CROSS JOIN LATERAL generate_series(1, %(overlap)s + t.overlap) seat
    WHERE t.queue_id = %(queue)s AND t.state <> 'retired'
      AND NOT EXISTS (
        SELECT 1 FROM labeling_slot s WHERE s.task_id = t.id AND s.seat = seat.seat AND s.state <> 'skipped'
      )
) free
WHERE free.nth <= %(overlap)s - free.seats
ORDER BY free.task_id, free.seat
"""

_LOCK_TASKS = """
SELECT count(*) FROM (
    SELECT id FROM labeling_task WHERE queue_id = %(queue)s ORDER BY id FOR NO KEY UPDATE
) locked
"""

_LOCK_OPEN_SLOTS = """
SELECT count(*) FROM (
    SELECT id FROM labeling_slot WHERE queue_id = %(queue)s AND state = 'open' ORDER BY id FOR UPDATE
) locked
"""

# Open seats beyond each task's new overlap, those without a draft first. Nothing that somebody holds or has
# submitted is among them.
_SURPLUS = """
SELECT id FROM (
    SELECT s.id,
           row_number() OVER (
               PARTITION BY s.task_id
               ORDER BY EXISTS (SELECT 1 FROM labeling_draft d WHERE d.slot_id = s.id), s.seat DESC
           ) AS nth,
           (SELECT count(*) FROM labeling_slot a WHERE a.task_id = s.task_id AND a.state <> 'skipped')
               - %(overlap)s AS surplus
    FROM labeling_slot s WHERE s.queue_id = %(queue)s AND s.state = 'open'
) ranked WHERE nth <= surplus
"""

_SETTLE_TASKS = """
UPDATE labeling_task t SET overlap = %(overlap)s, state = CASE
    WHEN EXISTS (SELECT 1 FROM labeling_slot s WHERE s.task_id = t.id AND s.state IN ('open', 'leased'))
    THEN 'open' ELSE 'done' END
WHERE t.queue_id = %(queue)s AND t.state <> 'retired'
"""


def _whole(value: Any, field: str, *, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Invalid(
            "The queue's settings do not fit.", errors=[Fault(field, f"Give a whole number from {low} to {high}.")]
        )
    return value


def _clean_state(state: str) -> str:
    if state not in QueueState.values:
        known = ", ".join(QueueState.values)
        raise Invalid("There is no such state.", errors=[Fault("state", f"Choose one of: {known}.")])
    return state


def _candidate_range(form: list[questions.Config], least: Any, most: Any) -> tuple[int, int]:
    low, high = questions.form_candidates(form)
    if high == 0:
        return 0, 0
    wanted_low = low if least is None else _whole(least, "candidates_min", low=low, high=high)
    wanted_high = high if most is None else _whole(most, "candidates_max", low=wanted_low, high=high)
    return wanted_low, wanted_high


def _questions_sent(form: Any, preset: str) -> tuple[list[questions.Config], str]:
    """The questions that were sent, cleaned, and the preset that they are: a form that is one word for word is one."""
    if (form is None) == (not preset):
        raise Invalid("A queue needs a form.", errors=[Fault("form", "Send either “preset” or “form”.")])
    if preset:
        return questions.preset_form(preset), preset
    cleaned = questions.clean_form(form)
    return cleaned, next((name for name in questions.PRESETS if questions.preset_form(name) == cleaned), "")


@transaction.atomic
def create(
    project: Project,
    *,
    name: str,
    slug: str = "",
    preset: str = "",
    form: Any = None,
    overlap: int = 1,
    lease_minutes: int = 30,
    priority: int = 0,
    state: str = QueueState.OPEN,
    candidates_min: int | None = None,
    candidates_max: int | None = None,
    by: User,
) -> Queue:
    """A queue with the first version of its form, and a task for every prompt that is ready.

    Give either `preset` or `form`. `candidates_min` and `candidates_max` say how many responses a task shows; the
    form's own limits stand where they are left out. Raises Invalid, or Conflict for a taken slug.
    """
    name = clean_name(name, what="queue")
    slug = clean_slug(slug, name=name, what="queue")
    questions_asked, preset = _questions_sent(form, preset)
    locks.hold_queues(project)
    low, high = _candidate_range(questions_asked, candidates_min, candidates_max)
    try:
        with transaction.atomic():
            queue = Queue.objects.create(
                project=project,
                slug=slug,
                name=name,
                overlap=_whole(overlap, "overlap", low=1, high=MAX_OVERLAP),
                lease_minutes=_whole(lease_minutes, "lease_minutes", low=1, high=MAX_LEASE_MINUTES),
                priority=_whole(priority, "priority", low=-1000, high=1000),
                state=_clean_state(state),
                candidates_min=low,
                candidates_max=high,
            )
    except IntegrityError as error:
        raise Conflict(
            f"There is a queue “{slug}” in this project already.", errors=[Fault("slug", "Choose another one.")]
        ) from error
    queue.form = FormVersion.objects.create(queue=queue, number=1, questions=questions_asked, preset=preset)
    queue.save(update_fields=["form"])
    events.record("queue.created", queue, by=by, project=project, name=name, preset=preset, overlap=queue.overlap)
    open_tasks(project, queue=queue)
    return queue


def open_tasks(project: Project, *, queue: Queue | None = None, prompt_ids: Sequence[int] | None = None) -> int:
    """Makes the tasks and slots that are missing for prompts that are ready. Returns how many tasks were made.

    Call it in the transaction that made the prompts ready, with the project's queues held or shared
    (labeling.services.locks) from its beginning. It leaves no Event: the deed is the caller's.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _OPEN_TASKS,
            {
                "project": project.pk,
                "queue": queue.pk if queue else None,
                "prompts": list(prompt_ids) if prompt_ids is not None else None,
            },
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


@transaction.atomic
def change(
    queue: Queue,
    *,
    name: str | None = None,
    overlap: int | None = None,
    priority: int | None = None,
    state: str | None = None,
    lease_minutes: int | None = None,
    preset: str = "",
    form: Any = None,
    by: User,
) -> Queue:
    """Changes a queue while people work in it. Raising the overlap opens seats, also on finished tasks; lowering it
    closes untouched ones; nothing that was submitted is lost.

    `preset` or `form` asks other questions from now on: a new version of the form, unless it asks just the same. What
    somebody holds keeps the version that they were shown. Raises Invalid, also where tasks that are still to be
    answered show more or fewer responses than the form can be asked about.
    """
    sent = _questions_sent(form, preset) if form is not None or preset else None
    locks.hold_queues(queue.project)
    queue = (
        Queue.objects.select_for_update(of=("self",), no_key=True).select_related("project", "form").get(pk=queue.pk)
    )
    watched = ("name", "overlap", "priority", "state", "lease_minutes", "candidates_min", "candidates_max")
    before = {f: getattr(queue, f) for f in watched}
    _change_settings(queue, name=name, overlap=overlap, priority=priority, state=state, lease_minutes=lease_minutes)
    numbers = _change_form(queue, *sent) if sent else []
    changed = {f: [old, getattr(queue, f)] for f, old in before.items() if getattr(queue, f) != old}
    if not changed and not numbers:
        return queue
    more_seats = queue.overlap > before["overlap"]
    if numbers or more_seats:
        _refuse_unfit_tasks(queue, also_done=more_seats, path=("preset" if preset else "form") if sent else "overlap")
    queue.save(update_fields=[*changed, "form"])
    extra: dict[str, Any] = {}
    if "overlap" in changed:
        extra["closed_drafts"] = _reseat(queue)
    reopened = before["state"] == QueueState.CLOSED and "state" in changed
    if reopened or {"candidates_min", "candidates_max"} & set(changed):
        open_tasks(queue.project, queue=queue)
    said = {**({"form": numbers} if numbers else {}), **changed}
    events.record("queue.changed", queue, by=by, project=queue.project, changed=said, **extra)
    return queue


def _change_settings(
    queue: Queue,
    *,
    name: str | None,
    overlap: int | None,
    priority: int | None,
    state: str | None,
    lease_minutes: int | None,
) -> None:
    if name is not None:
        queue.name = clean_name(name, what="queue")
    if priority is not None:
        queue.priority = _whole(priority, "priority", low=-1000, high=1000)
    if lease_minutes is not None:
        queue.lease_minutes = _whole(lease_minutes, "lease_minutes", low=1, high=MAX_LEASE_MINUTES)
    if state is not None:
        queue.state = _clean_state(state)
    if overlap is not None:
        queue.overlap = _whole(overlap, "overlap", low=1, high=MAX_OVERLAP)


def _change_form(queue: Queue, asked: list[questions.Config], preset: str) -> list[int]:
    """Puts a new version of the form in force. Returns the numbers of the old and the new one; none: nothing new."""
    old = queue.form
    if old is None:
        raise AssertionError("every queue has a form")
    if old.questions == asked:
        return []
    queue.candidates_min, queue.candidates_max = _refitted(queue, old.questions, asked)
    queue.form = FormVersion.objects.create(queue=queue, number=old.number + 1, questions=asked, preset=preset)
    return [old.number, queue.form.number]


def _refitted(queue: Queue, old: list[questions.Config], new: list[questions.Config]) -> tuple[int, int]:
    """How many responses a task shows under another form: limits that somebody chose stay as far as it allows them,
    and those that were the old form's own become the new one's.
    """
    old_low, old_high = questions.form_candidates(old)
    low, high = questions.form_candidates(new)
    least = low if queue.candidates_min == old_low else min(max(queue.candidates_min, low), high)
    most = high if queue.candidates_max == old_high else min(max(queue.candidates_max, low), high)
    return least, most


def _refuse_unfit_tasks(queue: Queue, *, also_done: bool, path: str) -> None:
    """Raises Invalid where tasks with seats to come show more or fewer responses than the queue's form is about."""
    asked = questions.form_candidates(queue.form.questions if queue.form else [])
    states = [TaskState.OPEN, TaskState.DONE] if also_done else [TaskState.OPEN]
    tasks = Task.objects.filter(queue=queue, state__in=states).exclude(candidate_ids__len__range=asked)
    unfit = dict(tasks.order_by().values_list("candidate_ids__len").annotate(number=Count("pk")))
    if not unfit:
        return
    number, shown = sum(unfit.values()), " or ".join(str(length) for length in sorted(unfit))
    tell = "1 task that is to be answered shows" if number == 1 else f"{number:,} tasks that are to be answered show"
    raise Invalid(
        "The form does not fit the tasks of this queue.",
        errors=[
            Fault(
                path,
                f"{tell} {_responses(shown)}, and this form is about {_responses(_between(*asked))}. "
                "Make a new queue for it; this one goes on as it is.",
            )
        ],
    )


def _between(low: int, high: int) -> str:
    return "no" if high == 0 else str(low) if low == high else f"{low} to {high}"


def _responses(number: str) -> str:
    return f"{'no' if number == '0' else number} response{'' if number == '1' else 's'}"


def _reseat(queue: Queue) -> list[dict[str, Any]]:
    """Opens and closes seats for the queue's new overlap. Returns drafts that somebody had left on closed ones."""
    parameters = {"queue": queue.pk, "overlap": queue.overlap}
    with connection.cursor() as cursor:
        # Whoever takes or finishes at this moment holds the row: they go first, and are seen by what follows.
        cursor.execute(_LOCK_TASKS, parameters)
        cursor.execute(_LOCK_OPEN_SLOTS, parameters)
        cursor.execute(_SURPLUS, parameters)
        surplus = [row[0] for row in cursor.fetchall()]
    drafts = slots.close_seats(surplus)
    with connection.cursor() as cursor:
        for statement in (_ADD_SEATS, _SETTLE_TASKS):
            cursor.execute(statement, parameters)
    return drafts
