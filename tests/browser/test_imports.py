"""A manager sends a file in and watches it being read, in a real browser under the site's own content policy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from labeling.models import Prompt, PromptImport
from labeling.services import batches, duplicates, imports
from tests import make
from tests.browser.conftest import Visitor, person

pytestmark = pytest.mark.browser

LINES = b"".join(b'{"prompt": "Question %d?", "external_id": "p%d"}\n' % (n, n) for n in range(40))


def send(page: Page, data: bytes) -> None:
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "questions.jsonl", "mimeType": "text/plain", "buffer": data}
    )
    page.get_by_label("Read it in the background").check()
    page.get_by_role("button", name="Import").click()


class Worker(threading.Thread):
    """Reads files a batch at a time, whenever it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.go_on = threading.Semaphore(0)
        monkeypatch.setattr(batches, "BATCH", 10)
        real: Callable[..., Any] = batches.store

        def store(*given: Any) -> Any:
            assert self.go_on.acquire(timeout=30)
            return real(*given)

        monkeypatch.setattr(batches, "store", store)

    def run(self) -> None:
        try:
            imports.work()
        finally:
            connection.close()

    def let(self, number: int) -> None:
        for _ in range(number):
            self.go_on.release()


def test_a_file_is_watched_while_it_is_read(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person("alice")
    make.project(alice, slug="haiku")
    visitor.enter(alice)
    page = visitor.open("/projects/haiku/imports/")
    send(page, LINES + b"no json\n")
    expect(page.get_by_text("It is stored and waits for its turn.")).to_be_visible()
    worker = Worker(monkeypatch)
    worker.start()
    worker.let(2)
    expect(page.get_by_text("20 lines.")).to_be_visible()  # nobody loaded the page again
    progress = page.get_by_role("progressbar")
    assert 0 < int(progress.get_attribute("value") or 0) <= int(progress.get_attribute("max") or 0)
    worker.let(9)
    worker.join(30)
    expect(page.get_by_text("no json")).to_be_visible()
    expect(page.get_by_role("button", name="Call it off")).to_have_count(0)
    expect(page.locator(".stat").first).to_contain_text("40")
    assert Prompt.objects.count() == 40


def test_a_file_is_called_off_while_it_is_read(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person("alice")
    make.project(alice, slug="haiku")
    visitor.enter(alice)
    page = visitor.open("/projects/haiku/imports/")
    send(page, LINES)
    worker = Worker(monkeypatch)
    worker.start()
    worker.let(1)
    expect(page.get_by_text("10 lines.")).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Call it off").click()
    expect(page.get_by_text("Alice called it off. Lines that were in by then stay.")).to_be_visible()
    worker.let(9)
    worker.join(30)
    record = PromptImport.objects.get()
    assert (record.state, record.imported) == ("cancelled", 10)
    assert Prompt.objects.count() == 10


def test_duplicates_are_looked_for_and_judged(visitor: Visitor) -> None:
    alice = person("alice")
    project = make.project(alice, slug="haiku")
    make.queue(project)
    make.imported(project, 3, prompt="Say the same.")
    visitor.enter(alice)
    page = visitor.open("/projects/haiku/duplicates/")
    page.get_by_role("button", name="Look for duplicates").click()
    expect(page.get_by_text("The search waits for its turn.")).to_be_visible()
    duplicates.work()
    expect(page.get_by_role("heading", name="3 prompts that say the same")).to_be_visible()
    page.get_by_label("Retire its task").nth(1).check()
    page.get_by_role("button", name="Retire what is ticked").click()
    expect(page.get_by_text("Their tasks are retired.")).to_be_visible()
    expect(page.get_by_text("No duplicates")).to_be_visible()
    states = project.queues.get().tasks.order_by("prompt").values_list("state", flat=True)
    assert list(states) == ["open", "retired", "open"]
