"""The settings of a queue on their page: each at its field, and nothing lost."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client

from labeling.models import Event, Project, Queue, QueuePerson, User
from labeling.services import queues
from tests import make

COMMON = {"name": "Write", "overlap": "1", "lease_minutes": "30", "priority": "0", "state": "open"}


@pytest.fixture
def client(alice: User) -> Client:
    """Alice's browser, in Berlin."""
    client = Client()
    client.force_login(alice)
    client.cookies["annotate_zone"] = "Europe/Berlin"
    return client


@pytest.fixture
def queue(project: Project) -> Queue:
    return make.queue(project, slug="write")


def page(queue: Queue) -> str:
    return f"/projects/haiku/queues/{queue.pk}/settings/"


def shown(answer: Any) -> str:
    return unescape(answer.content.decode())


def as_sent(html: str) -> dict[str, list[str]]:
    """What a browser would send of a page's form if nobody touched it."""
    sent: dict[str, list[str]] = {}
    form = html[html.index('name="seen"') - 5000 :]
    for tag in re.findall(r"<input[^>]*>", form):
        facts = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if facts.get("type") in ("checkbox", "radio") and not re.search(r"\bchecked\b", tag):
            continue
        if "name" in facts and facts["name"] != "csrfmiddlewaretoken":
            sent.setdefault(facts["name"], []).append(
                unescape(facts.get("value", "on" if facts.get("type") == "checkbox" else ""))
            )
    for name, options in re.findall(r'<select name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        sent[name] = [chosen[1] if chosen else ""]
    for name, text in re.findall(r'<textarea name="([^"]*)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL):
        sent[name] = [unescape(text)]
    return sent


def save(client: Client, queue: Queue, **changes: Any) -> Any:
    """Opens the page, changes some fields and sends it as a browser does."""
    sent = as_sent(client.get(page(queue)).content.decode())
    sent |= {name: value if isinstance(value, list) else [value] for name, value in changes.items()}
    return client.post(page(queue), sent)


EVERYTHING: dict[str, Any] = {
    "open_to": "people",
    "skills": "medicine: 2\nLatin",
    "by_language": "on",
    "only_moved": "on",
    "ordering": "spread",
    "most_in_hand": "1",
    "most_per_day": "40",
    "most_in_all": "500",
    "timezone": "Asia/Tokyo",
    "opens_at": "2026-03-01T09:00",
    "closes_at": "2027-03-01T18:30",
    "hours_0_days": ["mon", "tue"],
    "hours_0_from": "9:00",
    "hours_0_to": "24:00",
    "skip_broken": "retire",
    "skip_broken_after": "2",
    "price": "0.25",
    "currency": "eur",
}


def test_every_setting_is_set_and_shown_again(client: Client, queue: Queue, project: Project, ann: User) -> None:
    other = make.queue(project, slug="experts")
    changes = {**EVERYTHING, "people": [str(ann.pk)], "skip_expertise": f"queue:{other.pk}"}
    assert save(client, queue, **changes).status_code == 302
    queue.refresh_from_db()
    assert (queue.open_to, queue.skills, queue.by_language) == ("people", {"Latin": 1, "medicine": 2}, True)
    assert queue.only_moved
    assert list(QueuePerson.objects.filter(queue=queue).values_list("user", flat=True)) == [ann.pk]
    assert (queue.ordering, queue.most_in_hand, queue.most_per_day, queue.most_in_all) == ("spread", 1, 40, 500)
    assert queue.opens_at is not None
    assert queue.opens_at.isoformat() == "2026-03-01T00:00:00+00:00"
    assert queue.hours == {
        "timezone": "Asia/Tokyo",
        "week": [{"days": ["mon", "tue"], "from": "09:00", "to": "24:00"}],
    }
    assert queue.skip_rules == {
        "broken": {"then": "retire", "after": 2},
        "expertise": {"then": "queue", "after": 1, "queue": other.pk},
    }
    assert (queue.price, queue.currency) == (Decimal("0.25"), "EUR")
    again = as_sent(client.get(page(queue)).content.decode())
    assert again["opens_at"] == ["2026-03-01T09:00"]
    assert again["skills"] == ["Latin: 1\nmedicine: 2"]
    assert again["people"] == [str(ann.pk)]
    read = shown(client.get(f"/projects/haiku/queues/{queue.pk}/"))
    for words in (
        "1 named person, Latin from level 1, medicine from level 2, in languages that they read",
        "One answer everywhere first",
        "40 a day, 500 in all, one task at a time",
        "Mon, Tue 09:00–24:00 (Asia/Tokyo)",
        "something is broken: retired after 2 skips",
        f"moved to “{other.name}” at once",
        "0.25 EUR",
    ):
        assert words in read, words


def test_a_page_that_nobody_touched_changes_nothing(client: Client, queue: Queue, project: Project, ann: User) -> None:
    save(client, queue, **EVERYTHING, people=[str(ann.pk)])
    queue.refresh_from_db()
    queues.change(queue, opens_at="2026-03-01T00:00:42Z", by=make.manager(project))  # finer than the page shows it
    events = Event.objects.count()
    assert save(client, queue).status_code == 302
    queue.refresh_from_db()
    assert queue.opens_at is not None
    assert queue.opens_at.second == 42
    assert Event.objects.count() == events


def test_what_nobody_touched_stays_as_another_manager_set_it(client: Client, queue: Queue, alice: User) -> None:
    sent = as_sent(client.get(page(queue)).content.decode())
    queues.change(queue, ordering="random", most_per_day=7, skills={"law": 1}, by=alice)
    client.post(page(queue), {**sent, "price": ["3"]})
    queue.refresh_from_db()
    assert queue.price == Decimal(3)
    assert (queue.ordering, queue.most_per_day, queue.skills) == ("random", 7, {"law": 1})


def test_what_was_set_can_be_taken_away(client: Client, queue: Queue, ann: User) -> None:
    save(client, queue, **EVERYTHING, people=[str(ann.pk)])
    emptied: dict[str, list[str]] = {name: [] for name in ("people", "by_language", "only_moved", "hours_0_days")}
    blank = dict.fromkeys(("skills", "most_per_day", "most_in_all", "opens_at", "closes_at", "price", "currency"), "")
    times = {"hours_0_from": "", "hours_0_to": "", "skip_broken": "another_person", "open_to": "members"}
    assert save(client, queue, **emptied, **blank, **times).status_code == 302
    queue.refresh_from_db()
    assert (queue.skills, queue.by_language, queue.hours, queue.skip_rules) == ({}, False, {}, {})
    assert (queue.most_per_day, queue.most_in_all, queue.opens_at, queue.closes_at) == (None, None, None, None)
    assert (queue.price, queue.currency, queue.open_to) == (None, "", "members")
    assert not QueuePerson.objects.filter(queue=queue).exists()


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"skills": "medicine: 2\nlaw two: x"}, "skills", "Line 2: write it as “medicine: 2”."),
        ({"skills": ": 3"}, "skills", "Line 1: write it as"),
        ({"skills": "law: 1\nlaw: 2"}, "skills", "Line 2: “law” is there twice."),
        ({"skills": "law: 99"}, "skills", "Give a level from 1 to 10."),
        ({"people": ["999999"]}, "people", "Select a valid choice"),
        ({"people": ["9" * 40]}, "people", "Select a valid choice"),
        ({"people": ["x"]}, "people", "Select a valid choice"),
        ({"open_to": "nobody"}, "open_to", "Select a valid choice"),
        ({"ordering": ""}, "ordering", "This field is required."),
        ({"most_per_day": "0"}, "most_per_day", "greater than or equal to 1"),
        ({"most_per_day": "9" * 12}, "most_per_day", "Give a whole number from 1 to"),
        ({"timezone": "Mars/Olympus"}, "timezone", "Give a time zone by its name"),
        ({"timezone": "../../etc/passwd"}, "timezone", "Give a time zone by its name"),
        ({"opens_at": "soon"}, "opens_at", "Enter a valid date/time."),
        ({"opens_at": "0001-01-01T00:00", "timezone": "Asia/Tokyo"}, "opens_at", "Give a year from 2000"),
        ({"closes_at": "9999-12-31T23:59", "timezone": "America/Lima"}, "closes_at", "Give a year from 2000"),
        ({"opens_at": "2027-01-02T00:00", "closes_at": "2027-01-01T00:00"}, "closes_at", "It closes before it opens."),
        ({"hours_0_from": "09:00", "hours_0_to": "17:00"}, "hours_0_days", "Choose days."),
        ({"hours_1_days": ["mon"], "hours_1_to": "17:00"}, "hours_1_from", "Give a time."),
        ({"hours_1_days": ["mon"], "hours_1_from": "17:00", "hours_1_to": "09:00"}, "hours_1_to", "It ends before"),
        ({"hours_1_days": ["mon"], "hours_1_from": "noon", "hours_1_to": "24:00"}, "hours_1_from", "Give a time such"),
        ({"hours_0_days": ["someday"], "hours_0_from": "1:00", "hours_0_to": "2:00"}, "hours_0_days", "valid choice"),
        ({"skip_broken": "explode"}, "skip_broken", "Select a valid choice"),
        ({"skip_broken": "queue:987654"}, "skip_broken", "Select a valid choice"),
        ({"skip_broken": "retire", "skip_broken_after": "0"}, "skip_broken_after", "greater than or equal to 1"),
        ({"price": "-1"}, "price", "greater than or equal to 0"),
        ({"price": "NaN"}, "price", "Enter a number."),
        ({"price": "1.23456"}, "price", "no more than 4 decimal places"),
        ({"currency": "E1"}, "currency", "Give three letters"),
    ],
)
def test_a_mistake_stands_at_its_field_and_what_was_typed_is_kept(
    client: Client, queue: Queue, changes: dict[str, Any], field: str, said: str
) -> None:
    answer = save(client, queue, name="Typed anew", most_in_all="77", **changes)
    assert answer.status_code == 422
    html = shown(answer)
    wrong = re.search(rf'<ul class="errorlist[^"]*" id="id_{field}_error">(.*?)</ul>', html, re.DOTALL)
    assert wrong is not None, f"nothing is said at {field}"
    assert said in wrong[1]
    assert 'value="Typed anew"' in html
    assert 'value="77"' in html
    before = html[: wrong.start()]
    assert before.rindex("<details") > before.rfind("</details>"), "it stands in a group"
    assert " open>" in before[before.rindex("<details") :].split("\n")[0], "the group is unfolded"
    queue.refresh_from_db()
    assert queue.name == "Write"


