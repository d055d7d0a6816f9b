"""The outbox: what is done is announced with it, and what is rolled back never was."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling import access
from labeling.errors import Conflict, Invalid
from labeling.models import Delivery, Event, Project, Queue, Slot, Task, User, Webhook
from labeling.prepared import Statement
from labeling.services import annotations, projects, queues, skips, slots, tasks, webhooks
from tests import make

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.org/a/secret-path"
RELEASE = {"project": "haiku", "number": 3, "rows": 120}


def hook(project: Project, *types: str, **fields: Any) -> Webhook:
    types = types or ("task.completed", "release.built")
    webhook, _ = webhooks.create(project, url=URL, types=list(types), by=make.manager(project), **fields)
    return webhook


def told() -> list[tuple[str, Any]]:
    """What is in the outbox, in its order."""
    return list(Delivery.objects.order_by("pk").values_list("type", "data"))


def taken(queue: Queue, by: User) -> Slot:
    slot = slots.take_next(queue, by=by)
    assert slot is not None
    return slot


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prepared statements that are run from now on: Django does not see them."""
    run: list[str] = []
    executed = Statement._executed

    def also(self: Statement, parameters: dict[str, Any]) -> Any:
        run.append(self.sql)
        return executed(self, parameters)

    monkeypatch.setattr(Statement, "_executed", also)
    return run


class TestAnnounce:
    def test_it_works(self, project: Project) -> None:
        webhook = hook(project)
        before = timezone.now()
        with transaction.atomic():
            assert webhooks.announce(project, "release.built", RELEASE) == 1
        delivery = Delivery.objects.get()
        assert (delivery.webhook, delivery.type, delivery.data) == (webhook, "release.built", RELEASE)
        assert (delivery.state, delivery.tries, delivery.status) == ("pending", 0, None)
        assert delivery.due_at is not None
        # The time of the transaction, which the test began.
        assert delivery.occurred_at == delivery.due_at < before + timedelta(minutes=1)

    def test_each_that_listens_is_told_under_one_number(self, project: Project, alice: User) -> None:
        both, one = hook(project), hook(project, "release.built")
        hook(project, "task.completed")
        hook(make.project(alice), "release.built")
        paused, failed = hook(project), hook(project)
        webhooks.change(paused, state="paused", by=alice)
        Webhook.objects.filter(pk=failed.pk).update(state="failed")
        assert webhooks.announce(project, "release.built", RELEASE) == 2
        assert set(Delivery.objects.values_list("webhook", flat=True)) == {both.pk, one.pk}
        (message,) = set(Delivery.objects.values_list("message", flat=True))
        assert isinstance(message, uuid.UUID)
        assert webhooks.announce(project, "release.built", RELEASE) == 2
        assert len(set(Delivery.objects.values_list("message", flat=True))) == 2

    def test_what_is_rolled_back_was_never_announced(self, project: Project) -> None:
        hook(project)

        with transaction.atomic():
            webhooks.announce(project, "release.built", RELEASE)
            assert told() == [("release.built", RELEASE)]
            transaction.set_rollback(True)
        assert told() == []

    def test_where_nobody_listens_it_is_one_statement_that_writes_nothing(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = counted(monkeypatch)
        with CaptureQueriesContext(connection) as queries:
            assert webhooks.announce(project, "release.built", RELEASE) == 0
        assert (len(run), len(queries)) == (1, 0)
        assert told() == []

    def test_an_event_that_nobody_can_listen_for_is_a_mistake(self, project: Project) -> None:
        with pytest.raises(ValueError, match=r"release\.made"):
            webhooks.announce(project, "release.made", {})


@pytest.mark.django_db(transaction=True)
def test_an_announcement_outside_a_transaction_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="in the transaction of its deed"):
        webhooks.announce(make.project(), "release.built", {})


