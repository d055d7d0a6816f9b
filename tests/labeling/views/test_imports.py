"""The pages of imports: large files wait for a worker, too large ones are refused, and an import can be called off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from labeling.models import Project, Prompt, PromptImport, User
from labeling.services import background, batches, imports
from tests import make

AT = "/projects/haiku/imports/"
GOOD = b'{"prompt": "One?", "external_id": "1"}\n{"prompt": "Two?", "external_id": "2"}\n'


@pytest.fixture
def client(alice: User) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice)
    return client


def send(client: Client, data: bytes, **fields: Any) -> Any:
    file = SimpleUploadedFile("questions.jsonl", data)
    return client.post(AT, {"file": file, "source": "jsonl", **fields}, follow=True)


@pytest.mark.parametrize("large", [True, False])
def test_a_large_file_and_one_that_is_to_wait_for_a_worker(client: Client, project: Project, large: bool) -> None:
    data = GOOD + b" " * (3 * 1024 * 1024 if large else 0)
    page = send(client, data, **({} if large else {"background": "on"}))
    record = PromptImport.objects.get()
    assert page.redirect_chain[-1][0] == f"{AT}{record.pk}/"
    shown = page.content.decode()
    assert "waits for its turn" in shown
    assert 'data-controller="refresh"' in shown
    assert '<noscript><meta http-equiv="refresh"' in shown
    assert "Waiting" in client.get(AT).content.decode()
    imports.work()
    shown = client.get(f"{AT}{record.pk}/").content.decode()
    assert "Every line could be used." in shown
    assert 'data-controller="refresh"' not in shown
    assert "Call it off" not in shown
    assert Prompt.objects.count() == 2


def test_how_far_it_is_stands_on_its_page_and_in_the_list(client: Client, alice: User, project: Project) -> None:
    record = PromptImport.objects.create(
        project=project,
        by=alice,
        source="jsonl",
        filename="big.jsonl",
        in_background=True,
        size=40_000_000,
        bytes_read=10_000_000,
        imported=123_456,
        **background.claimed(),
    )
    shown = client.get(f"{AT}{record.pk}/").content.decode()
    assert "of 38.1\xa0MB read, 123,456 lines" in shown
    assert 'value="10000000"' in shown
    assert "25 %" in client.get(AT).content.decode()


def test_an_import_is_called_off(client: Client, ann: User, project: Project) -> None:
    send(client, GOOD, background="on")
    record = PromptImport.objects.get()
    other = Client()
    other.force_login(ann)
    assert other.post(f"{AT}{record.pk}/cancel/").status_code == 403
    assert client.get(f"{AT}{record.pk}/cancel/").status_code == 405
    shown = client.post(f"{AT}{record.pk}/cancel/", follow=True).content.decode()
    assert "The import is called off." in shown
    assert "Alice called it off." in shown
    assert "ended already" in client.post(f"{AT}{record.pk}/cancel/", follow=True).content.decode()
    assert imports.work() == 0
    assert not Prompt.objects.exists()


def test_a_file_that_is_too_large_is_refused_before_it_is_read(client: Client, project: Project, settings: Any) -> None:
    settings.IMPORT_MAX_MB = 1
    answer = send(client, b" " * (1024 * 1024 + 1))
    assert answer.status_code == 413
    assert "at most 1 MB are stored" in answer.content.decode()
    assert not PromptImport.objects.exists()


def test_the_form_needs_its_token(alice: User, project: Project) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert send(client, GOOD).status_code == 403
    assert not PromptImport.objects.exists()
    token = client.get(AT).context["csrf_token"]
    assert send(client, GOOD, csrfmiddlewaretoken=str(token)).status_code == 200
    assert Prompt.objects.count() == 2


def test_rejected_lines_can_be_mended_and_sent_again(client: Client, project: Project) -> None:
    long = json.dumps({"prompt": "", "metadata": {"x": "y" * batches.MAX_TEXT}}).encode()
    page = send(client, GOOD + b'{"promt": "Three?"}\n' + long + b"\nno json\r\n" + GOOD.replace(b"Two?", b"2?"))
    shown = page.content.decode()
    assert "{&quot;promt&quot;: &quot;Three?&quot;}" in shown
    assert "?as=lines" in shown
    record = PromptImport.objects.get()
    downloaded = b"".join(client.get(f"{AT}{record.pk}/rejected/?as=lines"))
    first, second, third = downloaded.splitlines()
    assert (first, second) == (b'{"promt": "Three?"}', b"no json")
    assert json.loads(third)["external_id"] == "2"
    mended = downloaded.replace(b"promt", b"prompt").replace(b"no json", b"").replace(b'"2"', b'"4"')
    page = send(client, mended)
    assert PromptImport.objects.latest("pk").imported == 2
    assert set(Prompt.objects.values_list("messages__0__content", flat=True)) == {"One?", "Two?", "2?", "Three?"}
    reasons = [json.loads(line) for line in b"".join(client.get(f"{AT}{record.pk}/rejected/")).splitlines()]
    assert [line["line"] for line in reasons] == [3, 4, 5, 7]
    assert reasons[1]["text"].endswith("…")


def test_files_say_the_same_as_others_lead_to_the_duplicates(client: Client, project: Project) -> None:
    shown = send(client, GOOD + b'{"prompt": "ONE?", "external_id": "3"}\n').content.decode()
    assert "say what another prompt says" in shown
    assert 'href="/projects/haiku/duplicates/"' in shown


@pytest.mark.parametrize(("state", "words"), [("failed", "The disk is full."), ("cancelled", "Bea called it off.")])
def test_why_it_ended_is_said(client: Client, alice: User, project: Project, state: str, words: str) -> None:
    record = PromptImport.objects.create(project=project, by=alice, source="jsonl", **background.claimed())
    background.end(record, state, words)  # type: ignore[arg-type]
    assert words in client.get(f"{AT}{record.pk}/").content.decode()
    make.imported(project, 1)
    assert "A stream of lines" in client.get(f"{AT}{record.pk}/").content.decode()
