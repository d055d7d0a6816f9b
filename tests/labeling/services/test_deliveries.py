"""Sending: what is due goes out signed, what fails comes back later, and nobody waits for somebody else's server."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from labeling.models import Delivery, Event, Project, User, Webhook
from labeling.outgoing import Answer, read_reach
from labeling.services import background, deliveries, webhooks
from tests import make
from tests.labeling.receiver import Receiver

pytestmark = pytest.mark.django_db
GOOD, BAD = Answer(204, "204 No Content", 0.1), Answer(500, "500 Internal Server Error", 0.1, "Oh.")


@pytest.fixture
def receiver(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO = read_reach(["127.0.0.1"])
    monkeypatch.setattr("labeling.outgoing.post.__kwdefaults__", {"timeout": 0.5})
    with Receiver() as receiver:
        yield receiver


def hook(project: Project, url: str = "https://example.org/") -> Webhook:
    webhook, _ = webhooks.create(project, url=url, types=["release.built"], by=make.manager(project))
    return webhook


def announced(project: Project, number: int = 1) -> list[Delivery]:
    for release in range(number):
        webhooks.announce(project, "release.built", {"project": project.slug, "number": release})
    return list(Delivery.objects.order_by("pk"))


def again(delivery: Delivery) -> Delivery:
    """As it stands now."""
    return Delivery.objects.select_related("webhook").get(pk=delivery.pk)


def make_due() -> None:
    """Time passes until everything that waits is due."""
    now = timezone.now()
    Webhook.objects.update(rests_until=None)
    Delivery.objects.filter(state="pending").update(due_at=now)


def tried(delivery: Delivery, answer: Answer) -> Delivery:
    """The delivery after a try that ended so."""
    make_due()
    (claimed,) = deliveries.claim(uuid.uuid4(), 1, 1)
    assert claimed == delivery
    assert deliveries.store(claimed, answer)
    return again(delivery)


def test_it_works(project: Project, receiver: Receiver) -> None:
    webhook = hook(project, receiver.url("/ok?of=mine"))
    (delivery,) = announced(project)
    assert deliveries.work() == 1
    (got,) = receiver.got
    assert got.path == "/ok?of=mine"
    assert got.said == {
        "type": "release.built",
        "timestamp": f"{delivery.occurred_at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "data": {"project": "haiku", "number": 0},
    }
    assert got.headers["content-type"] == "application/json"
    assert got.id == f"msg_{delivery.message.hex}"
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    assert got.is_signed_with(webhook.secret)
    delivery = again(delivery)
    assert (delivery.state, delivery.status, delivery.answer, delivery.tries) == ("delivered", 200, "200 OK", 1)
    assert (delivery.claim, delivery.due_at) == (None, None)
    assert delivery.finished_at is not None
    assert deliveries.work() == 0
    assert not deliveries.is_waiting()


def test_while_a_secret_is_changed_both_sign(project: Project, alice: User, receiver: Receiver) -> None:
    webhook, old = hook(project, receiver.url()), Webhook.objects.get().secret
    webhook, new = webhooks.rotate(webhook, by=alice)
    announced(project)
    deliveries.work()
    assert receiver.got[0].is_signed_with(old)
    assert receiver.got[0].is_signed_with(new)
    Webhook.objects.update(old_secret_until=timezone.now())
    announced(project)
    deliveries.work()
    assert not receiver.got[1].is_signed_with(old)
    assert receiver.got[1].is_signed_with(new)


@pytest.mark.parametrize(
    ("path", "status", "answer"),
    [
        ("/status/500", 500, "500 Internal Server Error"),
        ("/status/404", 404, "404 Not Found"),
        ("/status/429/7", 429, "429 Too Many Requests"),
        ("/redirect", 302, "302 Found: redirects are not followed"),
        ("/huge", 500, "500 Internal Server Error"),
        ("/hang", None, "It did not answer within 0.5 seconds."),
        ("/drip", None, "It did not answer within 0.5 seconds."),
        ("/close", None, "It closed the connection without an answer."),
        ("/garbage", None, "What it answered is no HTTP (BadStatusLine)."),
    ],
)
def test_whatever_a_receiver_does_it_is_tried_again(
    project: Project, receiver: Receiver, path: str, status: int | None, answer: str
) -> None:
    webhook = hook(project, receiver.url(path))
    (delivery,) = announced(project)
    assert deliveries.work() == 1
    delivery = again(delivery)
    assert (delivery.state, delivery.status, delivery.answer, delivery.tries) == ("pending", status, answer, 1)
    assert delivery.due_at is not None
    assert delivery.due_at > timezone.now()
    assert len(delivery.body) <= 2000
    assert delivery.webhook.failing_since is not None
    # It mends: the same message, signed anew.
    Webhook.objects.filter(pk=webhook.pk).update(url=receiver.url("/ok"))
    make_due()
    assert deliveries.work() == 1
    delivery = again(delivery)
    assert (delivery.state, delivery.status, delivery.body, delivery.tries) == ("delivered", 200, "", 2)
    assert delivery.webhook.failing_since is None
    assert {got.id for got in receiver.got} == {delivery.message_id}
    assert len({got.raw for got in receiver.got}) == 1


def test_a_network_of_ours_is_not_reached_unless_an_operator_says_so(
    project: Project, receiver: Receiver, settings: Settings
) -> None:
    Webhook.objects.filter(pk=hook(project).pk).update(url=f"http://localhost:{receiver.port}/ok")
    settings.WEBHOOKS_TO = read_reach([])
    announced(project)
    deliveries.work()
    assert receiver.got == []
    assert "localhost is not a public address" in Delivery.objects.get().answer


class TestTryingAgain:
    def test_the_schedule_is_that_of_the_specification(self) -> None:
        assert len(deliveries.SCHEDULE) == 10
        assert sum(deliveries.SCHEDULE) == 75 * 3600 + 35 * 60 + 5

    def test_each_try_waits_longer_and_the_tenth_is_the_last(self, project: Project) -> None:
        hook(project)
        (delivery,) = announced(project)
        for tries, delay in enumerate(deliveries.SCHEDULE[1:], start=1):
            before = timezone.now()
            delivery = tried(delivery, BAD)
            assert (delivery.state, delivery.tries) == ("pending", tries)
            assert delivery.due_at is not None
            waits = (delivery.due_at - before).total_seconds()
            assert delay <= waits <= delay * (1 + deliveries.JITTER) + 60
        delivery = tried(delivery, BAD)
        assert (delivery.state, delivery.tries, delivery.due_at) == ("failed", 10, None)
        assert delivery.finished_at is not None
        # It failed for a moment only, as the test has no days: the webhook stays on.
        assert delivery.webhook.state == "active"

    def test_what_failed_at_once_does_not_come_back_at_once(self, project: Project) -> None:
        hook(project)
        found = announced(project, 20)
        for _ in found:
            (claimed,) = deliveries.claim(uuid.uuid4(), 1, 1)
            deliveries.store(Delivery(pk=claimed.pk, webhook_id=claimed.webhook_id, claim=claimed.claim, tries=5), BAD)
        due = [again(delivery).due_at for delivery in found]
        moments: list[datetime] = sorted(moment for moment in due if moment)
        assert moments[-1] - moments[0] > timedelta(minutes=10)

    @pytest.mark.parametrize(("asked", "least"), [(120.0, 120), (1.0, 5), (None, 5), (10.0**9, 24 * 3600)])
    def test_a_receiver_says_when_to_come_again(self, project: Project, asked: float | None, least: int) -> None:
        hook(project)
        (delivery,) = announced(project)
        before = timezone.now()
        delivery = tried(delivery, Answer(500, "500", 0.1, retry_after=asked))
        assert delivery.due_at is not None
        assert least <= (delivery.due_at - before).total_seconds() < least * 1.1 + 60

    @pytest.mark.parametrize("status", [429, 502, 503, 504])
    def test_a_receiver_that_is_busy_is_left_alone(self, project: Project, status: int) -> None:
        hook(project)
        first, second = announced(project, 2)
        (claimed,) = deliveries.claim(uuid.uuid4(), 1, 1)
        assert claimed == first
        deliveries.store(claimed, Answer(status, "Busy", 0.1, retry_after=120.0))
        assert deliveries.claim(uuid.uuid4(), 9, 9) == []
        assert not deliveries.is_waiting()
        Webhook.objects.update(rests_until=timezone.now())
        assert deliveries.is_waiting()
        assert deliveries.claim(uuid.uuid4(), 9, 9) == [second]

    def test_a_test_is_tried_once(self, project: Project, alice: User) -> None:
        delivery = webhooks.test(hook(project), by=alice)
        assert tried(delivery, BAD).state == "failed"

    def test_a_message_is_sent_again_under_its_number(self, project: Project, alice: User, receiver: Receiver) -> None:
        hook(project, receiver.url())
        (delivery,) = announced(project)
        deliveries.work()
        delivery = webhooks.send_again(again(delivery), by=alice)
        assert (delivery.state, delivery.tries) == ("pending", 0)
        deliveries.work()
        assert [got.id for got in receiver.got] == [delivery.message_id] * 2
        assert again(delivery).state == "delivered"
        assert Event.objects.get(verb="webhook.sent_again").data == {"delivery": delivery.pk}


class TestSwitchingOff:
    def test_410_switches_off(self, project: Project, receiver: Receiver) -> None:
        webhook = hook(project, receiver.url("/status/410"))
        first, second = announced(project), announced(project)[1:]
        deliveries.work()
        webhook.refresh_from_db()
        assert (webhook.state, "410 Gone" in webhook.reason) == ("failed", True)
        event = Event.objects.get(verb="webhook.switched_off")
        assert (event.actor, event.target_id, event.data) == (None, webhook.pk, {"reason": webhook.reason})
        # What was under way at that moment ended likewise; nothing more is put in, and nothing is sent.
        assert {again(one).state for one in (*first, *second)} == {"failed"}
        assert announced(project)[2:] == []
        assert deliveries.work() == 0

    def test_one_that_fails_for_days_is_switched_off_and_comes_back_with_what_waits(
        self, project: Project, alice: User
    ) -> None:
        webhook = hook(project)
        first, second = announced(project, 2)
        Delivery.objects.filter(pk=first.pk).update(tries=9)
        Webhook.objects.update(failing_since=timezone.now() - timedelta(days=3))
        (claimed,) = deliveries.claim(uuid.uuid4(), 1, 1)
        deliveries.store(claimed, BAD)
        webhook.refresh_from_db()
        assert webhook.state == "failed"
        assert webhook.reason.startswith("Nothing could be delivered since")
        assert webhook.reason.endswith("500 Internal Server Error")
        assert Event.objects.filter(verb="webhook.switched_off").count() == 1
        assert (again(first).state, again(second).state) == ("failed", "pending")
        assert deliveries.claim(uuid.uuid4(), 9, 9) == []
        webhooks.change(webhook, state="active", by=alice)
        assert deliveries.claim(uuid.uuid4(), 9, 9) == [second]

    def test_one_good_answer_begins_the_days_anew(self, project: Project) -> None:
        webhook = hook(project)
        first, second = announced(project, 2)
        Webhook.objects.update(failing_since=timezone.now() - timedelta(days=30))
        assert tried(first, GOOD).webhook.failing_since is None
        Delivery.objects.filter(pk=second.pk).update(tries=9)
        assert tried(second, BAD).state == "failed"
        webhook.refresh_from_db()
        assert webhook.state == "active"

    def test_what_an_old_address_answers_says_nothing_of_the_new_one(self, project: Project, alice: User) -> None:
        webhook = hook(project)
        announced(project)
        (claimed,) = deliveries.claim(uuid.uuid4(), 1, 1)
        webhooks.change(webhook, url="https://new.example.org/", by=alice)
        deliveries.store(claimed, Answer(410, "410 Gone", 0.1))
        webhook.refresh_from_db()
        assert (webhook.state, webhook.failing_since) == ("active", None)
        assert again(claimed).state == "failed"

    def test_a_test_that_fails_switches_nothing_off(self, project: Project, alice: User) -> None:
        webhook = hook(project)
        Webhook.objects.update(failing_since=timezone.now() - timedelta(days=4))
        assert tried(webhooks.test(webhook, by=alice), BAD).state == "failed"
        webhook.refresh_from_db()
        assert webhook.state == "active"


class TestSharing:
    """How much is under way at once, and for whom."""

    def number(self, found: list[Delivery]) -> Counter[int]:
        return Counter(one.webhook_id for one in found)

    def test_a_webhook_has_a_few_under_way(self, project: Project, alice: User) -> None:
        one, other = hook(project), hook(make.project(alice, slug="other"))
        announced(project, 50)
        announced(other.project, 2)
        token = uuid.uuid4()
        first = deliveries.claim(token, 32, 16)
        assert self.number(first) == {one.pk: deliveries.EACH, other.pk: 2}
        assert deliveries.claim(uuid.uuid4(), 32, 16) == [], "another worker is held to the same"
        deliveries.store(first[0], GOOD)
        assert self.number(deliveries.claim(token, 32, 16)) == {one.pk: 1}

    def test_each_webhook_has_its_turn_before_one_has_two(self, alice: User) -> None:
        hooks = [hook(make.project(alice)) for _ in range(3)]
        for webhook in hooks:
            announced(webhook.project, 5)
        assert self.number(deliveries.claim(uuid.uuid4(), 3, 3)) == {webhook.pk: 1 for webhook in hooks}

    def test_those_that_fail_leave_room(self, alice: User) -> None:
        hooks = [hook(make.project(alice)) for _ in range(4)]
        for webhook in hooks:
            announced(webhook.project, 5)
        Webhook.objects.exclude(pk=hooks[3].pk).update(failing_since=timezone.now())
        found = self.number(deliveries.claim(uuid.uuid4(), 32, 2))
        assert found[hooks[3].pk] == deliveries.EACH
        assert sorted(found[webhook.pk] for webhook in hooks[:3]) == [0, 1, 1]

    def test_a_slow_one_holds_up_nobody(self, project: Project, alice: User, receiver: Receiver) -> None:
        """While every request to one hangs, the other gets all of its messages."""
        slow, quick = hook(project, receiver.url("/hang")), hook(make.project(alice), receiver.url("/ok"))
        announced(project, 10)
        announced(quick.project, 10)
        hanging: list[int] = []
        all_came = threading.Event()

        def came(got: Any) -> None:
            if sum(one.path == "/ok" for one in receiver.got) == 10 and not all_came.is_set():
                hanging.append(sum(one.path == "/hang" for one in receiver.got))
                all_came.set()

        receiver.when_it_comes = came
        deliveries.work(seconds=5)
        assert all_came.is_set()
        assert hanging[0] <= deliveries.EACH
        assert set(slow.deliveries.values_list("status", flat=True)) == {None}
        assert set(quick.deliveries.values_list("state", flat=True)) == {"delivered"}


class TestWorkersThatDie:
    def test_between_sending_and_storing_the_same_message_goes_out_again(
        self, project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hook(project, receiver.url())
        (delivery,) = announced(project)

        class Died(BaseException):
            pass

        def die(*args: object) -> None:
            raise Died

        with monkeypatch.context() as patch:
            patch.setattr(deliveries, "store", die)
            with pytest.raises(Died):
                deliveries.work()
        assert len(receiver.got) == 1
        assert again(delivery).state == "sending"
        assert deliveries.reclaim() == 0, "its claim has not ended"
        assert deliveries.work() == 0
        Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert deliveries.reclaim() == 1
        assert deliveries.work() == 1
        assert [got.id for got in receiver.got] == [delivery.message_id] * 2
        assert receiver.got[0].raw == receiver.got[1].raw
        assert (again(delivery).state, again(delivery).tries) == ("delivered", 2)

    def test_one_that_was_silent_for_too_long_writes_nothing(self, project: Project) -> None:
        hook(project)
        (delivery,) = announced(project)
        (claimed,) = deliveries.claim(uuid.uuid4(), 1, 1)
        Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        deliveries.reclaim()
        (anew,) = deliveries.claim(uuid.uuid4(), 1, 1)
        assert not deliveries.store(claimed, Answer(410, "410 Gone", 0.1))
        assert again(delivery).state == "sending"
        assert again(delivery).webhook.state == "active"
        assert deliveries.store(anew, GOOD)

    def test_what_took_a_worker_with_it_each_time_fails(self, project: Project) -> None:
        hook(project)
        (delivery,) = announced(project)
        Delivery.objects.update(tries=9)
        deliveries.claim(uuid.uuid4(), 1, 1)
        Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert deliveries.reclaim() == 0
        assert (again(delivery).state, "gone each time" in again(delivery).answer) == ("failed", True)

    def test_a_test_is_tried_once_also_where_its_worker_died(self, project: Project, alice: User) -> None:
        test = webhooks.test(hook(project), by=alice)
        deliveries.claim(uuid.uuid4(), 1, 1)
        Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert deliveries.reclaim() == 0
        assert (again(test).state, again(test).tries) == ("failed", 1)

    def test_a_claim_is_kept_alive_while_a_receiver_takes_its_time(
        self, project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(background, "RENEW_SECONDS", 0.0)
        hook(project, receiver.url("/hang"))
        announced(project)
        ends: list[tuple[datetime | None, datetime | None]] = []
        store = deliveries.store

        def watched(delivery: Delivery, answer: Answer) -> bool:
            ends.append((delivery.claimed_until, again(delivery).claimed_until))
            return store(delivery, answer)

        monkeypatch.setattr(deliveries, "store", watched)
        deliveries.work()
        ((at_first, in_the_end),) = ends
        assert at_first is not None
        assert in_the_end is not None
        assert at_first < in_the_end

    def test_one_that_is_told_to_stop_begins_nothing_more(self, project: Project, receiver: Receiver) -> None:
        hook(project, receiver.url())
        announced(project, 10)
        assert deliveries.work(should_stop=lambda: len(receiver.got) > 0) <= 2 * deliveries.EACH
        assert not Delivery.objects.filter(state="sending").exists()
        assert deliveries.work(should_stop=lambda: True) == 0

    def test_a_message_whose_webhook_is_deleted_meanwhile_is_forgotten(self, project: Project, alice: User) -> None:
        webhook = hook(project)
        announced(project)
        (claimed,) = deliveries.claim(uuid.uuid4(), 1, 1)
        webhooks.delete(webhook, by=alice)
        assert not deliveries.store(claimed, BAD)

    def test_a_fault_of_ours_holds_up_nobody(
        self, project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        webhook = hook(project, receiver.url())
        Webhook.objects.filter(pk=webhook.pk).update(secret="whsec_?")
        (delivery,) = announced(project)
        assert deliveries.work() == 1
        assert again(delivery).answer == "It could not be sent (Error)."
        assert again(delivery).state == "pending"


def test_what_is_over_is_taken_away_after_a_month(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "FORGOTTEN_AT_ONCE", 2)
    hook(project)
    found = announced(project, 6)
    old = timezone.now() - deliveries.KEPT
    over = [delivery.pk for delivery in found[:4]]
    Delivery.objects.filter(pk__in=over[:3]).update(state="delivered", due_at=None, finished_at=old)
    Delivery.objects.filter(pk=over[3]).update(state="failed", due_at=None, finished_at=old + timedelta(minutes=1))
    Delivery.objects.update(occurred_at=old)
    assert deliveries.forget_old() == 3
    assert list(Delivery.objects.order_by("pk")) == found[3:]