class TestTaskCompleted:
    @pytest.fixture
    def ben(self, project: Project) -> User:
        ben = make.person("ben")
        projects.add_member(project, email=ben.email, role="annotator", by=make.manager(project))
        return ben

    @pytest.fixture
    def queue(self, project: Project, ben: User) -> Queue:
        make.imported(project, 2)
        return make.queue(project, overlap=2)

    def test_the_last_submit_announces_it(self, project: Project, queue: Queue, ann: User, ben: User) -> None:
        hook(project)
        make.written(queue, ann, "Nobody outside reads this.")
        assert told() == []
        make.written(queue, ben, "Nor this.")
        task = Task.objects.get(state="done")
        said = {
            "project": "haiku",
            "queue": queue.pk,
            "task": task.pk,
            "prompt": task.prompt_id,
            "external_id": "p0",
            "answers": 2,
        }
        assert told() == [("task.completed", said)]

    def test_a_submit_that_is_rolled_back_announces_nothing(
        self, project: Project, queue: Queue, ann: User, ben: User
    ) -> None:
        hook(project)
        make.written(queue, ann)
        slot = taken(queue, ben)
        with transaction.atomic():
            make.answered(slot, ben, {"response": {"text": "x"}})
            assert Delivery.objects.count() == 1
            transaction.set_rollback(True)
        assert told() == []
        assert not Task.objects.filter(state="done").exists()
        make.answered(slot, ben, {"response": {"text": "x"}})
        assert Delivery.objects.count() == 1
        # Sent twice, it was submitted once.
        make.answered(slot, ben, {"response": {"text": "x"}})
        assert Delivery.objects.count() == 1

    def test_nobody_who_listens_for_something_else_is_told(
        self, project: Project, queue: Queue, ann: User, ben: User, alice: User
    ) -> None:
        hook(project, "release.built")
        hook(make.project(alice))
        paused = hook(project)
        webhooks.change(paused, state="paused", by=alice)
        make.written(queue, ann), make.written(queue, ben)
        assert Task.objects.filter(state="done").count() == 1
        assert told() == []

    def test_a_submit_asks_the_database_as_often_as_without_webhooks(
        self, project: Project, queue: Queue, ann: User, ben: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = counted(monkeypatch)

        def asked() -> int:
            """How many statements the last submit of a task takes."""
            make.written(queue, ann)
            slot = access.get_held_slot(ben, taken(queue, ben).pk)
            run.clear()
            with CaptureQueriesContext(connection) as queries:
                make.answered(slot, ben, {"response": {"text": "x"}})
            others = [one for one in queries.captured_queries if "SAVEPOINT" not in one["sql"]]
            assert others == []
            return len(run)

        without = asked()
        hook(project)
        assert asked() == without == 1
        assert len(told()) == 1

    def test_taken_back_and_submitted_again_it_is_completed_twice(
        self, project: Project, queue: Queue, ann: User, ben: User
    ) -> None:
        hook(project)
        make.written(queue, ann)
        slot = taken(queue, ben)
        make.answered(slot, ben, {"response": {"text": "x"}})
        slot = annotations.undo(slot, lease=str(slot.lease), by=ben)
        make.answered(slot, ben, {"response": {"text": "y"}})
        assert [type for type, _ in told()] == ["task.completed"] * 2
        assert len(set(Delivery.objects.values_list("message", flat=True))) == 2

    def test_a_lower_overlap_completes_tasks(self, project: Project, queue: Queue, ann: User, alice: User) -> None:
        hook(project), hook(project)
        make.written(queue, ann)
        queues.change(queue, overlap=1, by=alice)
        assert len(set(Delivery.objects.values_list("message", flat=True))) == 1
        (_, said), _ = told()
        assert (said["external_id"], said["answers"]) == ("p0", 1)
        # One answer more reopens it, and the next answer completes it again.
        tasks.reopen(Task.objects.get(pk=said["task"]), by=alice)
        assert len(told()) == 2

    def test_a_seat_that_is_one_too_many_completes_a_task_when_it_is_given_back_or_skipped(
        self, project: Project, queue: Queue, ann: User, ben: User, alice: User
    ) -> None:
        hook(project)
        for end in ("release", "skip"):
            make.written(queue, ann)
            slot = taken(queue, ben)
            queues.change(queue, overlap=1, by=alice)
            before = len(told())
            if end == "skip":
                skips.skip(slot, lease=str(slot.lease), reason="other", by=ben)
            else:
                slots.give_back(slot, lease=str(slot.lease), by=ben)
            assert len(told()) == before + 1, end
            queues.change(queue, overlap=2, by=alice)
            Task.objects.filter(state="open", slots__annotator=ann).update(state="retired")
            Slot.objects.filter(task__state="retired", state="open").delete()


class TestManaging:
    def test_a_webhook_is_made_with_a_secret(self, project: Project, alice: User) -> None:
        webhook, secret = webhooks.create(
            project, url=f" {URL} ", types=["release.built", "release.built"], description=" Our  CI ", by=alice
        )
        assert (webhook.url, webhook.types, webhook.description) == (URL, ["release.built"], "Our CI")
        assert secret.startswith("whsec_")
        event = Event.objects.get(verb="webhook.created")
        assert event.data == {"host": "hooks.example.org", "types": ["release.built"]}

    def test_no_event_holds_a_secret_or_the_path_of_an_address(self, project: Project, alice: User) -> None:
        webhook, first = webhooks.create(project, url=URL, types=["task.completed"], by=alice)
        webhook, second = webhooks.rotate(webhook, by=alice)
        webhooks.change(webhook, url="https://other.example.org/another-secret", state="paused", by=alice)
        webhooks.delete(webhook, by=alice)
        log = str(list(Event.objects.values_list("verb", "data")))
        for secret in (first, second, "secret-path", "another-secret"):
            assert secret not in log
        assert "['hooks.example.org', 'other.example.org']" in log

    @pytest.mark.parametrize(
        ("fields", "path"),
        [
            ({"url": "ftp://example.org"}, "url"),
            ({"url": "https://10.0.0.1/"}, "url"),
            ({"url": "https://example.org/" + "a" * 2000}, "url"),
            ({"url": None}, "url"),
            ({"types": []}, "types"),
            ({"types": "release.built"}, "types"),
            ({"types": ["release.made"]}, "types"),
            ({"types": [["release.built"]]}, "types"),
            ({"description": "x" * 201}, "description"),
            ({"description": "\0"}, "description"),
        ],
    )
    def test_what_does_not_fit_is_refused_at_its_field(
        self, project: Project, alice: User, fields: dict[str, Any], path: str
    ) -> None:
        with pytest.raises(Invalid) as refused:
            webhooks.create(project, **{"url": URL, "types": ["release.built"], **fields}, by=alice)
        assert [fault.path for fault in refused.value.errors] == [path]
        assert not Webhook.objects.exists()

    def test_a_project_has_a_few(self, project: Project, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(webhooks, "MOST", 2)
        hook(project), hook(project)
        with pytest.raises(Conflict, match="at most 2 webhooks"):
            hook(project)

    def test_it_is_changed_and_what_changes_nothing_leaves_no_event(self, project: Project, alice: User) -> None:
        webhook = hook(project)
        assert webhooks.change(webhook, url=URL, state="active", by=alice) == webhook
        assert not Event.objects.filter(verb="webhook.changed").exists()
        webhook = webhooks.change(webhook, types=["release.built"], description="CI", by=alice)
        assert Event.objects.get(verb="webhook.changed").data == {
            "types": [["task.completed", "release.built"], ["release.built"]],
            "description": ["", "CI"],
        }
        with pytest.raises(Invalid):
            webhooks.change(webhook, state="failed", by=alice)

    def test_one_that_was_switched_off_begins_anew(self, project: Project, alice: User) -> None:
        webhook, now = hook(project), timezone.now()
        Webhook.objects.update(state="failed", reason="It was gone.", failing_since=now, rests_until=now)
        webhook = webhooks.change(webhook, state="active", by=alice)
        assert (webhook.reason, webhook.failing_since, webhook.rests_until) == ("", None, None)

    def test_tests_and_repetitions_need_a_webhook_that_is_on(self, project: Project, alice: User) -> None:
        webhook = hook(project)
        delivery = webhooks.test(webhook, by=alice)
        assert (delivery.type, delivery.data) == ("webhook.test", {"project": "haiku", "webhook": webhook.pk})
        webhooks.change(webhook, state="paused", by=alice)
        with pytest.raises(Conflict, match="Switch it on"):
            webhooks.test(webhook, by=alice)
        with pytest.raises(Conflict, match="Switch it on"):
            webhooks.send_again(delivery, by=alice)

    def test_its_deliveries_go_with_it(self, project: Project, alice: User) -> None:
        webhook = hook(project)
        webhooks.announce(project, "release.built", RELEASE)
        webhooks.delete(webhook, by=alice)
        assert told() == []
        assert Event.objects.get(verb="webhook.deleted").target_id == webhook.pk