def test_a_garbled_snapshot_is_no_reason_to_fail(client: Client, queue: Queue) -> None:
    for seen in ("[" * 100_000, "{", "[]", "1", '{"name": {"a": []}}', "\x00"):
        assert save(client, queue, seen=seen, name="Anew").status_code == 302
        queue.refresh_from_db()
        assert queue.name == "Anew"


def test_the_rows_for_hours_that_are_asked_for_are_bounded(client: Client, queue: Queue) -> None:
    for rows in ("99", "-1", "9999999999", "x", ""):
        answer = save(client, queue, hours_rows=rows, overlap="0")
        assert answer.status_code == 422
        assert 1 <= answer.content.decode().count('aria-label="Opening hours, row') <= 20


def test_a_new_queue_gets_all_its_settings_at_once(client: Client, project: Project, ann: User) -> None:
    make.imported(project, 2)
    sent = {**COMMON, **EVERYTHING, "preset": "demonstrations", "people": [ann.pk], "seen": "{}", "hours_rows": "2"}
    assert client.post("/projects/haiku/queues/new/", sent).status_code == 302
    queue = Queue.objects.get(project=project)
    assert (queue.open_to, queue.skills, queue.price) == ("people", {"Latin": 1, "medicine": 2}, Decimal("0.25"))
    assert queue.hours["week"][0]["days"] == ["mon", "tue"]
    assert [one.user for one in queue.named.all()] == [ann]


