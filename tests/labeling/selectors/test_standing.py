"""Why a queue has nothing for somebody, as its end page tells it; and when it opens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Membership, Project, Queue, Role, Slot, User
from labeling.selectors import standing
from labeling.services import projects, queues, skips, slots, tasks
from labeling.services.queue_settings import is_within_hours
from tests import make

WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def end_page(queue: Queue, user: User) -> str:
    """What the person sees instead of a task."""
    client = Client()
    client.force_login(user)
    page = " ".join(unescape(client.get(f"/label/{queue.pk}/").content.decode()).split())
    assert "empty__title" in page, "there is a task"
    return page


def able(user: User, **abilities: Any) -> None:
    projects.change_member(Membership.objects.get(user=user), **abilities, by=make.manager(Project.objects.get()))


def now_plus(**time: int) -> datetime:
    return timezone.now() + timedelta(**time)


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"state": "paused"}, "paused", "This queue is paused"),
        ({"state": "closed"}, "closed", "This queue is closed"),
        ({"opens_at": now_plus(days=400)}, "not_yet", "This queue has not opened yet"),
        ({"closes_at": now_plus(days=-1)}, "over", "This queue’s time is over"),
        ({"open_to": "people"}, "not_named", "This queue is open to named people"),
        ({"skills": {"law": 2}}, "skills", "It asks for law at level 2. A manager"),
        ({"most_per_day": 1}, "today", "Your share for today is done"),
        ({"most_in_all": 1}, "in_all", "Your share of this queue is done"),
        ({"most_per_day": 1, "most_in_all": 1}, "in_all", "A person answers at most 1 task of this queue."),
    ],
)
def test_the_end_page_says_why(project: Project, ann: User, fields: dict[str, Any], code: str, said: str) -> None:
    make.imported(project, 3)
    queue = make.queue(project)
    make.written(queue, ann)
    queue = queues.change(queue, **fields, by=make.manager(project))
    assert slots.take_next(queue, by=ann) is None
    assert standing.why_nothing(queue, ann).code == code
    page = end_page(queue, ann)
    assert said in page
    assert "1</strong> done today" in page


def test_who_has_some_skill_is_told_their_level(project: Project, ann: User) -> None:
    make.imported(project, 1)
    queue = make.queue(project, skills={"law": 3, "Latin": 1})
    able(ann, skills={"law": 2})
    assert "Latin at level 1, law at level 3 (you are at 2)" in end_page(queue, ann)
    able(ann, skills={"law": 3, "Latin": 1})
    assert slots.take_next(queue, by=ann) is not None


def test_the_share_of_a_day_begins_anew_at_midnight(project: Project, ann: User) -> None:
    make.imported(project, 2)
    queue = make.queue(project, most_per_day=1)
    make.written(queue, ann)
    ends = standing.why_nothing(queue, ann).ends_at
    assert ends is not None
    assert (ends - timedelta(seconds=1)).date() == datetime.now(UTC).date()
    assert (ends.hour, ends.minute, ends.second) == (0, 0, 0)
    assert "Your next share begins" in end_page(queue, ann)
    # What was done yesterday is not of today.
    Slot.objects.filter(annotator=ann).update(finished_at=now_plus(days=-1))
    assert slots.take_next(queue, by=ann) is not None


def test_outside_the_hours_it_says_when_it_opens(project: Project, ann: User) -> None:
    make.imported(project, 1)
    ahead = datetime.now(UTC) + timedelta(days=2)
    hours = {"timezone": "UTC", "week": [{"days": [WEEK[ahead.weekday()]], "from": "09:00", "to": "17:00"}]}
    queue = make.queue(project, hours=hours)
    page = end_page(queue, ann)
    assert "Outside the opening hours" in page
    assert f"{ahead:%-d %b %Y}, 09:00 UTC" in page
    assert "09:00–17:00 (UTC)" in page


def test_tasks_in_other_languages_are_told_by_name(project: Project, ann: User) -> None:
    make.imported(project, 1, language="de")
    make.imported(project, 1, start=5, language="pt-BR")
    make.imported(project, 1, start=9, language="xx")
    queue = make.queue(project, by_language=True)
    assert "You read none that a manager has noted." in end_page(queue, ann)
    able(ann, languages=["en", "de"])
    make.written(queue, ann)
    page = end_page(queue, ann)
    assert "What is left is in other languages" in page
    assert "Brazilian Portuguese (pt-BR), xx. You read German (de), English (en)." in page


def test_what_is_left_is_in_the_hands_of_others(project: Project, ann: User, alice: User) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    slot = slots.take_next(queue, by=alice)
    assert slot is not None
    assert standing.why_nothing(queue, ann).code == "held"
    make.answered(slot, alice, {"response": {"text": "There."}})
    assert standing.why_nothing(queue, ann).code == "done"
    assert "Every task of this queue has all its answers." in end_page(queue, ann)


def test_what_is_left_was_seen_before(project: Project, ann: User) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    skips.skip(slot, lease=str(slot.lease), reason="other", by=ann)
    assert "You have seen every task that is open in this queue." in end_page(queue, ann)


def test_nothing_has_come_in_yet(project: Project, ann: User) -> None:
    queue = make.queue(project)
    assert "No task has come into this queue yet." in end_page(queue, ann)
    Queue.objects.filter(pk=queue.pk).update(opening_from=0)
    assert "are being made at this moment" in end_page(Queue.objects.get(pk=queue.pk), ann)


def test_a_task_that_waits_for_somebody_else_is_nothing_for_others(project: Project, ann: User, alice: User) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    tasks.hand(queue.tasks.get(), to=alice, by=alice)
    assert slots.take_next(queue, by=ann) is None
    assert standing.why_nothing(queue, ann).code == "seen"


def test_barriers_of_many_people_come_in_one_go(
    project: Project, ann: User, alice: User, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    make.imported(project, 3)
    people = [make.person() for _ in range(20)]
    for person in people:
        projects.add_member(project, email=person.email, role=Role.ANNOTATOR, by=alice)
    queue = make.queue(project, most_per_day=1)
    make.written(queue, people[0])
    slots.take_next(queue, by=people[1])  # in hand: it counts
    queue = queues.change(queue, open_to="people", people=people[:4], skills={"law": 1}, by=alice)
    for person in people[:3]:
        able(person, skills={"law": 1})
    with django_assert_max_num_queries(5):
        found = standing.barriers(queue, people)
    codes = [found[person.pk].code if person.pk in found else "" for person in people]
    assert codes == ["today", "today", "", "skills", *["not_named"] * 16]


# Opening hours

BERLIN = {
    "timezone": "Europe/Berlin",
    "week": [
        {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "12:30"},
        {"days": ["fri"], "from": "22:00", "to": "24:00"},
        {"days": ["sat"], "from": "00:00", "to": "02:15"},
        {"days": ["sun"], "from": "02:30", "to": "02:45"},  # in spring there is one day without this time
    ],
}


@pytest.mark.parametrize("start", ["2026-03-23T00:00", "2026-10-19T00:00", "2026-11-24T13:07"])
def test_the_next_opening_agrees_with_the_rule_of_the_claim(start: str) -> None:
    moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
    queue = Queue(hours=BERLIN)
    for minutes in range(0, 9 * 24 * 60, 15):
        at = moment + timedelta(minutes=minutes)
        opens = standing.next_opening(queue, at)
        assert opens is not None
        assert (opens == at) == is_within_hours(BERLIN, at), at
        if opens > at:
            just_before = opens - timedelta(minutes=1)
            assert not is_within_hours(BERLIN, just_before) or just_before < at, at
            left_out = f"{opens:%m-%d %H:%M}" == "03-29 01:30"  # the clocks go from 02:00 to 03:00 in Berlin
            assert is_within_hours(BERLIN, opens) or left_out, at


def test_dates_bound_the_hours() -> None:
    monday = datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert standing.next_opening(Queue(hours=BERLIN), monday) == datetime(2026, 11, 23, 8, tzinfo=UTC)
    later = datetime(2026, 11, 24, 20, tzinfo=UTC)
    assert standing.next_opening(Queue(hours=BERLIN, opens_at=later), monday) == datetime(2026, 11, 25, 8, tzinfo=UTC)
    assert standing.next_opening(Queue(opens_at=later), monday) == later
    assert standing.next_opening(Queue(hours=BERLIN, closes_at=monday + timedelta(hours=5)), monday) is None
    assert standing.next_opening(Queue(), monday) == monday


@pytest.mark.parametrize(
    ("week", "words"),
    [
        ([(WEEK, "00:00", "24:00")], "every day 00:00–24:00 (UTC)"),
        ([(WEEK[:5], "09:00", "17:00")], "Mon–Fri 09:00–17:00 (UTC)"),
        (
            [(["mon", "wed"], "9:00", "10:00"), (["sat", "sun"], "1:00", "2:00")],
            "Mon, Wed 9:00–10:00, Sat, Sun 1:00–2:00 (UTC)",
        ),
    ],
)
def test_hours_are_told_in_words(week: list[tuple[list[str], str, str]], words: str) -> None:
    rows = [{"days": days, "from": begins, "to": ends} for days, begins, ends in week]
    assert standing.hours_in_words({"timezone": "UTC", "week": rows}) == words
    assert standing.hours_in_words({}) == "always"


@pytest.mark.django_db
def test_a_queue_for_what_is_moved_says_how_its_tasks_come() -> None:
    ann = make.person()
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    queue = make.queue(project, only_moved=True)
    assert "when tasks of other queues are moved here" in standing.why_nothing(queue, ann).words
