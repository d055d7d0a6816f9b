"""The pages of webhooks: adding one, seeing what was sent, and what the buttons do."""

from __future__ import annotations

import re
import uuid
from html import unescape

import pytest
from django.test import Client

from labeling.models import Delivery, Project, User, Webhook
from labeling.outgoing import Answer
from labeling.services import deliveries, webhooks
from labeling.views import paging

AT = "/projects/haiku/webhooks/"
URL = "https://hooks.example.org/labels?key=<b>"


@pytest.fixture
def client(alice: User) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def webhook(project: Project, alice: User) -> Webhook:
    made, _ = webhooks.create(project, url=URL, types=["release.built"], description="CI", by=alice)
    return made


def shown(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def pressed(client: Client, webhook: Webhook, deed: str) -> str:
    """The page after a button was pressed."""
    answer = client.post(f"{AT}{webhook.pk}/act/", {"deed": deed}, follow=True)
    assert answer.status_code == 200
    webhook.refresh_from_db()
    return unescape(answer.content.decode())


def test_one_is_added_and_its_secret_is_shown_once(client: Client, project: Project) -> None:
    assert "Nobody is told yet" in shown(client, AT)
    answer = client.post(AT, {"url": URL, "types": ["release.built"], "description": "CI"})
    webhook = Webhook.objects.get()
    page = unescape(answer.content.decode())
    assert webhook.secret in page
    assert answer.headers["Cache-Control"].startswith("max-age=0")
    assert (webhook.url, webhook.types, webhook.description) == (URL, ["release.built"], "CI")
    for address in (AT, f"{AT}{webhook.pk}/"):
        page = shown(client, address)
        assert "whsec_" not in page
        assert URL in page
    assert "<b>" not in client.get(AT).content.decode()


def test_a_mistake_stands_at_its_field(client: Client, project: Project) -> None:
    answer = client.post(AT, {"url": "https://10.0.0.1/", "types": ["release.built"]})
    page = unescape(answer.content.decode())
    assert answer.status_code == 422
    assert "10.0.0.1 is not a public address" in page
    assert 'value="https://10.0.0.1/"' in page
    assert client.post(AT, {"url": URL, "types": ["task.began"]}).status_code == 422
    answer = client.post(AT, {"url": URL})
    assert answer.status_code == 422
    assert "Choose at least one." in answer.content.decode()
    assert not Webhook.objects.exists()


def test_it_is_changed(client: Client, webhook: Webhook) -> None:
    at = f"{AT}{webhook.pk}/"
    page = shown(client, at)
    assert re.search(r'value="release.built"[^>]* checked', page)
    assert not re.search(r'value="task.completed"[^>]* checked', page)
    assert client.post(at, {"url": "https://a.example.org/", "types": ["task.completed"]}).status_code == 302
    webhook.refresh_from_db()
    assert (webhook.url, webhook.types, webhook.description) == ("https://a.example.org/", ["task.completed"], "")
    assert client.post(at, {"url": "nowhere", "types": ["task.completed"]}).status_code == 422


def test_the_buttons(client: Client, webhook: Webhook) -> None:
    assert "A test is on its way" in pressed(client, webhook, "test")
    assert Delivery.objects.get().type == "webhook.test"
    page = pressed(client, webhook, "pause")
    assert webhook.state == "paused"
    assert "Send a test" not in page
    assert "Switch it on first" in pressed(client, webhook, "test")
    assert "Send a test" in pressed(client, webhook, "resume")
    assert webhook.state == "active"
    old = webhook.secret
    page = pressed(client, webhook, "rotate")
    assert webhook.secret != old == webhook.old_secret
    assert webhook.secret in page
    assert old not in page
    assert "signs too until" in shown(client, f"{AT}{webhook.pk}/")
    assert "Press one of the buttons." in pressed(client, webhook, "dance")
    answer = client.post(f"{AT}{webhook.pk}/act/", {"deed": "delete"}, follow=True)
    assert "The webhook to hooks.example.org is gone." in answer.content.decode()
    assert not Webhook.objects.exists()


def test_what_was_sent_is_listed_with_its_answer_and_sent_again(
    client: Client, project: Project, webhook: Webhook, alice: User
) -> None:
    at = f"{AT}{webhook.pk}/"
    assert "Nothing was sent yet" in shown(client, at)
    webhooks.announce(project, "release.built", {"project": "haiku", "number": 7})
    (claimed,) = deliveries.claim(uuid.uuid4(), 1, 1)
    deliveries.store(claimed, Answer(500, "500 Internal Server Error", 0.25, "<script>alert(1)</script>"))
    page = shown(client, at)
    for words in ("500 Internal Server Error", "0.25 s", "1 of 10", claimed.message_id, '"number": 7', "Failing"):
        assert words in page
    assert "<script>alert" not in client.get(at).content.decode()
    assert "500 Internal Server Error" in shown(client, AT)
    assert "There is none of this kind." in shown(client, f"{at}?state=delivered")
    assert claimed.message_id in shown(client, f"{at}?state=pending")
    assert claimed.message_id in shown(client, f"{at}?state=nonsense")
    answer = client.post(f"{at}deliveries/{claimed.pk}/again/", follow=True)
    assert "It is sent once more." in answer.content.decode()
    assert Delivery.objects.get().tries == 0
    webhooks.change(webhook, state="paused", by=alice)
    answer = client.post(f"{at}deliveries/{claimed.pk}/again/", follow=True)
    assert "Switch it on first" in answer.content.decode()


def test_one_that_was_switched_off_says_so(client: Client, project: Project, webhook: Webhook) -> None:
    webhooks.announce(project, "release.built", {})
    (claimed,) = deliveries.claim(uuid.uuid4(), 1, 1)
    deliveries.store(claimed, Answer(410, "410 Gone", 0.1))
    page = shown(client, f"{AT}{webhook.pk}/")
    assert "It was switched off. The receiver answered 410 Gone" in page
    assert "Send again" not in page
    assert "Switched off" in shown(client, AT)
    assert "webhook.switched_off" in shown(client, "/projects/haiku/events/?about=webhook")


def test_many_deliveries_come_in_pages(
    client: Client, project: Project, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = paging.key_page.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "size", 2)
    for _ in range(3):
        webhooks.announce(project, "release.built", {})
    first = client.get(f"{AT}{webhook.pk}/").context["page"]
    assert len(first.rows) == 2
    assert len(client.get(f"{AT}{webhook.pk}/{first.after}").context["page"].rows) == 1


def test_it_is_for_managers(project: Project, webhook: Webhook, alice: User, ann: User, charlie: User) -> None:
    delivery = webhooks.test(webhook, by=alice)
    at = f"{AT}{webhook.pk}/"
    for person, status in ((ann, 403), (charlie, 404)):
        client = Client()
        client.force_login(person)
        for address in (AT, at):
            assert client.get(address).status_code == status
            assert client.post(address, {"url": URL, "types": ["release.built"]}).status_code == status
        for address in (f"{at}act/", f"{at}deliveries/{delivery.pk}/again/"):
            assert client.post(address, {"deed": "delete"}).status_code == status
    assert Webhook.objects.get().state == "active"
    assert "Webhooks</a>" not in client_of(ann).get("/projects/haiku/guidelines/").content.decode()


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client