def test_a_mistake_in_a_new_queue_unfolds_its_group(client: Client, project: Project) -> None:
    sent = {**COMMON, "preset": "demonstrations", "seen": "{}", "price": "much", "skills": "law: 3"}
    answer = client.post("/projects/haiku/queues/new/", sent)
    assert answer.status_code == 422
    html = shown(answer)
    assert "Enter a number." in html
    assert 'value="much"' in html
    assert "law: 3</textarea>" in html
    assert not Queue.objects.exists()


def test_a_change_that_takes_long_is_said_to_go_on(
    client: Client, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.services.seats.follow", lambda queue: False)
    answer = client.post(
        page(queue), {**as_sent(client.get(page(queue)).content.decode()), "overlap": ["2"]}, follow=True
    )
    assert "is being carried out in the background" in shown(answer)
    assert "A change of the settings is being carried out" in shown(client.get(page(queue)))


def test_only_managers_see_the_settings(ann: User, queue: Queue) -> None:
    for user, status in ((ann, 403), (make.person("charlie"), 404)):
        browser = Client()
        browser.force_login(user)
        assert browser.get(page(queue)).status_code == status
        assert browser.post(page(queue), {"price": "1"}).status_code == status


def test_the_snapshot_is_json(client: Client, queue: Queue) -> None:
    seen = json.loads(as_sent(client.get(page(queue)).content.decode())["seen"][0])
    assert (seen["name"], seen["overlap"], seen["people"], seen["hours"]) == ("Write", 1, [], {})
