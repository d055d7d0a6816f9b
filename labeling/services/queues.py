"""Queues: making and changing them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from django.db.models import Count

from labeling import questions
from labeling.errors import Conflict, Fault, Invalid
from labeling.models import FormVersion, Membership, Project, Queue, QueuePerson, QueueState, Task, TaskState, User
from labeling.services import events, locks, queue_settings, seats
from labeling.services.projects import clean_name, clean_slug
from labeling.services.queue_settings import MAX_LEASE_MINUTES, MAX_OVERLAP, whole
from labeling.services.seats import open_tasks

__all__ = ["MAX_LEASE_MINUTES", "MAX_OVERLAP", "change", "create", "open_tasks"]

# Settings that change where tasks that are there stand in the order, or how many seats they have.
_FOLLOWED = ("overlap", "ordering")


def _candidate_range(form: list[questions.Config], least: Any, most: Any) -> tuple[int, int]:
    low, high = questions.form_candidates(form)
    if high == 0:
        return 0, 0
    wanted_low = low if least is None else whole(least, "candidates_min", low=low, high=high)
    wanted_high = high if most is None else whole(most, "candidates_max", low=wanted_low, high=high)
    return wanted_low, wanted_high


def _questions_sent(form: Any, preset: str) -> tuple[list[questions.Config], str]:
    """The questions that were sent, cleaned, and the preset that they are: a form that is one word for word is one."""
    if (form is None) == (not preset):
        raise Invalid("A queue needs a form.", errors=[Fault("form", "Send either “preset” or “form”.")])
    if preset:
        return questions.preset_form(preset), preset
    cleaned = questions.clean_form(form)
    return cleaned, next((name for name in questions.PRESETS if questions.preset_form(name) == cleaned), "")


def create(
    project: Project,
    *,
    name: str,
    slug: str = "",
    preset: str = "",
    form: Any = None,
    candidates_min: int | None = None,
    candidates_max: int | None = None,
    people: Iterable[User] = (),
    by: User,
    **settings: Any,
) -> Queue:
    """A queue with the first version of its form; a task for every prompt that is ready follows.

    Give either `preset` or `form`. `candidates_min` and `candidates_max` say how many responses a task shows; the
    form's own limits stand where they are left out. `people` are those it is open to where `open_to` says so; for the
    other `settings` see labeling.services.queue_settings. Raises Invalid, or Conflict for a taken slug.

    Tasks are opened in steps. A few thousand are there when it returns; a worker opens the rest.
    """
    name = clean_name(name, what="queue")
    slug = clean_slug(slug, name=name, what="queue")
    questions_asked, preset = _questions_sent(form, preset)
    cleaned = queue_settings.clean(settings)
    low, high = _candidate_range(questions_asked, candidates_min, candidates_max)
    with transaction.atomic():
        locks.hold_queues(project)
        _check_skip_queues(project, cleaned)
        try:
            with transaction.atomic():
                queue = Queue.objects.create(
                    project=project,
                    slug=slug,
                    name=name,
                    candidates_min=low,
                    candidates_max=high,
                    opening_from=None if cleaned.get("only_moved") else 0,
                    **cleaned,
                )
        except IntegrityError as error:
            raise Conflict(
                f"There is a queue “{slug}” in this project already.", errors=[Fault("slug", "Choose another one.")]
            ) from error
        queue.form = FormVersion.objects.create(queue=queue, number=1, questions=questions_asked, preset=preset)
        queue.save(update_fields=["form"])
        _name_people(queue, people)
        events.record("queue.created", queue, by=by, project=project, name=name, preset=preset, overlap=queue.overlap)
    seats.follow(queue)
    return queue


def change(
    queue: Queue, *, preset: str = "", form: Any = None, people: Iterable[User] | None = None, by: User, **settings: Any
) -> Queue:
    """Changes a queue while people work in it. Raising the overlap opens seats, also on finished tasks; lowering it
    closes untouched ones; nothing that was submitted is lost.

    `preset` or `form` asks other questions from now on: a new version of the form, unless it asks just the same. What
    somebody holds keeps the version that they were shown. Raises Invalid, also where tasks that are still to be
    answered show more or fewer responses than the form can be asked about.

    What it means for tasks that are there follows in steps, as in `create`.
    """
    sent = _questions_sent(form, preset) if form is not None or preset else None
    cleaned = queue_settings.clean(settings)
    with transaction.atomic():
        queue = _change(queue, cleaned, sent, people, path="preset" if preset else "form", by=by)
    seats.follow(queue)
    return queue


def _change(
    queue: Queue,
    settings: dict[str, Any],
    sent: tuple[list[questions.Config], str] | None,
    people: Iterable[User] | None,
    *,
    path: str,
    by: User,
) -> Queue:
    locks.hold_queues(queue.project)
    queue = (
        Queue.objects.select_for_update(of=("self",), no_key=True).select_related("project", "form").get(pk=queue.pk)
    )
    _check_skip_queues(queue.project, settings, of=queue)
    watched = (*queue_settings.SETTINGS, "candidates_min", "candidates_max")
    before = {f: getattr(queue, f) for f in watched}
    for setting, value in settings.items():
        setattr(queue, setting, value)
    if queue.opens_at and queue.closes_at and queue.opens_at >= queue.closes_at:
        raise Invalid("The queue's settings do not fit.", errors=[Fault("closes_at", "It closes before it opens.")])
    numbers = _change_form(queue, *sent) if sent else []
    named = _name_people(queue, people) if people is not None else None
    changed = {f: [old, getattr(queue, f)] for f, old in before.items() if getattr(queue, f) != old}
    if not changed and not numbers and not named:
        return queue
    more_seats = queue.overlap > before["overlap"]
    if numbers or more_seats:
        _refuse_unfit_tasks(queue, also_done=more_seats, path=path if sent else "overlap")
    if any(setting in changed for setting in _FOLLOWED):
        queue.following_from = 0
    if "overlap" in changed:
        queue.following_overlap = True
    reopened = before["state"] == QueueState.CLOSED and "state" in changed
    if queue.only_moved:
        queue.opening_from = None
    elif reopened or {"candidates_min", "candidates_max", "only_moved"} & set(changed):
        queue.opening_from = 0
    queue.save(update_fields=[*changed, "form", "following_from", "following_overlap", "opening_from"])
    said = {**({"form": numbers} if numbers else {}), **({"people": named} if named else {}), **changed}
    events.record("queue.changed", queue, by=by, project=queue.project, changed=_as_json(said))
    return queue


def _as_json(said: dict[str, Any]) -> Any:
    return json.loads(json.dumps(said, cls=DjangoJSONEncoder))


def _name_people(queue: Queue, people: Iterable[User]) -> list[list[int]]:
    """Names those that the queue is open to. Returns whom it named before and whom now; nothing where that is equal."""
    ids = sorted({person.pk for person in people})
    before = sorted(QueuePerson.objects.filter(queue=queue).values_list("user", flat=True))
    if ids == before:
        return []
    members = set(Membership.objects.filter(project=queue.project_id, user__in=ids).values_list("user", flat=True))
    if set(ids) - members:
        raise Invalid("Not everybody named is in the project.", errors=[Fault("people", "Add them as members first.")])
    QueuePerson.objects.filter(queue=queue).exclude(user__in=ids).delete()
    QueuePerson.objects.bulk_create([QueuePerson(queue=queue, user_id=pk) for pk in ids], ignore_conflicts=True)
    return [before, ids]


def _check_skip_queues(project: Project, settings: dict[str, Any], *, of: Queue | None = None) -> None:
    """What is skipped can go to another queue of the project that is not closed. A rule that stands may stay."""
    standing = of.skip_rules if of else {}
    wanted = {
        rule["queue"]: reason
        for reason, rule in settings.get("skip_rules", {}).items()
        if "queue" in rule and rule != standing.get(reason)
    }
    others = Queue.objects.filter(project=project, pk__in=wanted).exclude(state=QueueState.CLOSED)
    others = others.exclude(pk=of.pk) if of else others
    known = set(others.values_list("pk", flat=True))
    for pk, reason in wanted.items():
        if pk not in known:
            raise Invalid(
                "The queue's settings do not fit.",
                errors=[
                    Fault(f"skip_rules.{reason}.queue", "Choose another queue of this project that is not closed.")
                ],
            )


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
