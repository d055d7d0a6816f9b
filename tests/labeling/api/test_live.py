"""A queue while people work in it, by API: the live numbers, skips, and taking a slot away from its holder."""

from __future__ import annotations

from labeling.models import Event, Project, Role, SkipReason, Slot, Task, User
from labeling.services import projects, skips, slots, tasks
from tests import make
from tests.labeling.api.checked import Speaker


def took(queue: object, by: User) -> Slot:
    slot = slots.take_next(queue, by=by)  # type: ignore[arg-type]
    assert slot is not None
    return slot


def test_the_live_numbers(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    make.imported(project, 4)
    queue = make.queue(project, price="0.5", currency="EUR")
    make.written(queue, ann)
    skips.skip(slot := took(queue, ann), lease=str(slot.lease), reason="unclear", comment="", by=ann)
    held = took(queue, ann)
    waiting = Task.objects.filter(queue=queue).latest("pk")
    tasks.hand(waiting, to=alice, by=alice)
    live = as_(alice).get(f"/api/queues/{queue.pk}/live/").json()
    assert (live["queue"], live["state"], live["gives_out"]) == (queue.pk, "open", True)
    assert live["tasks"] == {"open": 3, "done": 1, "retired": 0}
    assert live["slots"] == {"open": 2, "leased": 1, "submitted": 1, "skipped": 1}
    (one,) = live["held"]
    assert (one["slot"], one["task"], one["annotator"], one["ahead"]) == (held.pk, held.task_id, ann.email, False)
    (other,) = live["handed"]
    assert (other["task"], other["to"], other["barrier"]) == (waiting.pk, alice.email, None)
    assert live["pace"] == {
        "quarter": 1,
        "hour": 1,
        "people": [{"annotator": ann.email, "quarter": 1, "hour": 1, "skipped": 1}],
    }
    assert (len(live["days"]), live["days"][-1]["answers"], live["days"][-1]["skipped"]) == (14, 1, 1)
    assert live["forecast"] == {
        "left": 3,
        "hours": 0.75,  # the one of the last 15 minutes, four times an hour
        "days": None,
        "cost": "2.0000",
        "cost_so_far": "0.5000",
        "currency": "EUR",
    }


def test_reviewers_see_no_costs_and_annotators_nothing(
    as_: Speaker, alice: User, ann: User, charlie: User, project: Project
) -> None:
    rita = make.person("rita")
    projects.add_member(project, email=rita.email, role=Role.REVIEWER, by=alice)
    make.imported(project, 1)
    queue = make.queue(project, price="0.5", currency="EUR")
    shown = as_(rita).get(f"/api/queues/{queue.pk}/live/").json()
    assert (shown["forecast"]["cost"], shown["forecast"]["cost_so_far"], shown["forecast"]["left"]) == (None, None, 1)
    assert as_(ann).get(f"/api/queues/{queue.pk}/live/").status_code == 403
    assert as_(charlie).get(f"/api/queues/{queue.pk}/live/").status_code == 404
    assert as_(rita).get(f"/api/queues/{queue.pk}/skips/").status_code == 403


def test_skips_are_listed_the_newest_first(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    make.imported(project, 3)
    queue = make.queue(project)
    for reason in (SkipReason.UNCLEAR, SkipReason.BROKEN, SkipReason.UNCLEAR):
        slot = took(queue, ann)
        skips.skip(slot, lease=str(slot.lease), reason=reason, comment=f"It is {reason}.", by=ann)
    at = f"/api/queues/{queue.pk}/skips/"
    first = as_(alice).get(f"{at}?limit=2").json()
    rest = as_(alice).get(first["next"]).json()
    slots_told = [one["slot"] for one in first["results"] + rest["results"]]
    assert slots_told == sorted(slots_told, reverse=True)
    assert len(slots_told) == 3
    (broken,) = as_(alice).get(f"{at}?reason=broken").json()["results"]
    assert (broken["annotator"], broken["comment"], broken["task_state"]) == (ann.email, "It is broken.", "open")
    assert as_(alice).get(f"{at}?reason=bored").status_code == 400


def test_a_manager_takes_a_slot_away_without_its_lease(
    as_: Speaker, alice: User, ann: User, charlie: User, project: Project
) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    slot = took(queue, ann)
    at = f"/api/slots/{slot.pk}/take-back/"
    assert as_(ann).post(at).status_code == 403
    assert as_(charlie).post(at).status_code == 404
    slot.refresh_from_db()
    assert slot.annotator == ann
    assert as_(alice).post(at).json() == {"slot": slot.pk, "state": "open"}
    assert as_(alice).post(at).status_code == 409
    event = Event.objects.get(verb="slot.released")
    assert (event.actor, event.data["holder"]) == (alice, ann.pk)
