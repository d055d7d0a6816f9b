"""Webhooks by API: added, changed, tested, and what was sent to them."""

from __future__ import annotations

import uuid

import pytest

from labeling.models import Project, User, Webhook
from labeling.outgoing import Answer
from labeling.services import deliveries, webhooks
from tests import make
from tests.labeling.api.checked import CheckedClient, Speaker

AT = "/api/projects/haiku/webhooks/"
NEW = {"url": "https://hooks.example.org/labels", "types": ["release.built"]}


@pytest.fixture
def manager(as_: Speaker, alice: User, project: Project) -> CheckedClient:
    return as_(alice)


def test_it_works(manager: CheckedClient) -> None:
    made = manager.post(AT, NEW | {"description": "CI"})
    assert made.status_code == 201
    webhook = made.json()
    assert webhook.pop("secret") == Webhook.objects.get().secret
    assert webhook == manager.get(f"{AT}{webhook['id']}/").json() == manager.get(AT).json()["results"][0]
    assert (webhook["url"], webhook["types"], webhook["description"]) == (*NEW.values(), "CI")
    assert (webhook["state"], webhook["reason"], webhook["failing_since"]) == ("active", "", None)
    at = f"{AT}{webhook['id']}/"
    changed = manager.patch(at, {"types": ["task.completed", "release.built"], "state": "paused"}).json()
    assert (changed["types"], changed["state"]) == (["task.completed", "release.built"], "paused")
    assert manager.delete(at).status_code == 204
    assert manager.get(at).status_code == 404


def test_a_secret_is_shown_when_it_is_new_and_never_again(manager: CheckedClient) -> None:
    webhook = manager.post(AT, NEW).json()
    at = f"{AT}{webhook['id']}/"
    rotated = manager.post(f"{at}rotate/").json()
    assert rotated["secret"] != webhook["secret"]
    assert rotated["old_secret_until"] is not None
    manager.post(f"{at}test/")
    answers = [
        manager.get(AT),
        manager.get(at),
        manager.patch(at, {"state": "paused"}),
        manager.get(f"{at}deliveries/"),
    ]
    for answer in answers:
        assert "whsec_" not in answer.content.decode()


def test_what_does_not_fit_is_said_at_its_field(manager: CheckedClient) -> None:
    for sent, path in (
        (NEW | {"url": "https://127.0.0.1/"}, "url"),
        (NEW | {"types": ["task.began"]}, "types"),
        (NEW | {"types": []}, "types"),
        (NEW | {"secret": "mine"}, "secret"),
    ):
        refused = manager.post(AT, sent)
        assert refused.status_code == 400
        assert [fault["path"] for fault in refused.json()["errors"]] == [path]
    webhook = manager.post(AT, NEW).json()
    assert manager.patch(f"{AT}{webhook['id']}/", {"state": "failed"}).status_code == 400


def test_deliveries_say_what_came_and_go_out_again(manager: CheckedClient, project: Project) -> None:
    at = f"{AT}{manager.post(AT, NEW).json()['id']}/"
    webhooks.announce(project, "release.built", {"project": "haiku", "number": 1})
    tested = manager.post(f"{at}test/")
    assert (tested.status_code, tested.json()["state"], tested.json()["type"]) == (202, "pending", "webhook.test")
    for claimed in deliveries.claim(uuid.uuid4(), 9, 9):
        deliveries.store(claimed, Answer(503, "503 Service Unavailable", 0.25, "Later."))
    newest, oldest = manager.get(f"{at}deliveries/").json()["results"]
    assert (newest["state"], oldest["state"]) == ("failed", "pending")
    assert (oldest["status"], oldest["answer"], oldest["body"]) == (503, "503 Service Unavailable", "Later.")
    assert (oldest["seconds"], oldest["tries"], oldest["data"]) == (0.25, 1, {"project": "haiku", "number": 1})
    assert oldest["webhook_id"].startswith("msg_")
    assert manager.get(f"{at}deliveries/?state=failed").json()["results"] == [newest]
    assert manager.get(f"{at}deliveries/?state=lost").status_code == 400
    again = manager.post(f"{at}deliveries/{newest['id']}/again/")
    assert (again.status_code, again.json()["state"], again.json()["tries"]) == (202, "pending", 0)
    assert again.json()["webhook_id"] == newest["webhook_id"]
    manager.patch(at, {"state": "paused"})
    assert manager.post(f"{at}deliveries/{newest['id']}/again/").status_code == 409
    assert manager.post(f"{at}test/").status_code == 409
    assert manager.post(f"{at}deliveries/0/again/").status_code == 404


def test_it_is_for_managers(as_: Speaker, project: Project, alice: User, ann: User, charlie: User) -> None:
    webhook, _ = webhooks.create(project, **NEW, by=alice)
    delivery = webhooks.test(webhook, by=alice)
    at = f"{AT}{webhook.pk}/"
    for user, status in ((ann, 403), (charlie, 404)):
        client = as_(user)
        assert client.get(AT).status_code == client.post(AT, NEW).status_code == status
        assert client.get(at).status_code == client.patch(at, {"state": "paused"}).status_code == status
        assert client.delete(at).status_code == client.get(f"{at}deliveries/").status_code == status
        for deed in ("rotate", "test", f"deliveries/{delivery.pk}/again"):
            assert client.post(f"{at}{deed}/").status_code == status
    other = as_(make.manager(make.project(charlie, slug="other")))
    assert other.get(f"/api/projects/other/webhooks/{webhook.pk}/").status_code == 404
    webhook.refresh_from_db()
    assert (webhook.state, webhook.old_secret) == ("active", "")
