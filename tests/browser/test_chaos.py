"""Somebody writes while the server dies, the network goes and the tab crashes, at random: next to nothing is lost."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from playwright.sync_api import Browser, Page, expect

from labeling.models import Annotation, Draft, Queue, Slot, User
from tests import make
from tests.browser.conftest import Visitor, WebServer, let_in, person

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

MOST_LOST = 3.0  # seconds of typing
WORDS = ["so", "many", "words", "typed", "only", "once,", "言葉", "و", "كلمات", "and", "👩‍👩‍👧", "too"]


@pytest.fixture
def fragile(static_root: Path, django_db_setup: None, tmp_path: Path) -> Iterator[WebServer]:
    """A server that may be killed."""
    server = WebServer(static_root, tmp_path / "web.log")
    server.start()
    yield server
    server.stop()


class Writer:
    """Types word after word and remembers when each length of the text was reached."""

    def __init__(self, visitor: Visitor, queue: Queue, dice: random.Random) -> None:
        self.visitor = visitor
        self.queue = queue
        self.dice = dice
        self.text = ""
        self.reached: list[tuple[float, int]] = []

    @property
    def page(self) -> Page:
        return self.visitor.page

    def editor_text(self) -> str:
        return self.page.get_by_role("textbox", name=re.compile("best response")).input_value()

    def open(self) -> None:
        self.visitor.open(f"/label/{self.queue.pk}/")
        self.page.get_by_role("textbox", name=re.compile("best response")).focus()
        self.page.keyboard.press("Control+End")

    def write(self, number: int) -> None:
        for _ in range(number):
            word = self.dice.choice(WORDS) + " "
            self.page.keyboard.type(word, delay=self.dice.choice([0, 0, 8, 25]))
            self.text += word
            self.reached.append((monotonic(), len(self.text)))

    def check(self, ended: float) -> float:
        """How many seconds of typing are missing from what the page shows now; goes on from there."""
        found = self.editor_text()
        assert self.text.startswith(found), (self.text[-80:], found[-80:])
        # The moment at which the first missing word stood on the screen.
        lost = next((ended - at for at, length in self.reached if length > len(found)), 0.0)
        self.text = found
        self.reached = [(at, length) for at, length in self.reached if length <= len(found)]
        return lost


@pytest.mark.parametrize("seed", [1, 2])
def test_at_most_three_seconds_of_text_are_ever_missing(
    fragile: WebServer, browser: Browser, visitors: list[Visitor], seed: int
) -> None:
    ann = person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 3)
    queue = make.queue(project)
    visitor = let_in(fragile, browser, visitors)
    visitor.enter(ann)
    dice = random.Random(seed)
    writer = Writer(visitor, queue, dice)
    writer.open()
    worst = 0.0
    blows = ["server", "network", "tab", "tab while offline", "server and tab", "reload"]
    dice.shuffle(blows)
    for blow in blows:
        writer.write(dice.randint(4, 12))
        if "server" in blow:
            fragile.kill()
        if blow == "network" or "offline" in blow:
            visitor.context.set_offline(True)
        writer.write(dice.randint(3, 10))
        ended = monotonic()
        if "tab" in blow:
            # It ends without a chance to save anything, as a crashed one does.
            visitor.page.close(run_before_unload=False)
            visitor.page = visitor.another_tab()
        visitor.context.set_offline(False)
        if "server" in blow:
            fragile.start()
        if "tab" in blow or blow == "reload":
            writer.open()
        worst = max(worst, writer.check(ended))
    writer.write(3)
    expect(visitor.page.locator("[data-autosave-target=state]").first).to_have_attribute(
        "data-state", "saved", timeout=40_000
    )
    assert Draft.objects.get(annotator=ann).answers["response"]["text"] == writer.text
    assert worst <= MOST_LOST
    visitor.page.keyboard.press("Control+Enter")
    expect(visitor.page.locator("[data-count=today]")).to_have_text("1")
    assert Annotation.objects.get().answers["response"]["text"] == writer.text.strip()
    # Whatever was asked while things broke, nobody holds more than one task in hand and one after it.
    assert Slot.objects.filter(annotator=User.objects.get(pk=ann.pk), state="leased").count() <= 2
    visitor.expected += ["ERR_", "Failed to fetch", "Failed to load resource"]
